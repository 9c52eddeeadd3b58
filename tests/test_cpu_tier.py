"""Every tier, each in a process of its own: an instruction that is missing would end this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spmvbench.cpu.tier import AVX2, AVX512, GENERIC, tier

HERE = Path(__file__).parent
NAMES = ("macko", "bitmap", "csr16", "dense-f16", "dense-int8", "dense-int4")

HOST = tier()
BY_NAME = {"avx512": "icelake-server", "avx2": "haswell", "generic": "nehalem"}
ORDER = (GENERIC, AVX2, AVX512)
RUNNABLE = ORDER[: ORDER.index(HOST) + 1]


def process(code, features, **options):
    return subprocess.run(
        [sys.executable, *code],
        env={**os.environ, **features, "PYTHONPATH": f"{HERE.parent}:{HERE}"},
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        **options,
    )


def cpu(name):
    """Settings that make Numba compile for that CPU; no features beside those of the name."""
    return {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": ""}


def settings(tier_name):
    return {} if tier_name == HOST else cpu(BY_NAME[tier_name])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generic", GENERIC),
        ("nehalem", GENERIC),
        ("ivybridge", GENERIC),
        ("haswell", AVX2),
        ("skylake-avx512", AVX2),
        ("icelake-server", AVX512),
        ("znver4", AVX512),
    ],
)
@pytest.mark.skipif(HOST == GENERIC, reason="knows x86 CPUs by name only on one")
def test_a_named_cpu_has_the_tier_of_its_name_not_of_this_machine(name, expected):
    code = ["-c", "from spmvbench.cpu.tier import tier; print(tier())"]
    assert process(code, cpu(name), check=True).stdout.strip() == expected


@pytest.mark.skipif(HOST != AVX512, reason="needs AVX-512 to take it away")
def test_a_feature_taken_away_by_hand_is_not_used():
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten().replace("+avx512vbmi2", "-avx512vbmi2")
    code = ["-c", "from spmvbench.cpu.tier import tier; print(tier())"]
    assert process(code, {"NUMBA_CPU_FEATURES": features}, check=True).stdout.strip() == AVX2


def reason_to_skip(tier_name, work):
    if tier_name not in RUNNABLE:
        return f"this CPU has no {tier_name}"
    return "test_conformance does that" if (tier_name, work) == (HOST, "battery") else ""


@pytest.fixture(scope="module")
def started(request):
    """The processes of the cases selected, begun together: each compiles for a minute or two."""
    chosen = [i.callspec.params for i in request.session.items if "tier_name" in _parameters(i)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {
            (tier_name, work): pool.submit(
                process,
                [f"{HERE}/on_a_tier.py", tier_name, work, *NAMES],
                settings(tier_name),
            )
            for tier_name, work in ((c["tier_name"], c["work"]) for c in chosen)
            if not reason_to_skip(tier_name, work)
        }


def _parameters(item):
    return item.callspec.params if hasattr(item, "callspec") and item.path == Path(__file__) else {}


@pytest.mark.parametrize("work", ["battery", "guards"])
@pytest.mark.parametrize("tier_name", ORDER)
def test_a_tier_multiplies_right_and_stays_inside_its_arrays(tier_name, work, started):
    if reason := reason_to_skip(tier_name, work):
        pytest.skip(reason)
    done = started[tier_name, work].result()
    assert done.returncode == 0, done.stderr[-2000:]


ASSEMBLY = """
import sys
from host_target import HostTarget
from test_formats import uniform
from spmvbench.cpu.simd.dispatch import _one
from spmvbench.formats import resolve
fmt = resolve(sys.argv[1])
fmt.plan(fmt.pack(uniform(4, 1088, float(sys.argv[2]))), HostTarget())
print(*_one.inspect_asm().values())
"""


@pytest.mark.skipif(HOST != AVX512, reason="the instructions are of AVX-512")
@pytest.mark.parametrize(
    ("name", "density", "meant"),
    [
        ("bitmap", 0.7, {"vpexpandw", "vcvtph2ps"}),
        ("bitmap", 0.2, {"vpcompressw", "vpexpandw"}),
        ("macko", 0.5, {"vpmullq", "vperm[it]2w", "vperm[it]2ps"}),
        ("macko", 0.1, {"vpmullq", "vperm[it]2w"}),
        ("csr16", 0.5, {"vcvtph2ps"}),
        ("dense-f16", 1, {"vcvtph2ps", "prefetch"}),
        ("dense-int8", 1, {"vpmovsxbd", "vcvtdq2ps", "prefetch"}),
        ("dense-int4", 1, {"vpsrld", "vpermd", "prefetch"}),
    ],
)
def test_the_instructions_meant_are_in_the_machine_code(name, density, meant, tmp_path):
    fresh = {"XDG_CACHE_HOME": str(tmp_path)}  # code from the cache has no listing
    listing = process(["-c", ASSEMBLY, name, str(density)], fresh, check=True).stdout
    assert not {word for word in meant | {"vfmadd"} if not re.search(word, listing)}


WARM = """
import sys
from host_target import HostTarget
from test_formats import uniform
from spmvbench.cpu.simd import dispatch
from spmvbench.cpu.simd.dispatch import _many, _one
from spmvbench.formats import resolve
dispatch.PART_NS = 0
fmt = resolve(sys.argv[1])
for density in (0.1, 0.3, 0.6):
    for threads in (1, 2):
        fmt.plan(fmt.pack(uniform(64, 512, density)), HostTarget(threads))
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in (_one, _many)))
"""


@pytest.mark.skipif(HOST == GENERIC, reason="the kernels are of AVX-512 or AVX2")
@pytest.mark.parametrize("name", ["macko", "dense-int4"])
def test_a_second_process_compiles_nothing(name, tmp_path):
    fresh = {"XDG_CACHE_HOME": str(tmp_path)}
    first, second = (process(["-c", WARM, name], fresh, check=True).stdout for _ in range(2))
    assert int(first) > 0
    assert int(second) == 0


NEON = r"""
import re, sys
import llvmlite.binding as llvm
import numpy as np
from host_target import HostTarget
from test_formats import uniform
from spmvbench.cpu import bitmap, csr16, dense, int4, int8, macko
from spmvbench.formats import resolve
kernels = {"macko": macko, "bitmap": bitmap, "csr16": csr16, "dense-f16": dense,
           "dense-int8": int8, "dense-int4": int4}
llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
target = llvm.Target.from_triple("aarch64-unknown-linux-gnu")
machine = target.create_target_machine(cpu="neoverse-n1", opt=3)
for name, module in kernels.items():
    fmt = resolve(name)
    fmt.plan(fmt.pack(uniform(4, 300, 0.5)), HostTarget())
    (text,) = module.product_rows.inspect_llvm().values()
    text = re.sub(r'target (triple|datalayout) = ".*"', "", text)
    # How x86 counts references; the only thing of it that plain code holds.
    text = re.sub(r"= .*call i8 @llvm\.x86\.atomic\..*", "= add i8 0, 0", text)
    parsed = llvm.parse_assembly(text)
    parsed.triple, parsed.data_layout = machine.triple, str(machine.target_data)
    assembly = machine.emit_assembly(parsed)
    print(name, len(re.findall(r"fm(?:la|add|ul)", assembly)))
"""


@pytest.mark.skipif(HOST == GENERIC, reason="names x86 CPUs")
def test_the_portable_kernels_translate_for_aarch64(tmp_path):
    """Compiled only: no such CPU has run them here."""
    fresh = {"XDG_CACHE_HOME": str(tmp_path)}  # code from the cache has no listing
    done = process(["-c", NEON], {**cpu(BY_NAME[GENERIC]), **fresh}, check=True)
    counts = dict(line.split() for line in done.stdout.splitlines())
    assert counts.keys() == set(NAMES)
    assert all(int(count) > 0 for count in counts.values())

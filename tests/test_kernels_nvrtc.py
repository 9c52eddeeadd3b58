"""Every kernel in every variant compiles for every architecture; no GPU and no driver needed."""

from __future__ import annotations

import re
from functools import cache

import pytest
from kernel_table import FOLDER, KERNELS, MAKERS, THREADS, TYPES
from nvrtc import compile_for, missing, usages_of

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100", "sm_120")
REGISTERS_OF_SM = 65536
# Of those that make and pack matrices, which have fewer bytes in flight a lane, 32.
BLOCKS_OF_MAKERS = 4
ONE_BLOCK = {f"dense_int4<{name}, 8>" for name in TYPES.values()}


@cache
def compiled(file, variants, arch):
    return compile_for(file, arch, variants)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", KERNELS)
def test_every_variant_compiles_and_keeps_its_registers(name, arch):
    variants = tuple(KERNELS[name].variants())
    found = compiled(KERNELS[name].file, variants, arch)
    assert found.cubin[:4] == b"\x7fELF"
    assert found.usages.keys() == set(variants)
    for variant, usage in found.usages.items():
        assert (usage.spilled, usage.stack) == (0, 0), variant
        threads = THREADS if variant in ONE_BLOCK else KERNELS[name].threads_together(variant)
        assert usage.registers * threads <= REGISTERS_OF_SM, variant


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("name", MAKERS)
def test_what_makes_and_packs_matrices_compiles_and_keeps_its_registers(name, arch):
    usages = compile_for(FOLDER / f"{name}.cu", arch, MAKERS[name]).usages
    assert usages.keys() == set(MAKERS[name])
    for variant, usage in usages.items():
        assert (usage.spilled, usage.stack) == (0, 0), variant
        assert usage.registers * THREADS * BLOCKS_OF_MAKERS <= REGISTERS_OF_SM, variant


@pytest.mark.parametrize(
    ("variant", "meant"),
    [
        ("macko<__half, 1, int>", r"ld\.global\.nc\.v4\.\w32"),
        ("macko<float, 8, int>", r"ld\.global\.nc\.v4\.\w32"),
        ("dense_gemv<__half, 1, 8>", r"ld\.global\.nc\.L1::no_allocate\.v4\.u32"),
        ("dense_int8<__half, 1, 16>", r"ld\.global\.nc\.L1::no_allocate\.v4\.u32"),
        ("macko_fast<__half, float, int>", r"ld\.global\.nc\.L1::no_allocate\.v4\.u32"),
        ("slab_bitmap<__half, float, 16, 1>", r"ld\.global\.nc\.L1::no_allocate\.v4\.u32"),
        ("slab_bitmap<__half, float, 16, 1>", r"cp\.async\.cg\.shared\.global .*, 16;"),
        ("dense_int4<__half, 1>", r"ld\.global\.nc\.L1::no_allocate\.v4\.u32"),
    ],
)
def test_loads_are_as_wide_as_meant(variant, meant):
    kernel = KERNELS[variant.partition("<")[0]]
    assert re.search(meant, compile_for(kernel.file, "sm_90a", [variant]).ptx)


def test_what_does_not_compile_is_an_error_with_the_log(tmp_path):
    source = tmp_path / "wrong.cu"
    source.write_text('extern "C" __global__ void wrong(float* y) { y[0] = nonsense; }')
    with pytest.raises(RuntimeError, match="nonsense"):
        compile_for(source, "sm_80", ["wrong"])


SPILLER = """
__global__ void __launch_bounds__(1024, 2) spiller(float* p) {
  float a[96];
#pragma unroll
  for (int i = 0; i < 96; ++i) a[i] = p[i * 1024 + threadIdx.x];
  for (int k = 0; k < 100; ++k) {
#pragma unroll
    for (int i = 0; i < 96; ++i) a[i] = a[i] * a[(i * 7 + 3) % 96] + p[k];
  }
#pragma unroll
  for (int i = 0; i < 96; ++i) p[i * 1024 + threadIdx.x] = a[i];
}
"""


@pytest.mark.parametrize("arch", ["sm_75", "sm_90a"])
def test_spills_are_seen(arch, tmp_path):
    source = tmp_path / "spiller.cu"
    source.write_text(SPILLER)
    assert compile_for(source, arch, ["spiller"]).usages["spiller"].spilled > 0


def test_the_report_is_read_per_kernel():
    log = """\
ptxas info    : Compiling entry function 'one' for 'sm_80'
    16 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 40 registers, 380 bytes cmem[0]
ptxas info    : Compiling entry function 'two' for 'sm_80'
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, 380 bytes cmem[0]
"""
    found = usages_of(log)
    assert (found["one"].spilled, found["one"].stack) == (12, 16)
    assert (found["two"].spilled, found["two"].registers) == (0, 8)

"""Plug-ins in C: judged and measured as every format, and whatever one does costs its own row."""

from __future__ import annotations

import ctypes
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import small_run
from gpu_stand_in import Gpu
from plugins.built import EXAMPLE, MISSING, STRANGER, build, stranger

from spmvbench.conformance import cells, conform
from spmvbench.curves import tail
from spmvbench.devices.cpu import CpuDevice
from spmvbench.environment import environment
from spmvbench.errors import UnknownFormat
from spmvbench.experiment import load
from spmvbench.formats import check_name, resolve
from spmvbench.judging import WRONG, judge_all
from spmvbench.plugin import HEADER, abi
from spmvbench.plugin.csr import csr
from spmvbench.problems import Problem
from spmvbench.watch import Watch

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

measured = partial(small_run.measured, timeout_s=3)


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path / "watch")


def plugin(path):
    return resolve(f"plugin:{path}")


def statuses(path, device, watch, todo):
    verdicts = list(conform(f"plugin:{path}", device, watch, todo))
    assert not [v for v in verdicts if v.status not in ("ok", "unavailable")]
    return {v.status for v in verdicts}


# Right


def test_the_example_of_the_docs_is_right_on_the_whole_battery(watch):
    todo = [cell for cell in cells() if cell[1] != "bfloat16"]
    assert statuses(build(EXAMPLE), CpuDevice(), watch, todo) == {"ok"}


def test_the_example_is_measured_beside_our_formats(tmp_path):
    name = f"plugin:{build(EXAMPLE)}"
    rows = measured(tmp_path, name, "csr16", "dense-f16")
    assert {row.status for row in rows.values()} == {"ok"}
    assert rows[name].speedup > 0
    assert rows[name].packed_bytes == rows[name].nnz * (2 + 4) + 49 * 8


def test_a_plugin_takes_32_columns_of_x_and_no_more(tmp_path):
    name = f"plugin:{build(EXAMPLE)}"
    assert measured(tmp_path / "32", name, batch=32)[name].status == "ok"
    row = measured(tmp_path / "33", name, batch=33)[name]
    assert (row.status, row.reason) == (
        "unavailable",
        "csr-plain takes up to 32 columns of x, not 33",
    )


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_a_plugin_without_unpack_is_judged_by_its_products(watch, fake_cupy, kind):
    device = CpuDevice() if kind == "cpu" else Gpu(fake_cupy)
    todo = [cell for cell in cells(kind) if cell[1] == "float32"]
    assert statuses(stranger("GOOD"), device, watch, todo) == {"ok"}


def test_a_product_on_a_gpu_is_queued_on_the_current_stream(fake_cupy):
    path, gpu = stranger("GOOD"), Gpu(fake_cupy)
    fmt, dense = plugin(path), np.ones((2, 3), np.float32)
    matvec = fmt.plan(fmt.pack(dense), gpu)
    stream = fake_cupy.cuda.Stream()
    with stream:
        matvec(gpu.put(np.ones(3, np.float32)), gpu.empty(2, "float32"))
    seen = ctypes.c_void_p.in_dll(ctypes.CDLL(str(path)), "stranger_stream")
    assert seen.value == stream.ptr


def test_what_pack_has_made_is_freed_once():
    path = stranger("GOOD")
    freed = ctypes.CDLL(str(path)).stranger_freed
    before = freed()
    plugin(path).pack(np.ones((2, 3), np.float32))
    assert freed() == before + 1


def test_csr_for_plugins_leaves_out_both_zeros_and_keeps_nan():
    dense = np.array([[0.0, -0.0, 3.0], [0.0, 0.0, 0.0], [np.nan, 0.0, 7.0]], np.float16)
    values, columns, row_pointers = csr(dense)
    np.testing.assert_array_equal(values, np.array([3, np.nan, 7], np.float16))
    assert columns.tolist() == [2, 0, 2]
    assert row_pointers.tolist() == [0, 1, 1, 3]


# The header and ctypes are one


STRUCTURES = {
    "problem": abi.Problem,
    "matrix": abi.Matrix,
    "array": abi.PackedArray,
    "packed": abi.PackedArrays,
    "product": abi.Product,
    "plugin": abi.Table,
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_structures_are_laid_out_as_in_the_header(name):
    fields = [field[0] for field in STRUCTURES[name]._fields_]
    places = ", ".join(f"offsetof(struct spmvbench_{name}, {field})" for field in fields)
    text = '#include "spmvbench_plugin.h"\n'
    text += f"size_t places[] = {{{places}, sizeof(struct spmvbench_{name})}};"
    seen = (ctypes.c_size_t * (len(fields) + 1)).in_dll(ctypes.CDLL(str(build(text))), "places")
    ours = STRUCTURES[name]
    assert list(seen) == [*(getattr(ours, f).offset for f in fields), ctypes.sizeof(ours)]


def test_the_numbers_are_those_of_the_header():
    text = HEADER.read_text()
    numbers = dict(re.findall(r"SPMVBENCH_(\w+)[ =]+(\d+)", text))
    ours = {name.upper(): bit for name, bit in {**abi.TYPES, **abi.DEVICES}.items()}
    ours |= {"DENSE": abi.DENSE, "CSR": abi.CSR, "OUT_OF_MEMORY": abi.OUT_OF_MEMORY}
    ours |= {"ABI_VERSION": abi.VERSION, "MAX_ARRAYS": abi.MOST_ARRAYS}
    ours |= {"MAX_PARAMS": abi.MOST_PARAMS, "MAX_BATCH": abi.MOST_BATCH}
    assert {name: int(numbers[name]) for name in ours} == ours


# Wrong


NO_SYMBOL = "int answer = 42;"
OLD = "int spmvbench_abi_version(void) { return 0; } void spmvbench_plugin(void* p) { (void)p; }"
UNLINKED = (
    '#include "spmvbench_plugin.h"\nvoid nowhere(void);\n'
    "SPMVBENCH_PLUGIN(self) { nowhere(); (void)self; }"
)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (NO_SYMBOL, "exports no spmvbench_abi_version"),
        (OLD, "version 0 of spmvbench_plugin.h, expected 1"),
        (UNLINKED, "undefined symbol: nowhere"),
    ],
    ids=["no symbol", "old", "unlinked"],
)
def test_a_library_that_is_no_plugin_is_refused_in_one_line(source, words):
    options = ("-Wl,-z,now",) if source == UNLINKED else ()
    with pytest.raises(UnknownFormat, match=re.escape(words)) as refused:
        plugin(build(source, *options))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("NO_LAUNCH", "leaves launch unset"),
        ("LOSSY", "lossy and has no unpack"),
        ("BATCH", "max_batch is 33; expected 1 to 32"),
    ],
)
def test_a_plugin_that_says_what_cannot_be_is_refused(how, words):
    with pytest.raises(UnknownFormat, match=words):
        plugin(stranger(how))


ELF = {  # the first bytes of a file, and what the loader says of them
    "of another machine": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\xff\xfe" + bytes(60), ""),
    "of 32 bits": (b"\x7fELF\x01\x01\x01" + bytes(70), "wrong ELF class"),
    "text": (b"#include <stdio.h>\n" * 9, "invalid ELF header"),
    "empty": (b"", "file too short"),
}


@pytest.mark.parametrize("what", ELF)
def test_a_file_for_another_machine_costs_one_row(tmp_path, what):
    raw, words = ELF[what]
    path = tmp_path / "other.so"
    path.write_bytes(raw)
    rows = measured(tmp_path, f"plugin:{path}", "csr16")
    row = rows[f"plugin:{path}"]
    assert (row.status, rows["csr16"].status) == ("error", "ok")
    assert "cannot be loaded" in row.reason
    assert words in row.reason


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("FAILS", "error", "stranger: pack failed: the line that explains"),
        ("FULL", "oom", "stranger: pack failed"),
        ("CRASHES", "crashed", "SIGABRT in the product: about to abort"),
        ("HANGS", "timeout", "still in the product after 3 s"),
        ("WRONG", "wrong", "row "),
        ("LEAVES_NAN", "wrong", "y was not written, or added to (it held NaN before)"),
        ("PAST_Y", "wrong", "the product wrote 4 bytes past the end of y"),
        ("BEFORE_Y", "wrong", "the product wrote 4 bytes before the beginning of y"),
        ("PAST_ROOM", "wrong", "the product wrote 4 bytes past the end of its workspace"),
        ("COUNT", "error", "array_count is 17"),
        ("NULLS", "error", "at NULL"),
        ("NO_LAUNCH", "error", "leaves launch unset"),
    ],
)
def test_whatever_a_plugin_does_costs_its_own_row(tmp_path, how, status, words):
    name = f"plugin:{stranger(how)}"
    rows = measured(tmp_path, name, "dense-f16", dtype="float32")
    assert rows[name].status == status
    assert words in rows[name].reason
    assert rows[name].median_us is None
    assert rows["dense-f16"].status == "ok"


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize("how", ["PAST_Y", "BEFORE_Y", "PAST_ROOM"])
def test_what_is_written_beside_y_and_the_workspace_is_found_on_every_device(
    watch, fake_cupy, kind, how
):
    device = CpuDevice() if kind == "cpu" else Gpu(fake_cupy)
    cell = ("one row", "float32", cells(kind)[-1][2])
    (verdict,) = conform(f"plugin:{stranger(how)}", device, watch, [cell])
    assert verdict.status == "wrong"
    assert verdict.reason.startswith("the product wrote ")


def test_without_the_function_that_asks_for_it_there_is_no_workspace(tmp_path):
    name = f"plugin:{stranger('NO_ROOM')}"
    assert measured(tmp_path, name, dtype="float32")[name].status == "ok"


def test_openmp_is_given_the_threads_that_the_row_says(tmp_path):
    name = f"plugin:{build(STRANGER, '-DHOW=GOOD', '-fopenmp')}"
    row = measured(tmp_path, name, dtype="float32")[name]
    assert (row.status, row.threads) == ("ok", 1)


def test_what_a_plugin_prints_is_kept_beside_the_rows(tmp_path):
    name = f"plugin:{stranger('PRINTS')}"
    measured(tmp_path, name, "dense-f16", dtype="float32")
    (log,) = (tmp_path / "r" / "logs").iterdir()
    assert "packing 48 rows\n" in log.read_text()


def test_what_a_plugin_prints_before_it_crashes_is_kept_too(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # it lets C print at once
    measured(tmp_path, f"plugin:{stranger('CRASHES')}", dtype="float32")
    (log,) = (tmp_path / "r" / "logs").iterdir()
    assert log.read_text().endswith("about to abort\n")


def test_a_library_that_crashes_when_it_is_loaded_costs_its_own_row(tmp_path):
    path = build("#include <stdlib.h>\n__attribute__((constructor)) void boom(void) { abort(); }")
    rows = measured(tmp_path, f"plugin:{path}", "csr16")
    assert (rows[f"plugin:{path}"].status, rows["csr16"].status) == ("crashed", "ok")


def test_a_plugin_says_itself_what_it_cannot_take():
    fmt = plugin(stranger("GOOD"))
    assert (
        fmt.unavailable("cpu", Problem(13, 8, 0.5, dtype="float32")) == "stranger takes no 13 rows"
    )
    assert fmt.unavailable("cpu", Problem(14, 8, 0.5, dtype="float32")) is None
    said = fmt.unavailable("cpu", Problem(14, 8, 0.5, dtype="float16"))
    assert said.endswith("takes float32, not float16; to measure it: --set 'dtypes=[float32]'")


def test_x_of_another_shape_or_type_is_refused_before_the_call():
    fmt, device = plugin(build(EXAMPLE)), CpuDevice()
    matvec = fmt.plan(fmt.pack(np.ones((2, 3), np.float32)), device)
    y = np.zeros(2, np.float32)
    for x in (np.ones(4, np.float32), np.ones(3, np.float64), np.ones(6, np.float32)[::2]):
        with pytest.raises(ValueError, match=r"x is .*, expected float32 \(3,\)"):
            matvec(x, y)


def test_a_mistake_that_every_cell_has_is_said_once(capsys):
    assert judge_all([f"plugin:{stranger('NO_LAUNCH')}"], "cpu") == WRONG
    _, line = capsys.readouterr().out.splitlines()
    assert "error in all 156 cells: format 'plugin:" in line
    assert line.endswith("it leaves launch unset; expected name, pack, free, launch")


# By name


def test_a_file_that_is_not_there_is_refused_before_anything_is_measured(tmp_path):
    with pytest.raises(UnknownFormat, match="there is no file"):
        check_name(f"plugin:{tmp_path}/absent.so")


def test_a_plugin_is_looked_for_beside_the_experiment(tmp_path):
    (tmp_path / "mine.so").write_bytes(b"")
    path = tmp_path / "e.yaml"
    path.write_text("formats: ['plugin:mine.so']\nshapes: [[4, 4]]\ndensities: 0.5\n")
    assert load(str(path)).formats == (f"plugin:{tmp_path}/mine.so",)


def test_a_plugin_that_was_compiled_again_is_another_source(tmp_path):
    path = tmp_path / "mine.so"
    path.write_bytes(b"one")
    before = environment({}, outside=[f"plugin:{path}"])["outside"]
    path.write_bytes(b"two")
    assert environment({}, outside=[f"plugin:{path}"])["outside"] != before


def test_figures_name_a_plugin_by_its_file():
    assert tail("plugin:/some/where/mine.so") == tail("plugin:mine.so") == "mine.so"
    assert tail("some/where/mine.py:Mine") == "mine.py:Mine"


def test_the_header_lies_where_the_command_says(capsys):
    from spmvbench.cli.adding import plugin_header

    plugin_header()
    assert Path(capsys.readouterr().out.strip(), "spmvbench_plugin.h").is_file()

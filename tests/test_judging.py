"""`spmvbench check`: what it judges, what it says of it, and its exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spmvbench.battery import BATTERY
from spmvbench.cli import app
from spmvbench.errors import UserError
from spmvbench.formats import resolve

HERE = Path(__file__).parent

BEGINNING = """
import numpy as np
from spmvbench.dtypes import DTYPES
from spmvbench.formats.base import Format, Packed

class Mine(Format):
    name = "mine"

    def pack(self, dense):
        return Packed(dense.shape, str(dense.dtype), {"values": dense.copy()})

    def unpack(self, packed):
        return packed.arrays["values"]

    def plan(self, packed, device):
        a = device.put(packed.arrays["values"].astype("f4"))
        def product(x, y):
            with np.errstate(invalid="ignore"):
                np.matmul(a, x, out=y)
        return product
"""

ONE = ("--matrix", "one row", "--dtype", "float32", "--device", "cpu")


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Writes a format, of which methods may be others, and gives its name."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)

    def write(more=""):
        path = tmp_path / "mine.py"
        path.write_text(BEGINNING + more)
        return f"{path}:Mine"

    return write


def check(name, *words):
    done = CliRunner().invoke(app, ["check", name, *(words or ONE)])
    return done.exit_code, done.stdout


def test_a_format_is_judged_on_the_matrix_and_the_type_that_are_named(mine):
    code, said = check(mine())
    assert code == 0
    assert said.endswith("right in all 2 cells\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--matrix", "one rwo"), "there is no 'one rwo'; did you mean 'one row'?"),
        (("--dtype", "fp16"), "there is no 'fp16'; expected one of: float16; bfloat16; float32"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(mine, words, expected):
    done = CliRunner().invoke(app, ["check", mine(), *words])
    assert isinstance(done.exception, UserError)
    assert expected in str(done.exception)


def test_pack_and_unpack_are_judged_where_plan_still_fails(mine):
    code, said = check(
        mine("    def plan(self, packed, device):\n        raise ValueError('later')\n")
    )
    assert code == 1
    assert "error in all 2 cells: ValueError: later" in said
    assert "; pack and unpack are right in 2\n" in said


def test_a_wrong_unpack_is_not_counted_as_right(mine):
    _, said = check(
        mine("    def unpack(self, packed):\n        return 0 * packed.arrays['values']\n")
    )
    assert "unpack: row 0" in said
    assert "pack and unpack are right" not in said


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("    def plan(self, packed, device): pass", "plan returned None, expected the function"),
        ("    def pack(self, dense): pass", "pack returned None, expected a spmvbench.formats"),
        (
            "    def pack(self, dense):\n"
            "        return Packed(dense.shape, 'float32', {'gaps': [1, 2]})",
            "the packed array 'gaps' is a list, expected a NumPy array",
        ),
        (
            "    def pack(self, dense):\n"
            "        return Packed(dense.shape, 'float64', {'values': dense})",
            "the packed matrix is of dtype float64, expected one of float16, bfloat16, float32",
        ),
        (
            "    def plan(self, packed, device):\n        return lambda x, y: x + 1\n",
            "y was not written, or added to (it held NaN before)",
        ),
    ],
)
def test_a_mistake_is_said_in_the_words_of_its_author(mine, more, words):
    code, said = check(mine(more))
    assert code == 1
    assert words in said
    assert "prepare.py" not in said


@pytest.mark.parametrize("where", ["behind", "before"])
def test_a_product_that_reads_beyond_x_is_wrong_though_it_multiplies_by_zero(mine, where):
    more = "    whole = plan\n    def plan(self, packed, device):\n"
    more += "        product = self.whole(packed, device)\n        def padded(x, y):\n"
    more += "            product(x, y)\n            at = x.ctypes.data"
    more += " + x.nbytes\n" if where == "behind" else " - 4\n"
    more += "            import ctypes\n"
    more += "            y += 0 * ctypes.c_float.from_address(at).value\n"
    code, said = check(mine(more + "        return padded\n"))
    assert code == 1
    assert "saw nan, expected" in said


def test_rows_that_were_left_out_are_counted(mine):
    more = "    whole = plan\n    def plan(self, packed, device):\n"
    more += "        product = self.whole(packed, device)\n        def part(x, y):\n"
    more += (
        "            first = y[:3].copy()\n            product(x, y)\n            y[:3] = first\n"
    )
    words = ("--matrix", "banded", "--dtype", "float32", "--device", "cpu")
    _, said = check(mine(more + "        return part\n"), *words)
    assert "row 0: y was not written, or added to (it held NaN before), as in 3 of 96 rows" in said


def test_every_failure_is_shown_with_its_traceback_when_asked(mine):
    name = mine("    def plan(self, packed, device):\n        raise ValueError(packed.shape)\n")
    words = ("--dtype", "float32", "--device", "cpu")
    _, few = check(name, *words)
    assert f"and {2 * len(BATTERY) - 5} more; --all shows them, with tracebacks" in few
    assert "Traceback" not in few
    _, all_of_them = check(name, *words, "--all")
    assert all_of_them.count("Traceback") == 2 * len(BATTERY)
    assert 'mine.py", line' in all_of_them


def test_what_a_format_prints_is_shown_below_its_verdict(mine):
    more = "    def unpack(self, packed):\n        print('unpacking', packed.shape)\n"
    code, said = check(mine(more + "        return packed.arrays['values']\n"))
    assert code == 0
    assert "right in all 2 cells\n  printed meanwhile:\n    unpacking (1, 300)\n" in said


def test_of_much_that_is_printed_the_end_is_shown_and_all_when_asked(mine):
    more = "    def unpack(self, packed):\n        print(*range(40), sep='\\n')\n"
    name = mine(more + "        return packed.arrays['values']\n")
    _, end = check(name)
    assert "printed meanwhile, the last 10 of 80 lines:\n    30\n" in end
    assert "printed meanwhile:\n    0\n" in check(name, *ONE, "--all")[1]


def test_a_named_format_of_which_nothing_can_be_judged_is_no_success(mine):
    code, said = check(mine("    devices = ('cuda',)\n"))
    assert code == 2
    assert "not judged: mine has no kernel for cpu, only for cuda" in said


@pytest.mark.parametrize(
    ("more", "cells", "expected"),
    [
        ("    dtypes = ('float16', 'float32')\n", 4, "bfloat16 (not among its types)"),
        (
            "    dtypes = ('float32',)\n",
            2,
            "float16, bfloat16 (not among its types)",
        ),
        (
            "    batches = {'cpu': (1,)}\n",
            3,
            "3 columns of x (mine takes 1 columns of x on cpu, not 3)",
        ),
        (
            "    def unavailable(self, device, problem=None):\n"
            "        even = problem and problem.dtype == 'float16' and problem.batch == 3\n"
            "        return 'no room' if even else None\n",
            5,
            "one row (no room)",
        ),
    ],
)
def test_what_was_not_judged_is_said_with_its_reason(mine, more, cells, expected):
    _, said = check(mine(more), "--matrix", "one row", "--device", "cpu")
    assert said.endswith(f"right in all {cells} cells; not judged: {expected}\n")


def test_of_many_reasons_to_judge_less_the_first_are_said(mine):
    more = "    def unavailable(self, device, problem=None):\n"
    more += "        small = problem and problem.rows < 9\n"
    more += "        return f'{problem.elements} are few' if small else None\n"
    _, said = check(mine(more), "--dtype", "float32", "--device", "cpu")
    assert said.count(" are few)") == 5
    assert said.endswith(" more reasons\n")


def test_a_type_that_is_not_taken_is_said_without_the_option_of_a_run(mine):
    code, said = check(mine("    dtypes = ('float16',)\n"))
    assert code == 2
    assert said.endswith("Mine: not judged: mine takes float16, not float32\n")


def test_a_debugger_that_waits_for_words_is_named(mine):
    more = "    def plan(self, packed, device):\n        breakpoint()\n"
    words = ("--matrix", "one row", "--dtype", "float32", "--device", "cpu", "--timeout", "1s")
    said = check(mine(more), *words)[1]
    assert "still in plan after 1 s; breakpoint() needs spmvbench check --here" in said


REPORT = (
    "==7==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x1",
    "SUMMARY: AddressSanitizer: heap-buffer-overflow mine.c:7 in product",
    "==7==ABORTING",
)


@pytest.mark.parametrize(("lines", "shown"), [((0, 1, 2), 1), ((0, 2), 0), ((2,), 2)])
def test_a_crash_is_summed_up_by_the_line_of_the_sanitizer_that_does(mine, lines, shown):
    report = "\\n".join(REPORT[line] for line in lines)
    more = f"    def plan(self, packed, device):\n        print('{report}')\n"
    said = check(mine(more + "        import os; os.abort()\n"))[1]
    assert f"died of SIGABRT in plan: {REPORT[shown]}\n" in said


def test_a_hang_is_ended_after_the_time_that_is_named(mine):
    more = "    def plan(self, packed, device):\n        while True: pass\n"
    words = ("--matrix", "one row", "--dtype", "float32", "--device", "cpu", "--timeout", "1s")
    assert "timeout: still in plan after 1 s" in check(mine(more), *words)[1]


@pytest.mark.parametrize(
    ("stage", "more"),
    [
        ("pack", "    def pack(self, dense):\n        import os; os.abort()\n"),
        ("unpack", "    def unpack(self, packed):\n        import os; os.abort()\n"),
        ("plan", "    def plan(self, packed, device):\n        import os; os.abort()\n"),
        (
            "the product",
            "    def plan(self, packed, device):\n        import os\n"
            "        return lambda x, y: os.abort()\n",
        ),
    ],
)
def test_a_crash_is_named_after_what_its_author_wrote(mine, stage, more):
    assert f"died of SIGABRT in {stage}" in check(mine(more))[1]


NO_PLAN = """
from abc import abstractmethod

class Mine(Mine):
    @abstractmethod
    def plan(self, packed, device): ...
"""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("    dtypes = ('fp16',)", r"dtypes is \('fp16',\); expected a tuple of some of float16"),
        ("    dtypes = 'float16'", "dtypes is 'float16'; expected a tuple"),
        ("    devices = ('gpu',)", "expected a tuple of some of cpu, cuda"),
        ("    batches = (1, 2)", r"batches is \(1, 2\); expected numbers of columns of x by kind"),
        ("    batches = {'gpu': (1,)}", r"as \{'cuda': \(1, 2\)\}"),
        ("    batches = {'cpu': 1}", r"batches is \{'cpu': 1\}; expected"),
        ("    name = None", "Mine has no name; expected one, as name = 'mine'"),
        (NO_PLAN, "Mine has no plan; expected pack, unpack and plan"),
    ],
)
def test_a_class_that_is_no_format_yet_says_what_it_lacks(mine, more, words):
    with pytest.raises(UserError, match=words):
        resolve(mine(more))


def test_here_means_in_the_process_of_the_command(mine, monkeypatch):
    monkeypatch.setattr("spmvbench.judging.WorkerProcess", None)
    monkeypatch.setattr("sys.path", list(sys.path))
    code, said = check(mine(), *ONE, "--here")
    assert code == 0
    assert "right in all 2 cells" in said


def test_a_run_in_which_a_format_is_wrong_ends_with_0_and_names_it(mine, tmp_path):
    name = mine("    def plan(self, packed, device):\n        return lambda x, y: y.fill(7)\n")
    experiment = tmp_path / "e.yaml"
    lines = (f'formats: [dense-f16, "{name}"]', "shapes: [[8, 8]]", "densities: 0.5")
    experiment.write_text("\n".join([*lines, "timing: {budget_s: 0.01}\n"]))
    words = ("--device", "cpu", "--out", str(tmp_path / "out"))
    done = CliRunner().invoke(app, ["run", str(experiment), *words])
    assert done.exit_code == 0, done.stdout
    assert "1 wrong: " in done.stdout

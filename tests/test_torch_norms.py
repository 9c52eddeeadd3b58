"""Norms of activations, watched while a model runs, are what `prune --norms` takes."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[torch]'")

from toy_network import write_safetensors  # noqa: E402

from spmvbench.checkpoint.norms import read_norms  # noqa: E402
from spmvbench.checkpoint.stored import open_checkpoint  # noqa: E402
from spmvbench.torch import activation_norms  # noqa: E402


@pytest.fixture
def model():
    made = torch.nn.Sequential()
    made.add_module("up_proj", torch.nn.Linear(8, 6))
    made.add_module("act", torch.nn.ReLU())
    made.add_module("down_proj", torch.nn.Linear(6, 4))
    return made.requires_grad_(False)


def test_norms_are_over_all_tokens_of_all_batches(model, tmp_path):
    one, other = torch.randn(2, 5, 8), torch.randn(3, 8)
    with activation_norms(model, tmp_path / "norms.npz"):
        model(one)
        model(other)
    seen = np.concatenate([one.reshape(-1, 8).numpy(), other.numpy()])
    found = np.load(tmp_path / "norms.npz")
    assert set(found.files) == {"up_proj.weight", "down_proj.weight"}
    np.testing.assert_allclose(
        found["up_proj.weight"], np.linalg.norm(seen.astype(float), axis=0), rtol=1e-6
    )
    inner = model.act(model.up_proj(torch.from_numpy(seen))).numpy()
    np.testing.assert_allclose(
        found["down_proj.weight"], np.linalg.norm(inner.astype(float), axis=0), rtol=1e-5
    )


def test_prune_reads_what_was_written(model, tmp_path):
    with activation_norms(model, tmp_path / "norms.npz"):
        model(torch.randn(3, 8))
    stored = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    write_safetensors(tmp_path / "model.safetensors", stored)
    entries = open_checkpoint(tmp_path / "model.safetensors").entries
    weights = [entry for entry in entries if entry.name.endswith(".weight")]
    norms = read_norms(tmp_path / "norms.npz", weights)
    assert {name: v.shape for name, v in norms.items()} == {
        "up_proj.weight": (8,),
        "down_proj.weight": (6,),
    }


def test_a_model_that_fails_leaves_no_file_and_no_hook(model, tmp_path):
    with pytest.raises(RuntimeError), activation_norms(model, tmp_path / "norms.npz"):
        model(torch.randn(3, 7))
    assert not (tmp_path / "norms.npz").exists()
    assert not model.up_proj._forward_pre_hooks

"""Whole models: pack their linear layers, and load what was packed before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch

from spmvbench.api.vectors import FLOATS
from spmvbench.errors import DtypeError, MatrixError
from spmvbench.torch.linear import Linear


def convert(model: Any, *, min_sparsity: float) -> list[str]:
    """Replace, in place, each torch.nn.Linear of which so large a share of the weights is zero.

    Gives their names. A layer that stands in several places is packed once. What stays as it is:
    subclasses of torch.nn.Linear, whose forward may do more, and layers of other types of floats.
    """
    if not 0 <= min_sparsity <= 1:
        raise MatrixError(f"min_sparsity is {min_sparsity}; expected a share from 0 to 1")

    def packed(_: str, layer: Any) -> Linear | None:
        weight = layer.weight
        if str(weight.dtype).removeprefix("torch.") not in FLOATS or not weight.numel():
            return None
        zeros = weight.numel() - int(torch.count_nonzero(weight))
        return Linear.from_dense(layer) if zeros >= min_sparsity * weight.numel() else None

    return _replace(model, packed)


def load(model: Any, state_dict: Mapping[str, Any], **how: Any) -> Any:
    """Load the state_dict of a model that was converted into one that was not.

    A torch.nn.Linear for which it has packed weights is replaced, in place. `how`, and the result,
    as of torch.nn.Module.load_state_dict; a model on the device `meta` takes `assign=True`.
    """

    def empty(name: str, layer: Any) -> Linear | None:
        values = state_dict.get(f"{name}.values")
        if values is None or f"{name}.deltas" not in state_dict:
            return None
        device = values.device if layer.weight.is_meta else layer.weight.device
        bias = layer.bias is not None
        return Linear(layer.in_features, layer.out_features, bias, device, values.dtype)

    _replace(model, empty)
    return model.load_state_dict(state_dict, **how)


def _replace(model: Any, replacement: Callable[[str, Any], Linear | None]) -> list[str]:
    """The names of the layers for which there is one. Each old layer may go before the next."""
    if isinstance(model, torch.nn.Linear):
        raise DtypeError("the model is a single torch.nn.Linear; expected Linear.from_dense(model)")
    names = [name for name, _ in model.named_modules(remove_duplicate=False)]
    made: WeakKeyDictionary[Any, Linear | None] = WeakKeyDictionary()
    replaced = []
    for name in names:
        layer = model.get_submodule(name)
        if type(layer) is not torch.nn.Linear:
            continue
        if layer not in made:
            made[layer] = replacement(name, layer)
        if made[layer] is not None:
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, made[layer])
            replaced.append(name)
    return replaced

"""How large the inputs of a model's linear layers are: what Wanda weighs weights by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch


@contextmanager
def activation_norms(model: Any, file: str | Path) -> Iterator[None]:
    """Watch the inputs of every torch.nn.Linear meanwhile, then write their norms.

    Run the calibration text through the model inside. `file` (.npz) gets the 2-norm of each column
    of x over all tokens seen, under `LAYER.weight`: what `spmvbench prune --norms` takes. A layer
    that was not used has none. Nothing is written when what is inside fails.
    Source: Sun et al., A Simple and Effective Pruning Approach for Large Language Models, 2023.
    """
    squares: dict[str, Any] = {}

    def watch(name: str) -> Callable[..., None]:
        def hook(module: Any, inputs: Any) -> None:
            x = inputs[0].detach().double().flatten(0, -2)
            squares[name] = squares.get(name, 0) + x.square().sum(0)

        return hook

    hooks = [
        layer.register_forward_pre_hook(watch(f"{name}.weight"))
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear)
    ]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()
    norms = {name: found.sqrt().float().cpu().numpy() for name, found in squares.items()}
    np.savez(Path(file).with_suffix(".npz"), **norms)

"""MACKO as its authors ship it: the torch operator of their package `macko_spmv`."""

from __future__ import annotations

import importlib.util

from spmvbench.torch_op import OperatorName

from ._operator import TorchOp

PACKAGE = "macko_spmv"


class MackoOriginal(TorchOp):
    """`torch.ops.macko_spmv.multiply`, on the arrays that `macko` packs: the layout is one.

    Importing the package compiles it, once per installation.
    """

    name = "macko-original"
    devices = ("cuda",)
    dtypes = ("float16",)
    operator = OperatorName("macko-padded", f"{PACKAGE}::multiply", PACKAGE)

    def missing(self, device: str) -> str | None:
        """See `TorchOp.missing`."""
        if reason := super().missing(device):
            return reason
        if importlib.util.find_spec(PACKAGE) is None:
            return f"{PACKAGE} is not installed; docs/baselines.md says what it needs"
        return None

"""A linear layer whose weights are packed as MACKO; it goes where a torch.nn.Linear was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from spmvbench.api.matrix import MackoMatrix
from spmvbench.api.tensors import on_host, to_tensor
from spmvbench.api.vectors import FLOATS
from spmvbench.errors import DtypeError, MatrixError
from spmvbench.formats.macko import Macko
from spmvbench.torch.op import NAMES, Tensors, product, remember

_DTYPES = tuple(getattr(torch, name) for name in FLOATS)


class Linear(torch.nn.Module):  # type: ignore[misc]  # PyTorch is no dependency: its types are Any
    """y = x A^T + b, for inference: no gradient goes through it.

    The buffers `values`, `deltas` and `row_pointers` hold A, so state_dict, to() and half() take
    them along. They are not written to from outside; load_state_dict may bring others.
    Shapes: x (..., in_features), result (..., out_features); x of the weights' type and device.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """All weights are zero, to be loaded; see `from_dense`. Arguments as of torch.nn.Linear."""
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        how = {"device": device or torch.get_default_device()}
        dtype = dtype or torch.get_default_dtype()
        _require_kernels(torch.device(how["device"]), dtype)
        self._hold(
            {
                "values": torch.zeros(0, dtype=dtype, **how),
                "deltas": torch.zeros(0, dtype=torch.uint8, **how),
                "row_pointers": torch.zeros(out_features + 1, dtype=torch.int32, **how),
            }
        )
        zeros = torch.zeros(out_features, dtype=dtype, **how) if bias else None
        self.bias = _parameter(zeros)

    @classmethod
    def from_dense(cls, linear: Any) -> Linear:
        """The layer with the same weights and bias, on the same device; `linear` stays as it is.

        Raises: DtypeError, MatrixError for weights that cannot be packed.
        """
        if not isinstance(linear, torch.nn.Linear):
            raise DtypeError(f"got a {type(linear).__name__}; expected a torch.nn.Linear")
        weight = linear.weight.detach()
        _require_kernels(weight.device, weight.dtype)
        packed = Macko().pack(on_host(weight.cpu()))
        rows, cols = packed.shape
        made = cls(cols, rows, False, weight.device, weight.dtype)
        tensors = {name: to_tensor(packed.arrays[name]) for name in NAMES}
        made._hold({name: tensor.to(weight.device) for name, tensor in tensors.items()})
        made.bias = _parameter(None if linear.bias is None else linear.bias.detach().clone())
        made.train(linear.training)
        return made

    def to_dense(self) -> Any:
        """The torch.nn.Linear with the same weights: for many vectors at once, or for training."""
        made = torch.nn.Linear(
            *(self.in_features, self.out_features, self.bias is not None),
            device=self.values.device,
            dtype=self.values.dtype,
        )
        with torch.no_grad():
            made.weight.copy_(to_tensor(self.matrix.to("cpu").to_dense()))
            if self.bias is not None:
                made.bias.copy_(self.bias)
        return made.train(self.training)

    @property
    def matrix(self) -> MackoMatrix:
        """The packed weights: shape (out_features, in_features), density, bytes."""
        return self._matrix

    def forward(self, x: Any) -> Any:
        """See the class. Raises: DtypeError, MatrixError, each with one line."""
        self._require_fit(x)
        flat = x.reshape(-1, self.in_features)
        y = product(self.values, self.deltas, self.row_pointers, flat)
        y = y.reshape(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """For the text of a model."""
        matrix = self._matrix
        share = 100 * matrix.nbytes / max(matrix.dense_nbytes, 1)
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}, dtype={self.values.dtype}, {share:.1f} % of dense"
        )

    def _require_fit(self, x: Any) -> None:
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise MatrixError(
                f"x has shape {tuple(x.shape)}; expected (..., {self.in_features}), in_features"
            )
        if x.dtype != self.values.dtype:
            raise DtypeError(f"x is {x.dtype}; expected that of the weights, {self.values.dtype}")
        if x.device != self.values.device:
            raise MatrixError(f"x lives on {x.device}, the weights on {self.values.device}")
        if x.requires_grad and torch.is_grad_enabled():
            raise MatrixError(
                "x requires grad, and this layer has no gradient: use torch.no_grad(), or "
                "to_dense() to train"
            )

    def _hold(self, arrays: Tensors) -> None:
        self._matrix, arrays = remember(arrays, self.in_features)
        for name in NAMES:
            self.register_buffer(name, arrays[name])

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Any:
        """What to(), half(), cuda() do: refused where there are no kernels, before any change."""
        before = {name: self._buffers[name] for name in NAMES}
        tried = {name: fn(tensor[:0]) for name, tensor in before.items()}
        _require_kernels(tried["values"].device, tried["values"].dtype)
        if any(tried[name].dtype != before[name].dtype for name in NAMES[1:]):
            raise DtypeError("packed weights cannot be cast by type(); use to(), half(), float()")
        super()._apply(fn, recurse)
        after = {name: self._buffers[name] for name in NAMES}
        if any(after[name] is not before[name] for name in NAMES):
            self._hold(after)
        return self

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        """Other weights have other numbers of entries: take the arrays before sizes are compared.

        Cast to this layer's type and device, unless load_state_dict is to assign.
        """
        found = {name: state_dict.get(prefix + name) for name in NAMES}
        if all(tensor is not None for tensor in found.values()):
            if not local_metadata.get("assign_to_params_buffers", False):
                found = {name: tensor.to(self._buffers[name]) for name, tensor in found.items()}
            try:
                self._require_rows(found["row_pointers"])
                self._hold(found)
            except ValueError as error:
                errors = rest[-1]
                errors.append(f"{prefix}values: {error}")
                return
            state_dict = {**state_dict, **{prefix + name: self._buffers[name] for name in NAMES}}
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def _require_rows(self, row_pointers: Any) -> None:
        rows = row_pointers.numel() - 1
        if rows != self.out_features:
            raise MatrixError(f"the weights have {rows} rows; expected {self.out_features}")

    def __getstate__(self) -> Any:
        """For pickle and copy: all but the matrix, which is planned anew."""
        return {name: value for name, value in self.__dict__.items() if name != "_matrix"}

    def __setstate__(self, state: Any) -> None:
        """See `__getstate__`."""
        super().__setstate__(state)
        self._hold({name: self._buffers[name] for name in NAMES})


def _parameter(tensor: Any) -> Any:
    return None if tensor is None else torch.nn.Parameter(tensor, requires_grad=False)


def _require_kernels(device: Any, dtype: Any) -> None:
    if device.type not in ("cpu", "cuda"):
        raise MatrixError(f"packed weights cannot live on {device}; expected cpu or cuda")
    if dtype not in _DTYPES:
        raise DtypeError(f"packed weights cannot be {dtype}; expected {', '.join(FLOATS)}")

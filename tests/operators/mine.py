"""Operators of PyTorch for the tests: right ones that check all they are given, and strange ones.

Registered for every device: the GPU of the tests is a stand-in in host memory.
"""

from __future__ import annotations

import ctypes
import os

import numpy as np
import torch

EVERYWHERE = "CompositeExplicitAutograd"
CSR = "Tensor row_pointers, Tensor columns, Tensor values, Tensor x"

library = torch.library.Library("mine", "DEF")


def operator(schema, device=EVERYWHERE):
    """Registers the function below it under that schema."""
    library.define(schema)

    def register(function):
        library.impl(schema.partition("(")[0], function, device)
        return function

    return register


def dense_product(matrix, x):
    """In float32, rounded once; NumPy's sums, so that Inf and NaN meet no BLAS."""
    with np.errstate(all="ignore"):
        sums = (matrix.float().numpy() * x.float().numpy()).sum(axis=1, dtype=np.float32)
    return torch.from_numpy(sums).to(x.dtype)


def csr_product(row_pointers, columns, values, x):
    assert row_pointers.dtype == columns.dtype == torch.int32
    assert values.dtype == x.dtype
    ends = row_pointers.numpy()
    assert ends[0] == 0
    assert ends[-1] == values.numel() == columns.numel()
    with np.errstate(all="ignore"):
        terms = values.float().numpy() * x.float().numpy()[columns.numpy()]
        rows = [terms[a:b].sum(dtype=np.float32) for a, b in zip(ends, ends[1:], strict=False)]
    return torch.from_numpy(np.array(rows, np.float32)).to(x.dtype)


@torch.library.custom_op("mine::dense", mutates_args=())
def dense(matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    assert matrix.dtype == x.dtype
    return dense_product(matrix, x)


@torch.library.custom_op("mine::dense_into", mutates_args=("y",))
def dense_into(matrix: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> None:
    assert matrix.dtype == x.dtype == y.dtype
    y.copy_(dense_product(matrix, x))


@operator(f"csr({CSR}) -> Tensor")
def csr(row_pointers, columns, values, x):
    return csr_product(row_pointers, columns, values, x)


@operator(f"csr_out({CSR}, *, Tensor(a!) out) -> Tensor(a!)")
def csr_out(row_pointers, columns, values, x, *, out):
    return out.copy_(csr_product(row_pointers, columns, values, x))


@operator(
    "csr_first(Tensor(a!) y, Tensor row_pointers, int cols, Tensor columns, Tensor values, "
    "int rows, Tensor x, float alpha=1.0, Tensor? bias=None) -> ()"
)
def csr_first(y, row_pointers, cols, columns, values, rows, x, alpha=1.0, bias=None):
    assert (rows, cols) == (y.numel(), x.numel())
    assert alpha == 1.0
    assert bias is None
    y.copy_(csr_product(row_pointers, columns, values, x))


@operator("macko(Tensor values, Tensor deltas, Tensor row_pointers, int n, Tensor x) -> Tensor")
def macko(values, deltas, row_pointers, n, x):
    """Of any rows that the pointers have: those of whole blocks are cut off."""
    assert n == x.numel()
    assert deltas.dtype == torch.uint8
    assert values.numel() == 2 * deltas.numel()
    codes = np.stack([deltas.numpy() & 15, deltas.numpy() >> 4], axis=1).reshape(-1)
    ends = row_pointers.numpy()
    columns = np.zeros(values.numel(), np.int32)
    for begin, end in zip(ends, ends[1:], strict=False):
        columns[begin:end] = np.cumsum(codes[begin:end].astype(np.int32) + 1) - 1
    stored = int(ends[-1])
    found = torch.from_numpy(columns)[:stored]
    return csr_product(row_pointers, found, values[:stored], x)


@operator("padded(Tensor v, Tensor d, Tensor p, int m, int n, Tensor x) -> Tensor")
def padded(values, deltas, row_pointers, m, n, x):
    assert row_pointers.numel() == 1 + 32 * -(-m // 32)
    return macko(values, deltas, row_pointers, n, x)[:m]


@operator("bitmap(Tensor mask, Tensor values, Tensor row_pointers, Tensor x) -> Tensor")
def bitmap(mask, values, row_pointers, x):
    assert mask.dtype == torch.int64
    assert mask.shape == (row_pointers.numel() - 1, -(-x.numel() // 64))
    octets = mask.numpy().view(np.uint8).reshape(mask.shape[0], -1)
    columns = np.unpackbits(octets, axis=1, bitorder="little").nonzero()[1].astype(np.int32)
    return csr_product(row_pointers, torch.from_numpy(columns), values, x)


# Strange ones


@operator("returns_column(Tensor matrix, Tensor x) -> Tensor")
def returns_column(matrix, x):
    return dense_product(matrix, x)[:, None]


@operator("returns_wide(Tensor matrix, Tensor x) -> Tensor")
def returns_wide(matrix, x):
    return dense_product(matrix, x).double()


@operator("returns_elsewhere(Tensor matrix, Tensor x) -> Tensor")
def returns_elsewhere(matrix, x):
    return dense_product(matrix, x).to("meta")


@operator("raises(Tensor matrix, Tensor x) -> Tensor")
def raises(matrix, x):
    raise RuntimeError("columns must be\na multiple of 7")


@operator("is_wrong(Tensor matrix, Tensor x) -> Tensor")
def is_wrong(matrix, x):
    return dense_product(matrix, x) + 1


@operator("leaves_y(Tensor matrix, Tensor x, Tensor(a!) y) -> ()")
def leaves_y(matrix, x, y):
    """Writes nothing."""


@operator("aborts(Tensor matrix, Tensor x) -> Tensor")
def aborts(matrix, x):
    os.abort()


@operator("reads_null(Tensor matrix, Tensor x) -> Tensor")
def reads_null(matrix, x):
    return torch.tensor(ctypes.string_at(0))


@operator("only_cuda(Tensor matrix, Tensor x) -> Tensor", "CUDA")
def only_cuda(matrix, x):
    return dense_product(matrix, x)


@operator("only_cpu(Tensor matrix, Tensor x) -> Tensor", "CPU")
def only_cpu(matrix, x):
    return dense_product(matrix, x)


for unfit in (
    "one_tensor(Tensor matrix) -> Tensor",
    "a_list(Tensor[] matrix, Tensor x) -> Tensor",
    "two_results(Tensor matrix, Tensor x) -> (Tensor, Tensor)",
    "no_result(Tensor matrix, Tensor x) -> ()",
    "two_written(Tensor matrix, Tensor x, Tensor(a!) y, Tensor(b!) z) -> ()",
    "a_factor(Tensor matrix, Tensor x, float alpha) -> Tensor",
    "three_numbers(Tensor matrix, Tensor x, int a, int b, int c) -> Tensor",
):
    operator(unfit)(raises)

"""From packed arrays to a product on a GPU: which variant of a kernel, its grid, its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spmvbench.cuda import names
from spmvbench.cuda.module import allow_shared, kernel, usage
from spmvbench.dtypes import DTYPES, Array
from spmvbench.formats.base import BESIDE, USAGE, MatVec, Packed, Target

THREADS = 256
WIDEST = 16
"""Bytes of the widest load of a lane."""

SYSTEM_SHARED = 1024
"""Bytes of shared memory of a block that are not its own."""


@dataclass(frozen=True)
class Kernel:
    """`NAME<T, BATCH, variant ...>` of kernels/NAME.cu.

    `rows`: of y, that a block of threads writes. `asks_cols`: its last argument is their number.
    """

    name: str
    rows: int
    asks_cols: bool = False


@dataclass(frozen=True)
class Resident:
    """A kernel whose blocks stay and take one piece of work after the other: any grid is right.

    `name`: with its template arguments. `shared_bytes`: dynamic shared memory of a block.
    """

    file: str
    name: str
    blocks: int
    threads: int
    shared_bytes: int


@dataclass(frozen=True)
class Limits:
    """What the current device has. `shared_bytes`: the most that a block may ask for."""

    multiprocessors: int
    shared_bytes: int

    def blocks(self, shared_bytes: int) -> int:
        """How many that ask for so much fit on a multiprocessor at once.

        It has what one block may ask for and what the system keeps of it; of each more, it keeps
        as much (CUDA C++ Programming Guide, Compute Capabilities).
        """
        return (self.shared_bytes + SYSTEM_SHARED) // (shared_bytes + SYSTEM_SHARED)


def limits() -> Limits:
    """Of CuPy's current device."""
    import cupy

    facts = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    return Limits(int(facts["multiProcessorCount"]), int(facts["sharedMemPerBlockOptin"]))


def pointer_type(pointers: Array) -> str:
    """How a kernel's template names the type of row pointers."""
    return names.POINTERS[str(pointers.dtype)]


def load_of(cols: int, itemsize: int) -> str:
    """Elements of a load of a dense row: 16 bytes of them where rows begin at such, else one."""
    whole = WIDEST // itemsize
    return str(1 if cols % whole else whole)


def launch(how: Kernel, packed: Packed, device: Target, *variant: str) -> MatVec:
    """The product: compiled and its arrays uploaded, in the order in which the kernel takes them.

    It is queued on CuPy's current stream, allocates nothing and waits for nothing, so a CUDA graph
    can hold it.
    """
    arrays = [device.put(array) for array in packed.arrays.values()]
    template = ", ".join([names.VALUES[packed.dtype], str(device.batch), *variant])
    function = kernel(f"{how.name}.cu", f"{how.name}<{template}>")
    rows, cols = packed.shape
    grid, threads = (-(-rows // how.rows),), (THREADS,)
    sizes = (np.int64(rows), np.int32(cols))[: 2 if how.asks_cols else 1]

    def product(x: Array, y: Array) -> None:
        if rows:  # no launch has an empty grid
            function(grid, threads, (*arrays, x, y, *sizes))

    return _ready(product, function, packed, device)


def resident(
    how: Resident,
    packed: Packed,
    device: Target,
    *sizes: np.generic,
    index: Callable[..., Array] | None = None,
) -> MatVec:
    """As `launch`, of a kernel whose blocks stay, for one vector; `sizes`: its last arguments.

    `index`: makes of the uploaded arrays one more, which the kernel takes after them.
    """
    arrays = [device.put(array) for array in packed.arrays.values()]
    beside = [index(*arrays)] if index else []
    function = kernel(how.file, how.name)
    # All plans of this process share the function: what one has asked for, the next does not take.
    allow_shared(function, how.shared_bytes)
    grid, threads, shared = (how.blocks,), (how.threads,), how.shared_bytes

    def product(x: Array, y: Array) -> None:
        if how.blocks:  # no launch has an empty grid
            function(grid, threads, (*arrays, *beside, x, y, *sizes), shared_mem=shared)

    matvec = _ready(product, function, packed, device)
    setattr(matvec, BESIDE, sum(int(array.nbytes) for array in beside))
    return matvec


def _ready(
    product: Callable[[Array, Array], None], function: Any, packed: Packed, device: Target
) -> MatVec:
    """The checked product, which says what its kernel takes of a multiprocessor."""
    matvec = checked(product, packed.shape, device.batch, packed.dtype)
    setattr(matvec, USAGE, usage(function))
    return matvec


def checked(
    product: Callable[[Array, Array], None], shape: tuple[int, int], batch: int, dtype: str
) -> MatVec:
    """The product, after making sure that x and y are what its kernel reads and writes.

    Raises: ValueError, with one line, in the product.
    """
    import cupy

    rows, cols = shape
    of_x, of_y = ((cols,), (rows,)) if batch == 1 else ((cols, batch), (rows, batch))
    kind = DTYPES[dtype]

    def fits(array: Array, expected: tuple[int, ...]) -> bool:
        return bool(
            isinstance(array, cupy.ndarray)
            and array.shape == expected
            and array.dtype == kind
            and array.flags.c_contiguous
        )

    def matvec(x: Array, y: Array) -> None:
        if not fits(x, of_x):
            raise ValueError(_unfit("x", x, of_x, dtype))
        if not fits(y, of_y):
            raise ValueError(_unfit("y", y, of_y, dtype))
        product(x, y)

    return matvec


def _unfit(name: str, array: Array, shape: tuple[int, ...], dtype: str) -> str:
    where = type(array).__module__.partition(".")[0]
    order = "" if array.flags.c_contiguous else ", not contiguous"
    return (
        f"{name} is a {where} array of {array.dtype} and shape {array.shape}{order}; this product "
        f"takes {dtype} of shape {shape} on the GPU: cupy.ascontiguousarray({name}, '{dtype}')"
    )

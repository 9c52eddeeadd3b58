"""What a format is: a way to pack a dense matrix, to unpack it, and to plan a product with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from spmvbench.dtypes import Array, is_on_host
from spmvbench.problems.base import Problem

MatVec = Callable[[Array, Array], None]
"""`matvec(x, y)` writes A x into y, both on the device; it allocates nothing. Only this is timed.
It may use buffers of its own, so one thread at a time calls it.

Shapes: x (cols,) and y (rows,) for batch 1; x (cols, batch) and y (rows, batch), C order, above.
"""

USAGE = "usage"
"""A product may have this attribute: registers and bytes of local memory of a kernel's thread."""

WAY_OUT = "; to measure it: "
"""Between why a type is not taken, and how an experiment leaves it out."""

SPILLED = "spilled"
"""A product may have this attribute, called with the device when a product is done: where it has
written beside memory of its own, in words, or nothing."""

BESIDE = "bytes_beside"
"""A product may have this attribute: bytes of what `plan` has made of the packed arrays and the
product reads beside them."""


class Target(Protocol):
    """What a format may know of the device that it plans a product for."""

    kind: str
    threads: int
    batch: int

    def put(self, array: Array) -> Array:
        """A copy of a host array on the device, aligned to 64 bytes or more."""
        ...

    def empty(self, shape: int | tuple[int, ...], dtype: str) -> Array:
        """An uninitialised array on the device, aligned to 64 bytes or more."""
        ...


@dataclass(frozen=True)
class Packed:
    """A packed matrix: arrays in the order in which a kernel takes them, all on host or device.

    `layout`: the format that these arrays are of, where the one that packed them chose another.
    """

    shape: tuple[int, int]
    dtype: str
    arrays: Mapping[str, Array]
    layout: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays. No byte count of a packed matrix exists anywhere else."""
        return sum(int(array.nbytes) for array in self.arrays.values())

    @property
    def on_host(self) -> bool:
        """Whether its arrays are NumPy's, and not where a device packed them."""
        return all(map(is_on_host, self.arrays.values()))


@dataclass(frozen=True)
class Precision:
    """The types a product works in: stored values, x as handed over, accumulator, y as written.

    `roundings`: how often a term is rounded beside its multiplication by x and the additions, by
    a scale for instance. The bound counts them.
    """

    values: str
    x: str
    accumulate: str
    y: str
    roundings: int = 0


class Format(ABC):
    """One packed layout and its product. One file, one level, no mixins.

    `name` is the YAML key, the CSV value and the plot label; the file has the same name with `_`
    for `-`. `dense` says that every element is stored, zeros too: such rows are the baselines.
    `unpacks` False: its layout is known to its kernel alone, and only the product is judged.
    A format with `lossless` False is judged against `unpack(packed)` instead of A, and is no
    baseline.
    `devices` and `dtypes` say what there are kernels for, `batches` how many columns of x they
    take on a kind of device; any number where it says nothing. `packs_on`: kinds of device whose
    arrays `pack` takes, beside NumPy's; of a lossy format `unpack` takes what came of them, too.
    """

    name: ClassVar[str]
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    packs_on: ClassVar[tuple[str, ...]] = ("cpu",)
    dtypes: ClassVar[tuple[str, ...]] = ("float16", "bfloat16", "float32")
    batches: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    accumulate: ClassVar[str] = "float32"
    lossless: ClassVar[bool] = True
    dense: ClassVar[bool] = False
    unpacks: ClassVar[bool] = True

    def unavailable(self, device: str, problem: Problem | None = None) -> str | None:
        """Why it cannot run there and how to get it, in one line; None when it can.

        Without a problem: on that kind of device at all.
        """
        if device not in self.devices:
            return f"{self.name} has no kernel for {device}, only for {', '.join(self.devices)}"
        if problem and problem.dtype not in self.dtypes:
            known = ", ".join(self.dtypes)
            way_out = f"{WAY_OUT}--set 'dtypes=[{known}]'"
            return f"{self.name} takes {known}, not {problem.dtype}{way_out}"
        few = self.batches.get(device)
        if problem and few and problem.batch not in few:
            known = ", ".join(map(str, few))
            return f"{self.name} takes {known} columns of x on {device}, not {problem.batch}"
        return None

    def for_problem(self, device: str, problem: Problem) -> Format:
        """The format that packs that problem, or some of its rows, for that kind of device.

        Itself, but where what it packs depends on more than the elements: on the columns of x, say.
        """
        return self

    def precision(self, dtype: str, device: str) -> Precision:
        """The types of a product of weights given as `dtype`; recorded, and the bound follows them.

        A CPU multiplies in float32, so x and y are float32 there; a GPU takes and gives `dtype`.
        """
        vector = "float32" if device == "cpu" else dtype
        return Precision(dtype, vector, self.accumulate, vector)

    @abstractmethod
    def pack(self, dense: Array) -> Packed:
        """The packed matrix; the same input gives the same bytes. Shape: dense (rows, cols).

        The arrays are where the matrix is, on the host or on a device; there they are complete.
        """

    @abstractmethod
    def unpack(self, packed: Packed) -> Array:
        """The exact inverse of `pack`: the layout, executable. Shape: (rows, cols).

        Of a lossy format: the matrix that is multiplied, exactly, in float64 if it has to be.
        """

    @abstractmethod
    def plan(self, packed: Packed, device: Target) -> MatVec:
        """Upload, compile, allocate, and return the product. None of this is timed as product.

        `device.threads` is the number of CPU threads to use, `device.batch` the columns of x.
        """

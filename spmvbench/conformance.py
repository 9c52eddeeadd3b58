"""The battery on one format: does it keep the bytes, and does it multiply right?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from spmvbench.battery import BATTERY
from spmvbench.case import Timing
from spmvbench.contestant import Contestant, given
from spmvbench.devices.base import Device
from spmvbench.dtypes import Array, to_host
from spmvbench.external.format import External
from spmvbench.formats.base import Format, Packed
from spmvbench.guard import Failure, guard
from spmvbench.prepare import AFTER, Task, find, prepare, required
from spmvbench.problems import Problem, count_nonzero
from spmvbench.sampling import check_after, vectors
from spmvbench.watch import Watch

DTYPES = ("float16", "bfloat16", "float32")
BATCHES = {"cpu": (1, 3), "cuda": (1, 4)}
"""One column of x and several, by kind of device: our kernels for GPUs take a power of two."""

Cell = tuple[str, str, int]
"""Name of the matrix, dtype, batch."""


@dataclass(frozen=True)
class Verdict:
    """What came of one cell: `ok`, `unavailable`, or a status of failure with its reason.

    `trace`: where it was raised, if it was. `packs`: unpack gave back what pack was given.
    """

    matrix: str
    dtype: str
    batch: int
    status: str
    reason: str = ""
    trace: str = ""
    packs: bool = False


def cells(kind: str = "cpu") -> list[Cell]:
    """Every cell of the battery for a kind of device, in the order they are judged."""
    batches = BATCHES[kind]
    return [(matrix, dtype, batch) for dtype in DTYPES for matrix in BATTERY for batch in batches]


def conform(name: str, device: Device, watch: Watch, todo: Sequence[Cell]) -> Iterator[Verdict]:
    """One verdict per cell, as it is reached; the watch names the cell by its place in `todo`."""
    for index, cell in enumerate(todo):
        watch.enter("pack", index)
        yield _judge(name, cell, index, device, watch)


def _judge(name: str, cell: Cell, index: int, device: Device, watch: Watch) -> Verdict:
    matrix, dtype, batch = cell

    def verdict(found: Failure | None, *, packs: bool = False) -> Verdict:
        failure = found or Failure("ok", "")
        return Verdict(*cell, failure.status, failure.reason, failure.trace, packs)

    dense = BATTERY[matrix](dtype)
    rows, cols = dense.shape
    density = count_nonzero(dense) / max(dense.size, 1)
    problem = Problem(rows, cols, density, dtype=dtype, pattern=matrix, batch=batch)
    fmt = find(name, device, problem)
    if isinstance(fmt, Failure):
        return verdict(fmt)
    if isinstance(fmt, External):
        said = f"{fmt.name} is a program: its products are not seen"
        return verdict(Failure("unavailable", said))
    device.configure(threads=device.cores, batch=batch)
    kept = guard(lambda: _keeps(fmt, dense, index, watch) or _packs_alike(fmt, dense, device))
    if kept is not None:
        return verdict(kept)
    task = Task.of(problem, dense, vectors(problem, Timing()))
    found = _multiplies(fmt, index, task, device, watch)
    return verdict(found, packs=fmt.lossless and fmt.unpacks)


def _multiplies(
    fmt: Format, index: int, task: Task, device: Device, watch: Watch
) -> Failure | None:
    """Whether its product is right, with one x and then another, and leaves x alone."""
    got = prepare(fmt, index, task, device, watch, copies=1)
    if isinstance(got, Failure):
        return got
    after = check_after(got, device, task.xs[AFTER], watch)
    return after if isinstance(after, Failure) else _spoils_x(got, device, task.xs[AFTER])


def _keeps(fmt: Format, dense: Array, index: int, watch: Watch) -> Failure | None:
    """Whether pack is repeatable, leaves its input alone, and unpack inverts it."""
    given = dense.copy()
    packed, again = required(fmt.pack(dense)), fmt.pack(dense)
    if not np.array_equal(given, dense, equal_nan=True):
        return Failure("wrong", "pack changes the matrix that it is given")
    if not _same(packed, again):
        return Failure("wrong", "packing the same matrix twice gives different bytes")
    if fmt.lossless and fmt.unpacks:
        watch.enter("unpack", index)
        return _differs(type(fmt)().unpack(packed), dense)  # what is not packed, it cannot know
    return None


def _packs_alike(fmt: Format, dense: Array, device: Device) -> Failure | None:
    """Whether packing on the device, where there is such, gives the bytes of the host."""
    if device.kind == "cpu" or device.kind not in fmt.packs_on:
        return None
    matrix = device.put(dense)
    there = fmt.pack(matrix)
    if to_host(matrix).tobytes() != dense.tobytes():
        return Failure("wrong", "packing on the device changes the matrix that it is given")
    arrays = {name: to_host(array) for name, array in there.arrays.items()}
    if not _same(fmt.pack(dense), replace(there, arrays=arrays)):
        return Failure("wrong", "packing on the device gives other bytes than on the host")
    return None


def _same(one: Packed, other: Packed) -> bool:
    return one.arrays.keys() == other.arrays.keys() and all(
        a.tobytes() == b.tobytes()
        for a, b in zip(one.arrays.values(), other.arrays.values(), strict=True)
    )


def _differs(unpacked: Array, dense: Array) -> Failure | None:
    """-0.0 may come back as 0.0; everything else must come back as it was."""
    if unpacked.shape != dense.shape or unpacked.dtype != dense.dtype:
        seen = f"{unpacked.dtype} {unpacked.shape}, expected {dense.dtype} {dense.shape}"
        return Failure("wrong", f"unpack gives {seen}")
    one, other = unpacked.astype(np.float32), dense.astype(np.float32)
    wrong = np.argwhere(~((one == other) | (np.isnan(one) & np.isnan(other))))
    if not len(wrong):
        return None
    row, column = map(int, wrong[0])
    seen = f"saw {one[row, column]:.9g}, expected {other[row, column]:.9g}"
    return Failure("wrong", f"unpack: row {row}, column {column}: {seen}")


def _spoils_x(contestant: Contestant, device: Device, given_x: Array) -> Failure | None:
    x = given(contestant, device, given_x)
    before = device.get(x)
    with np.errstate(all="ignore"):
        contestant.plans[0](x, contestant.y)
    if not np.array_equal(before, device.get(x)):
        return Failure("wrong", "the product changes x")
    return None

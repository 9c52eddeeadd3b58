"""From a format's name to a product that is known to be right, or the reason why there is none."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from spmvbench.check import BLOCK, Expected, Float, check, distance, expect
from spmvbench.devices.base import Device, Launch
from spmvbench.dtypes import DTYPES, ROUNDOFF, Array, is_on_host, to_host
from spmvbench.external.format import given as given_program
from spmvbench.external.program import Program
from spmvbench.formats import resolve
from spmvbench.formats.base import Format, MatVec, Packed, Precision
from spmvbench.guard import Failure, guard, one_line
from spmvbench.problems.base import Problem
from spmvbench.upload import Upload
from spmvbench.watch import Watch

SAMPLE_ROWS = 64

BEFORE, DURING, AFTER = range(3)


@dataclass(frozen=True)
class Contestant:
    """A format whose product on this problem was found right, ready to be timed.

    `plans`: one product per copy of A. `own_copies` False: a plan keeps the packed arrays instead
    of uploading them, so its copies are one. `expected`: whole products with the task's vectors.
    `distance`: of a lossy format, the largest |unpacked - A| as a share of the largest |A|.
    """

    index: int
    name: str
    lossless: bool
    dense: bool
    precision: Precision
    packed_bytes: int
    layout: str
    plans: tuple[MatVec, ...]
    own_copies: bool
    y: Array
    expected: tuple[Expected, ...]
    max_error: float
    seconds: dict[str, float] = field(default_factory=dict)
    distance: float | None = None


@dataclass(frozen=True)
class Task:
    """What all formats of a problem share: A, the vectors, and what the products must be.

    `xs`: the vector of the checks before timing, during and after: numbers BEFORE, DURING, AFTER.
    `expected`: for the first the whole product and its blocks, for the others the whole.
    `dense` may be on the device, then nobody but `given_to` hands it to a format.
    Shapes: dense (rows, cols), each x (cols, batch) float32.
    """

    problem: Problem
    dense: Array
    xs: tuple[Array, ...]
    expected: tuple[Sequence[Expected], ...]

    @staticmethod
    def of(problem: Problem, dense: Array, xs: tuple[Array, ...]) -> Task:
        """Compute what the products must be."""
        return Task(problem, dense, xs, tuple(expect(dense, xs[BEFORE], xs[BEFORE + 1 :])))

    def given_to(self, fmt: Format) -> Array:
        """A where the format packs it: on the device, or a host copy that formats share."""
        return self.dense if takes(fmt, self.dense) else self._on_host

    @cached_property
    def _on_host(self) -> Array:
        copy = to_host(self.dense)
        copy.flags.writeable = False  # no format may spoil it for the next
        return copy


def takes(fmt: Format, dense: Array) -> bool:
    """Whether the format packs a matrix that is there."""
    return is_on_host(dense) or "cuda" in fmt.packs_on


def pack_where_it_packs(fmt: Format, dense: Array) -> Packed:
    """The packed matrix, of a host copy where the format takes no array that is on a device."""
    return fmt.pack(dense if takes(fmt, dense) else to_host(dense))


def find(
    name: str, device: Device, problem: Problem, programs: Sequence[Program] = ()
) -> Format | Failure:
    """The format, or that it does not exist or cannot take this problem."""
    fmt = guard(lambda: given_program(name, programs) or resolve(name))
    if isinstance(fmt, Failure):
        return fmt
    reason = guard(lambda: fmt.unavailable(device.kind, problem))
    if isinstance(reason, Failure):
        return reason
    if reason:
        return Failure("unavailable", one_line(reason))
    return guard(lambda: fmt.for_problem(device.kind, problem))


def predict_bytes(fmt: Format, dense: Array) -> int:
    """Bytes of the packed matrix, from packing 64 of its rows spread over its height."""
    rows: int = dense.shape[0]
    few = rows <= SAMPLE_ROWS
    sample = dense if few else dense[:: rows // SAMPLE_ROWS][:SAMPLE_ROWS].copy()
    nbytes = pack_where_it_packs(fmt, sample).nbytes
    return nbytes if few else math.ceil(nbytes * rows / SAMPLE_ROWS)


def prepare(
    fmt: Format, index: int, task: Task, device: Device, watch: Watch, *, copies: int
) -> Contestant | Failure:
    """Pack, upload `copies` times, plan, run once, check."""
    return guard(lambda: _prepare(fmt, index, task, device, watch, copies))


def _prepare(
    fmt: Format, index: int, task: Task, device: Device, watch: Watch, copies: int
) -> Contestant | Failure:
    watch.enter("pack", index)
    dense = task.given_to(fmt)
    start = time.perf_counter()
    packed = fmt.pack(dense)
    device.finish()
    pack_s = time.perf_counter() - start
    upload = Upload(device)
    plans, seconds = _plan(type(fmt)(), packed, upload, watch, index, copies)
    precision = fmt.precision(task.problem.dtype, device.kind)
    if ROUNDOFF[precision.accumulate] * BLOCK > 0.5:
        return Failure("error", f"accumulate is {precision.accumulate}: too coarse to be checked")
    contestant = Contestant(
        index=index,
        name=fmt.name,
        lossless=fmt.lossless,
        dense=fmt.dense,
        precision=precision,
        packed_bytes=packed.nbytes,
        layout=packed.layout,
        plans=plans,
        own_copies=upload.nbytes >= copies * packed.nbytes,
        y=device.empty(_y_shape(task.problem), precision.y),
        expected=_wholes(task),
        max_error=0.0,
        seconds=seconds | {"pack": pack_s},
    )
    if not fmt.lossless:
        contestant, task = _against_itself(fmt, packed, contestant, task)
    return _checked(contestant, task, device, watch)


def _plan(
    fmt: Format, packed: Packed, upload: Upload, watch: Watch, index: int, copies: int
) -> tuple[tuple[MatVec, ...], dict[str, float]]:
    """The products, and the seconds of the first plan: later ones find everything compiled."""
    plans: list[MatVec] = []
    seconds: dict[str, float] = {}
    for _ in range(copies):
        watch.enter("plan", index)
        start = time.perf_counter()
        plans.append(fmt.plan(packed, upload))
        upload.finish()
        if not seconds:
            seconds = {"plan": time.perf_counter() - start, "upload": upload.seconds}
    return tuple(plans), seconds


def _against_itself(
    fmt: Format, packed: Packed, contestant: Contestant, task: Task
) -> tuple[Contestant, Task]:
    """A lossy format is judged as a product of the matrix that it stores."""
    stored = fmt.unpack(packed)
    far = distance(task.given_to(fmt), stored)
    task = Task.of(task.problem, stored, task.xs)
    return replace(contestant, expected=_wholes(task), distance=far), task


def _wholes(task: Task) -> tuple[Expected, ...]:
    return tuple(parts[0] for parts in task.expected)


def _checked(
    contestant: Contestant, task: Task, device: Device, watch: Watch
) -> Contestant | Failure:
    def product(x: Array) -> Float:
        watch.enter("check", contestant.index)
        return run_once(contestant, device, x)

    x = given(contestant, device, task.xs[BEFORE])
    launch = Launch(contestant.plans[0], x, contestant.y, first=True)
    with np.errstate(all="ignore"):  # A may hold Inf and NaN
        (first_call_us,) = device.time([launch], lambda _: watch.enter("check", contestant.index))
    expected = task.expected[BEFORE]
    fault = check(product, task.dense, task.xs[BEFORE], expected, contestant.precision)
    if fault.share > 1:
        return Failure("wrong", str(fault), fault.share)
    seconds = contestant.seconds | {"first_call": first_call_us / 1e6}
    return replace(contestant, max_error=fault.share, seconds=seconds)


def run_once(contestant: Contestant, device: Device, x: Array, copy: int = 0) -> Float:
    """The product with x (cols, batch), its y poisoned with NaN before; (rows, batch), float64."""
    poison(contestant.y)
    vector = given(contestant, device, x)
    with np.errstate(all="ignore"):  # A may hold Inf and NaN
        contestant.plans[copy](vector, contestant.y)
    return result(contestant, device)


def given(contestant: Contestant, device: Device, x: Array) -> Array:
    """x (cols, batch) on the device, as the contestant's product takes it."""
    return device.put(_shaped(x).astype(DTYPES[contestant.precision.x]))


def poison(y: Array) -> None:
    """Fill y with NaN, so that an entry that is not written is seen: all bits set is one."""
    y.view(np.uint8).fill(0xFF)


def result(contestant: Contestant, device: Device) -> Float:
    """What the last product left in y: (rows, batch), float64."""
    y = device.get(contestant.y).astype(np.float64)
    return y.reshape(y.shape[0], -1)


def _shaped(x: Array) -> Array:
    """x as a product takes it: (cols,) for batch 1."""
    return x[:, 0] if x.shape[1] == 1 else x


def _y_shape(problem: Problem) -> int | tuple[int, int]:
    return problem.rows if problem.batch == 1 else (problem.rows, problem.batch)

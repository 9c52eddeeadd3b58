"""From a format's name to a product that is known to be right, or the reason why there is none."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spmvbench.check import BLOCK, Expected, Float, check, distance, expect
from spmvbench.contestant import Contestant, given, refused, run_once
from spmvbench.devices.base import Device, Launch
from spmvbench.dtypes import ROUNDOFF, Array, is_on_host, to_host
from spmvbench.errors import FormatError
from spmvbench.external.format import given as given_program
from spmvbench.external.program import Program
from spmvbench.fence import fenced
from spmvbench.formats import resolve
from spmvbench.formats.base import Format, MatVec, Packed
from spmvbench.guard import Failure, guard, one_line
from spmvbench.problems.base import Problem
from spmvbench.upload import Upload
from spmvbench.watch import Watch

SAMPLE_ROWS = 64

BEFORE, DURING, AFTER = range(3)


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
    packed = required(fmt.pack(dense))
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
        fence=fenced(device, _y_shape(task.problem), precision.y),
        expected=_wholes(task),
        max_error=0.0,
        seconds=seconds | {"pack": pack_s},
    )
    if not fmt.lossless:
        watch.enter("unpack", index)
        contestant, task = _against_itself(fmt, packed, contestant, task)
    return _checked(contestant, task, device, watch)


def required(packed: Packed) -> Packed:
    """What `pack` returned. Raises: FormatError where that is no packed matrix."""
    if not isinstance(packed, Packed):
        seen = None if packed is None else f"a {type(packed).__name__}"
        raise FormatError(f"pack returned {seen}, expected a spmvbench.formats.base.Packed")
    if packed.dtype not in Format.dtypes:
        known = ", ".join(Format.dtypes)
        raise FormatError(f"the packed matrix is of dtype {packed.dtype}, expected one of {known}")
    for name, array in packed.arrays.items():
        if not (hasattr(array, "nbytes") and hasattr(array, "dtype")):
            seen = type(array).__name__
            raise FormatError(f"the packed array '{name}' is a {seen}, expected a NumPy array")
    return packed


def _plan(
    fmt: Format, packed: Packed, upload: Upload, watch: Watch, index: int, copies: int
) -> tuple[tuple[MatVec, ...], dict[str, float]]:
    """The products, and the seconds of the first plan: later ones find everything compiled."""
    plans: list[MatVec] = []
    seconds: dict[str, float] = {}
    for _ in range(copies):
        watch.enter("plan", index)
        start = time.perf_counter()
        matvec = fmt.plan(packed, upload)
        if not callable(matvec):
            seen = None if matvec is None else type(matvec).__name__
            raise FormatError(f"plan returned {seen}, expected the function that multiplies")
        plans.append(matvec)
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
    if failure := refused(contestant, device, fault):
        return failure
    seconds = contestant.seconds | {"first_call": first_call_us / 1e6}
    return replace(contestant, max_error=fault.share, seconds=seconds)


def _y_shape(problem: Problem) -> int | tuple[int, int]:
    return problem.rows if problem.batch == 1 else (problem.rows, problem.batch)

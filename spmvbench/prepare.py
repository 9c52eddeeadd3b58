"""From a format's name to a product that is known to be right, or the reason why there is none."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from spmvbench.check import Expected, Float, check, expect
from spmvbench.devices.base import Device
from spmvbench.dtypes import DTYPES, Array
from spmvbench.formats import resolve
from spmvbench.formats.base import Format, MatVec, Packed, Precision
from spmvbench.problems.base import Problem
from spmvbench.watch import Watch

T = TypeVar("T")

SAMPLE_ROWS = 64


@dataclass(frozen=True)
class Failure:
    """Why a format has no time: a status of `record.STATUSES` and one line."""

    status: str
    reason: str
    max_error: float | None = None


@dataclass(frozen=True)
class Contestant:
    """A format whose product on this problem was found right, ready to be timed.

    `plans`: one product per copy of A. `xs`: the vectors on the device. `distance`: of a lossy
    format, the largest |unpacked - A| as a share of the largest |A|.
    """

    index: int
    name: str
    lossless: bool
    dense: bool
    precision: Precision
    packed_bytes: int
    plans: tuple[MatVec, ...]
    xs: tuple[Array, ...]
    y: Array
    expected: Mapping[int, Expected]
    max_error: float
    seconds: dict[str, float] = field(default_factory=dict)
    distance: float | None = None


class _Upload:
    """A device as a plan sees it, with the seconds spent in `put` added up."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.kind, self.threads, self.batch = device.kind, device.threads, device.batch
        self.seconds = 0.0

    def put(self, array: Array) -> Array:
        start = time.perf_counter()
        copy = self._device.put(array)
        self.seconds += time.perf_counter() - start
        return copy

    def empty(self, shape: int | tuple[int, ...], dtype: str) -> Array:
        return self._device.empty(shape, dtype)


@dataclass(frozen=True)
class Task:
    """What all formats of a problem share: A, the vectors, and what the products must be.

    `expected`: by number of x: for xs[0] the whole product and its blocks, for others the whole.
    Shapes: dense (rows, cols), each x (cols, batch) float32.
    """

    problem: Problem
    dense: Array
    xs: tuple[Array, ...]
    expected: Mapping[int, Sequence[Expected]]

    @staticmethod
    def of(problem: Problem, dense: Array, xs: tuple[Array, ...], checked: Sequence[int]) -> Task:
        """Compute what the products with xs[0] and with the xs numbered in `checked` must be."""
        others = sorted({*checked} - {0})
        expected = expect(dense, xs[0], [xs[i] for i in others])
        return Task(problem, dense, xs, dict(zip([0, *others], expected, strict=True)))


def guard(work: Callable[[], T]) -> T | Failure:
    """The result, or what went wrong: the one place where a format may raise anything."""
    try:
        return work()
    except MemoryError as error:
        return Failure("oom", f"out of memory: {_line(str(error)) or 'an allocation was refused'}")
    except (Exception, SystemExit) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        return Failure("error", _line(f"{type(error).__name__}: {error} ({place})"))


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def find(name: str, device: Device, problem: Problem) -> Format | Failure:
    """The format, or that it does not exist or cannot take this problem."""
    fmt = guard(lambda: resolve(name))
    if isinstance(fmt, Failure):
        return fmt
    reason = guard(lambda: fmt.unavailable(device.kind, problem))
    if isinstance(reason, Failure):
        return reason
    return Failure("unavailable", _line(reason)) if reason else fmt


def predict_bytes(fmt: Format, dense: Array) -> int:
    """Bytes of the packed matrix, from packing 64 of its rows spread over its height."""
    rows: int = dense.shape[0]
    if rows <= SAMPLE_ROWS:
        return fmt.pack(dense).nbytes
    sample = np.ascontiguousarray(dense[:: rows // SAMPLE_ROWS][:SAMPLE_ROWS])
    return math.ceil(fmt.pack(sample).nbytes * rows / SAMPLE_ROWS)


def prepare(
    fmt: Format, index: int, task: Task, device: Device, watch: Watch, *, copies: int
) -> Contestant | Failure:
    """Pack, upload `copies` times, plan, run once, check."""
    return guard(lambda: _prepare(fmt, index, task, device, watch, copies))


def _prepare(
    fmt: Format, index: int, task: Task, device: Device, watch: Watch, copies: int
) -> Contestant | Failure:
    watch.enter("pack", index)
    start = time.perf_counter()
    packed = fmt.pack(task.dense)
    pack_s = time.perf_counter() - start
    plans, seconds = _plan(fmt, packed, device, watch, index, copies)
    precision = fmt.precision(task.problem.dtype, device.kind)
    contestant = Contestant(
        index=index,
        name=fmt.name,
        lossless=fmt.lossless,
        dense=fmt.dense,
        precision=precision,
        packed_bytes=packed.nbytes,
        plans=plans,
        xs=tuple(device.put(_shaped(x).astype(DTYPES[precision.x])) for x in task.xs),
        y=device.empty(_y_shape(task.problem), precision.y),
        expected=_wholes(task),
        max_error=0.0,
        seconds=seconds | {"pack": pack_s},
    )
    if not fmt.lossless:
        contestant, task = _against_itself(fmt, packed, contestant, task)
    return _checked(contestant, task, device, watch)


def _plan(
    fmt: Format, packed: Packed, device: Device, watch: Watch, index: int, copies: int
) -> tuple[tuple[MatVec, ...], dict[str, float]]:
    """The products, and the seconds of the first plan: later ones find everything compiled."""
    upload = _Upload(device)
    plans: list[MatVec] = []
    seconds: dict[str, float] = {}
    for _ in range(copies):
        watch.enter("plan", index)
        start = time.perf_counter()
        plans.append(fmt.plan(packed, upload))
        if not seconds:
            seconds = {"plan": time.perf_counter() - start, "upload": upload.seconds}
    return tuple(plans), seconds


def _against_itself(
    fmt: Format, packed: Packed, contestant: Contestant, task: Task
) -> tuple[Contestant, Task]:
    """A lossy format is judged as a product of the matrix that it stores."""
    stored = fmt.unpack(packed)
    largest = float(abs(task.dense.astype(np.float32)).max(initial=0.0)) or 1.0
    distance = float(abs(stored.astype(np.float32) - task.dense.astype(np.float32)).max()) / largest
    task = Task.of(task.problem, stored, task.xs, list(task.expected))
    return replace(contestant, expected=_wholes(task), distance=distance), task


def _wholes(task: Task) -> dict[int, Expected]:
    return {i: parts[0] for i, parts in task.expected.items()}


def _checked(
    contestant: Contestant, task: Task, device: Device, watch: Watch
) -> Contestant | Failure:
    def product(x: Array) -> Float:
        watch.enter("check", contestant.index)
        return run_once(contestant, device, x)

    start = time.perf_counter()
    product(task.xs[0])
    first_call_s = time.perf_counter() - start
    fault = check(product, task.dense, task.xs[0], task.expected[0], contestant.precision)
    if fault.share > 1:
        return Failure("wrong", str(fault), fault.share)
    seconds = contestant.seconds | {"first_call": first_call_s}
    return replace(contestant, max_error=fault.share, seconds=seconds)


def run_once(contestant: Contestant, device: Device, x: Array, copy: int = 0) -> Float:
    """The product with x (cols, batch), its y poisoned with NaN before; (rows, batch), float64."""
    poison(contestant.y)
    vector = device.put(_shaped(x).astype(DTYPES[contestant.precision.x]))
    with np.errstate(all="ignore"):  # A may hold Inf and NaN
        contestant.plans[copy](vector, contestant.y)
    return result(contestant, device)


def poison(y: Array) -> None:
    """Fill y with NaN, so that an entry that is not written is seen."""
    y.fill(float("nan"))


def result(contestant: Contestant, device: Device) -> Float:
    """What the last product left in y: (rows, batch), float64."""
    y = device.get(contestant.y).astype(np.float64)
    return y.reshape(y.shape[0], -1)


def _shaped(x: Array) -> Array:
    """x as a product takes it: (cols,) for batch 1."""
    return x[:, 0] if x.shape[1] == 1 else x


def _y_shape(problem: Problem) -> int | tuple[int, int]:
    return problem.rows if problem.batch == 1 else (problem.rows, problem.batch)

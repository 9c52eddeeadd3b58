"""The timing loop: every block is one product of every contestant, in seeded-random order."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from spmvbench.case import Timing
from spmvbench.check import judge
from spmvbench.contestant import Contestant, given, refused, result, run_once
from spmvbench.devices.base import Device, Launch
from spmvbench.dtypes import Array
from spmvbench.guard import Failure, guard
from spmvbench.prepare import AFTER, BEFORE, DURING, Task
from spmvbench.problems import Problem, vector
from spmvbench.stats import Samples, stop_reason
from spmvbench.watch import Watch

WARM_BLOCKS = 2
COLD_CACHES = 3
MAX_COPIES = 64

ASK_EVERY = 5
"""Blocks between two questions whether sampling may end: the answer costs time too."""


@dataclass(frozen=True)
class CacheState:
    """How the cache state of a contestant is brought about: by `copies`, flush or repetition."""

    method: str
    copies: int

    @staticmethod
    def of(cache: str, packed_bytes: int, cache_bytes: int, room: int) -> CacheState:
        """Rotation among copies of >= 3 caches in all where they fit `room`, else flushing."""
        if cache == "hot":
            return CacheState("repeat", 1)
        copies = -(-COLD_CACHES * cache_bytes // max(packed_bytes, 1))
        if copies > MAX_COPIES or copies * packed_bytes > max(room, packed_bytes):
            return CacheState("flush", 1)
        return CacheState("rotate", copies)

    def shared(self) -> CacheState:
        """The state for a format whose copies are one: rotating among them would leave it warm."""
        return CacheState("flush", 1) if self.method == "rotate" else self


@dataclass(frozen=True)
class Timed:
    """Samples per contestant in time order, microseconds, and why sampling ended for each."""

    samples: dict[int, Samples]
    stopped: dict[int, str]


def vectors(problem: Problem, timing: Timing) -> tuple[Array, Array, Array]:
    """The vectors of the checks before, during and after timing; each (cols, batch)."""
    shape = (problem.cols, problem.batch)
    first, last = (vector(problem, i).reshape(shape) for i in range(2))
    return first, turned(first, _probe_block(problem.seed, timing)), last


def turned(x: Array, block: int) -> Array:
    """The x of a block: never that of a block before, so that no y kept from any can be right."""
    return np.roll(x, block + WARM_BLOCKS + 1, axis=0)


def _probe_block(seed: int, timing: Timing) -> int:
    """The block whose y is checked."""
    return int(np.random.default_rng(seed).integers(1, max(timing.min_samples, 2)))


def sample(
    contestants: Sequence[Contestant],
    states: Sequence[CacheState],
    device: Device,
    timing: Timing,
    task: Task,
    watch: Watch,
) -> Timed | tuple[int, Failure]:
    """Time all contestants together, or name the one that failed meanwhile and how.

    Ends when every contestant has a reason to stop, at the latest after twice the budget of all.
    """
    seed = task.problem.seed
    race = _Race(contestants, states, device, watch, task.xs[BEFORE], seed)
    probed = _probe_block(seed, timing)
    deadline = time.monotonic() + 2 * timing.budget_s * len(contestants)
    for block in itertools.count(-WARM_BLOCKS):
        failed = race.run(block, probed=block == probed)
        if failed:
            return failed
        done = block + 1
        if done >= timing.min_samples and done % ASK_EVERY == 0:
            reasons = race.reasons(timing, late=time.monotonic() > deadline)
            if all(reasons):
                return race.timed(reasons)
    raise AssertionError("unreachable: the count above is endless")


class _Race:
    """The contestants of one timing group and their samples so far."""

    def __init__(
        self,
        contestants: Sequence[Contestant],
        states: Sequence[CacheState],
        device: Device,
        watch: Watch,
        x: Array,
        seed: int,
    ) -> None:
        self._contestants, self._states, self._device = contestants, states, device
        self._watch, self._x = watch, x
        self._rng = np.random.default_rng([seed, 1])
        self._taken: list[list[float]] = [[] for _ in contestants]

    def run(self, block: int, *, probed: bool) -> tuple[int, Failure] | None:
        """One product of each, in random order, kept from block 0 on; the failed one or None."""
        order = [int(i) for i in self._rng.permutation(len(self._contestants))]
        x = turned(self._x, block)
        launches = [self._launch(i, block, x) for i in order]

        def mark(place: int) -> None:
            self._watch.enter("product", self._contestants[order[place]].index)

        times = guard(lambda: self._device.time(launches, mark))
        if isinstance(times, Failure):
            return self._watch.read().format, times
        if block >= 0:
            for i, microseconds in zip(order, times, strict=True):
                self._taken[i].append(microseconds)
        return self._check_probe() if probed else None

    def _launch(self, i: int, block: int, x: Array) -> Launch:
        """x was written just before, as in decoding: it is in the cache where A is not."""
        contestant, state = self._contestants[i], self._states[i]
        return Launch(
            contestant.plans[block % state.copies],
            given(contestant, self._device, x),
            contestant.y,
            hot=state.method == "repeat",
            flush=state.method == "flush",
        )

    def _check_probe(self) -> tuple[int, Failure] | None:
        """The one whose y, just written by a timed product, is wrong: kept from another x, say."""
        for contestant in self._contestants:
            expected = contestant.expected[DURING]
            fault = judge(result(contestant, self._device), expected, contestant.precision)
            if failure := refused(contestant, self._device, fault, "while timed, "):
                return contestant.index, failure
        return None

    def reasons(self, timing: Timing, *, late: bool) -> list[str | None]:
        """Why sampling may end, per contestant; None: it may not yet."""
        found = (stop_reason(np.array(taken), timing) for taken in self._taken)
        return [reason or ("budget" if late else None) for reason in found]

    def timed(self, reasons: Sequence[str | None]) -> Timed:
        """The samples and reasons by the contestants' indices."""
        indices = [c.index for c in self._contestants]
        arrays = [np.array(taken) for taken in self._taken]
        return Timed(
            dict(zip(indices, arrays, strict=True)),
            {i: reason or "" for i, reason in zip(indices, reasons, strict=True)},
        )


def check_after(
    contestant: Contestant, device: Device, x: Array, watch: Watch
) -> Contestant | Failure:
    """The check after timing, with a new x, of every copy."""
    watch.enter("check", contestant.index)
    for copy in range(len(contestant.plans)):
        y = guard(partial(run_once, contestant, device, x, copy))
        if isinstance(y, Failure):
            return y
        fault = judge(y, contestant.expected[AFTER], contestant.precision)
        where = f" in copy {copy}" if copy else ""
        if failure := refused(contestant, device, fault, f"after timing{where}, "):
            return failure
    return contestant

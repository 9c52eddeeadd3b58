"""A format that has been packed and planned: its products, and what is wrong with one."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spmvbench.check import Expected, Fault, Float
from spmvbench.devices.base import Device
from spmvbench.dtypes import DTYPES, Array
from spmvbench.fence import Fence, between_nans
from spmvbench.formats.base import SPILLED, MatVec, Precision
from spmvbench.guard import Failure

_POISON = 0xFF


@dataclass(frozen=True)
class Contestant:
    """A format whose product on this problem was found right, ready to be timed.

    `plans`: one product per copy of A. `own_copies` False: a plan keeps the packed arrays instead
    of uploading them, so its copies are one. `fence`: y, and bytes around it that no product may
    write. `expected`: whole products with the task's vectors.
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
    fence: Fence
    expected: tuple[Expected, ...]
    max_error: float
    seconds: dict[str, float] = field(default_factory=dict)
    distance: float | None = None

    @property
    def y(self) -> Array:
        """Where its products go."""
        return self.fence.inside


def run_once(contestant: Contestant, device: Device, x: Array, copy: int = 0) -> Float:
    """The product with x (cols, batch), its y poisoned with NaN before; (rows, batch), float64."""
    poison(contestant.y)
    vector = given(contestant, device, x)
    with np.errstate(all="ignore"):  # A may hold Inf and NaN
        contestant.plans[copy](vector, contestant.y)
    return result(contestant, device)


def given(contestant: Contestant, device: Device, x: Array) -> Array:
    """x (cols, batch) on the device, as the contestant's product takes it, with NaN around it."""
    return between_nans(device, _shaped(x).astype(DTYPES[contestant.precision.x]))


def poison(y: Array) -> None:
    """Fill y with NaN, so that an entry that is not written is seen: all bits set is one."""
    y.view(np.uint8).fill(_POISON)


def result(contestant: Contestant, device: Device) -> Float:
    """What the last product left in y: (rows, batch), float64."""
    y = device.get(contestant.y).astype(np.float64)
    return y.reshape(y.shape[0], -1)


def _shaped(x: Array) -> Array:
    """x as a product takes it: (cols,) for batch 1."""
    return x[:, 0] if x.shape[1] == 1 else x


def refused(contestant: Contestant, device: Device, fault: Fault, when: str = "") -> Failure | None:
    """Why the product that has just written y is wrong, by its worst entry too; None if it is not.

    `when`: words before.
    """
    if said := _spilled(contestant, device):
        return Failure("wrong", f"{when}the product {said}")
    if fault.share <= 1:
        return None
    return Failure("wrong", f"{when}{_unwritten(contestant, device, fault) or fault}", fault.share)


def _spilled(contestant: Contestant, device: Device) -> str:
    """Where it has written beside y, or beside memory of its own; empty when nowhere."""
    own = (getattr(plan, SPILLED, None) for plan in contestant.plans)
    said = (spilled(device) for spilled in own if spilled)
    return contestant.fence.crossed(device, "y") or next(filter(None, said), "")


def _unwritten(contestant: Contestant, device: Device, fault: Fault) -> str:
    """That the entry still is what `poison` left, in words; empty where it is not."""
    y = device.get(contestant.y)
    if not np.isnan(fault.seen) or not y.size:
        return ""
    entries = y.view(np.uint8).reshape(len(y), -1, y.itemsize)
    rows = (entries == _POISON).all(axis=2).any(axis=1)
    if rows.all():
        return "y was not written, or added to (it held NaN before)"
    if not rows[fault.row]:
        return ""
    others = f", as in {rows.sum()} of {len(y)} rows" if rows.sum() > 1 else ""
    return f"row {fault.row}: y was not written, or added to (it held NaN before){others}"

"""When there are samples enough."""

from __future__ import annotations

from spmvbench.case import Timing
from spmvbench.stats.interval import Samples, median

STALL_SAMPLES = 120
STALL_SHRINK = 0.95


def stop_reason(samples: Samples, timing: Timing) -> str | None:
    """Why sampling may end: `precise`, `stalled` or `budget`; None: go on. Samples in microseconds.

    Stalled: twice the samples should narrow the interval by 0.71; a factor above `STALL_SHRINK`
    says that more samples of this noise will not help. Asked at `STALL_SAMPLES` and its doublings.
    """
    if len(samples) < timing.min_samples:
        return None
    now = median(samples).half_width
    if now <= timing.precision:
        return "precise"
    if _is_doubling(len(samples)):
        before = median(samples[: len(samples) // 2]).half_width
        if now > STALL_SHRINK * before:
            return "stalled"
    return "budget" if samples.sum() >= timing.budget_s * 1e6 else None


def _is_doubling(n: int) -> bool:
    """Asked at every sample, some noise would look stalled sooner or later."""
    return n >= STALL_SAMPLES and n % STALL_SAMPLES == 0 and (n // STALL_SAMPLES).bit_count() == 1

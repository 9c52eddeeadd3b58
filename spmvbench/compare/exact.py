"""What does not depend on the clock: any change for the worse is one, however small."""

from __future__ import annotations

from collections.abc import Iterator

from spmvbench.record import Record

SIZES = ("packed_bytes", "distance")
"""Larger is worse, on any machine."""

WORDS = ("nnz", "value_dtype", "x_dtype", "y_dtype", "accumulate", "lossless")
"""Other than before, and it is not the same product."""

DIGITS = 1e-6
"""Tables keep seven digits."""


def changes(base: Record, new: Record, *, across_machines: bool) -> Iterator[str]:
    """What grew or is another thing than before, in words; nothing where all is as it was.

    Across machines the order of summation may differ, so `max_error` may.
    """
    names = (*SIZES, "max_error") if new.lossless and not across_machines else SIZES
    for name in names:
        before, now = getattr(base, name), getattr(new, name)
        if before is not None and now is not None and now > before * (1 + DIGITS):
            yield f"{name} {before:g} -> {now:g}"
    for name in WORDS:
        before, now = getattr(base, name), getattr(new, name)
        if before != now and not across_machines:
            yield f"{name} {before} -> {now}"

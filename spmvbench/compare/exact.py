"""What does not depend on the clock: any change for the worse is one, however small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spmvbench.record import Record

SIZES = ("packed_bytes", "distance")
"""Larger is worse, on any machine."""

OF_MACHINE = ("max_error", "registers", "local_bytes")
"""Larger is worse on the same machine: the order of summation and the compiler may be others."""

WORDS = ("nnz", "value_dtype", "x_dtype", "y_dtype", "accumulate", "lossless")
"""Other than before, and it is not the same product."""

DIGITS = 1e-6
"""Tables keep seven digits."""


def changes(
    base: Sequence[Record], new: Sequence[Record], *, across_machines: bool
) -> Iterator[str]:
    """What grew or is another thing than before, in words; nothing where all is as it was.

    Of several rows a side the largest is compared. `max_error` of a lossy format is none of A's.
    """
    right = [[row for row in side if row.status == "ok"] for side in (base, new)]
    lossless = all(row.lossless for row in right[1])
    names = SIZES if across_machines else (*SIZES, *OF_MACHINE)
    for name in (n for n in names if lossless or n != "max_error"):
        found = [[v for r in side if (v := getattr(r, name)) is not None] for side in right]
        if all(found) and max(found[1]) > max(found[0]) * (1 + DIGITS):
            yield f"{name} {max(found[0]):g} -> {max(found[1]):g}"
    for name in () if across_machines else WORDS:
        before, now = (dict.fromkeys(getattr(row, name) for row in side) for side in right)
        if before.keys() != now.keys():
            yield f"{name} {' or '.join(map(str, before))} -> {' or '.join(map(str, now))}"

"""Formats on the battery, on a GPU, in this process: `python tests/gpu/battery.py [FORMAT ...]`.

For compute-sanitizer, which looks into one process: `spmvbench check` has workers. Every array is
an allocation of its own, so that a read past its end is seen. Exit code 1: one is wrong.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import cupy

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from spmvbench.battery import BATTERY
from spmvbench.conformance import cells, conform
from spmvbench.cuda.launch import limits
from spmvbench.devices.cuda import CudaDevice
from spmvbench.watch import Watch

OURS = (
    *("macko", "macko-fast", "csr16", "bitmap", "slab4", "slab5", "slab6", "slab-bitmap"),
    *("dense-f16", "dense-int8", "dense-int4"),
)
NARROW = 5000
"""Columns: under a sanitizer the widest matrices of the battery take minutes and show no more."""


class Untimed(CudaDevice):
    """A tool may let every launch wait for its kernel, and the gate would wait for itself."""

    def time(self, launches, mark):
        for index, launch in enumerate(launches):
            mark(index)
            launch.matvec(launch.x, launch.y)
            self.finish()
        return [0.0] * len(launches)


def turns(name: str) -> Iterator[tuple[str, object]]:
    """What is said of each turn of a format, and what it is within."""
    yield name, nullcontext()
    if name == "macko-fast":  # so that a block takes parts of rows several times
        few = replace(limits(), multiprocessors=2)
        yield f"{name}, 2 blocks", patch("spmvbench.cuda.launch.limits", lambda: few)


def main(formats: list[str]) -> int:
    narrow = {name for name, make in BATTERY.items() if make("float16").shape[1] < NARROW}
    todo = [cell for cell in cells("cuda") if cell[0] in narrow]
    device, wrong = Untimed(), 0
    cupy.cuda.set_allocator(None)
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder) / "watch")
        every = ((name, *turn) for name in formats or OURS for turn in turns(name))
        for name, said, within in every:
            with within:
                verdicts = list(conform(name, device, watch, todo))
            print(said, dict(Counter(v.status for v in verdicts)), flush=True)
            bad = [v for v in verdicts if v.status not in ("ok", "unavailable")]
            for v in bad[:5]:
                print(f"  {v.matrix}, {v.dtype}, batch {v.batch}: {v.status}: {v.reason}")
            wrong += len(bad)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

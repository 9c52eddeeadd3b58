"""The process that measures: one job a line in, its answers a line each out, until the pipe ends.

A format may crash, hang, print or eat all memory: it does so here, and the runner starts another.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from spmvbench.case import Case
from spmvbench.devices import open_device
from spmvbench.devices.base import Device
from spmvbench.devices.cupy_there import passed_over
from spmvbench.environment import environment
from spmvbench.errors import UserError
from spmvbench.external.program import PREFIX as PROGRAM
from spmvbench.formats import resolve
from spmvbench.guard import ContextLost
from spmvbench.plugin import PREFIX as PLUGIN
from spmvbench.printed import by_lines
from spmvbench.problems.locate import PREFIX
from spmvbench.watch import Watch

LOST_CODE = 3
"""Exit code of a worker whose GPU context is lost."""

MEMORY_SHARE = 0.9
"""Share of the memory free at the start that a CPU worker may take (RLIMIT_DATA)."""


def main(argv: list[str]) -> None:
    """Serve jobs. Arguments: kind of device, path of the watch file, formats from outside."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the runner, which then stops us
    kind, watch_path, *outside = argv
    out = _own_stdout()
    watch = Watch(Path(watch_path))  # before the greeting: the runner deletes the file then
    try:
        device = open_device(kind)
        for name in outside:
            # A library is loaded for its first row: one that ends the process costs that alone.
            if ":" in name and not name.startswith((PREFIX, PLUGIN, PROGRAM)):
                resolve(name)
    except UserError as error:
        _answer(out, {"user_error": str(error)})
        return
    entry = environment(device.describe(), outside=outside)
    if device.kind == "cpu":
        _limit_memory(device)
    _answer(
        out,
        {
            "kind": device.kind,
            "slug": device.slug,
            "timers": {cache: device.timer(hot=cache == "hot") for cache in ("cold", "hot")},
            "cores": device.cores,
            "environment": entry,
            "probes": device.probes(),
            "passed_over": passed_over() if (kind, device.kind) == ("auto", "cpu") else None,
        },
    )
    try:
        for line in sys.stdin:
            for answer in _serve(json.loads(line), device, watch):
                _answer(out, answer)
            watch.enter("idle")
            _answer(out, {"done": True})
    except ContextLost as lost:
        print(lost, file=sys.stderr, flush=True)
        os._exit(LOST_CODE)  # what is freed on the usual way out is gone already, and may hang


def _serve(job: dict[str, Any], device: Device, watch: Watch) -> Iterator[dict[str, Any]]:
    if job["do"] == "measure":
        from spmvbench.measure import measure

        for measured in measure(Case.from_json(job["case"]), device, watch):
            raw = measured.samples.astype(np.float32).tobytes()
            yield {
                "record": asdict(measured.record),
                "samples": base64.b64encode(raw).decode(),
                "log": measured.log,
            }
    elif job["do"] == "conform":
        from spmvbench.conformance import conform

        yield from (asdict(v) for v in conform(job["format"], device, watch, job["cells"]))
    elif job["do"] == "predict":
        from spmvbench.predict import packed_bytes

        yield {"bytes": packed_bytes(Case.from_json(job["case"]), device)}


def _answer(out: Any, answer: dict[str, Any]) -> None:
    out.write(json.dumps(answer) + "\n")
    out.flush()


def _own_stdout() -> Any:
    """A private copy of standard output; what a format prints goes to standard error instead."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    by_lines()
    return out


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the runner dies, however it dies.

    Elsewhere the worker ends when its pipe does, after the job in work.
    """
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    parent = os.environ.get("SPMVBENCH_RUNNER")
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if parent and os.getppid() != int(parent):  # it died before the call above
        os._exit(1)


def _limit_memory(device: Device) -> None:
    """Refuse allocations beyond what is free: a MemoryError costs one row only."""
    import psutil

    used = int(psutil.Process().memory_info().data) if sys.platform == "linux" else 0
    limit = used + int(MEMORY_SHARE * device.free_bytes())
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or hard > limit:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


if __name__ == "__main__":
    main(sys.argv[1:])

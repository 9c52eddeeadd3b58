"""Is one revision slower than another? Both are measured in turn on this machine, then judged."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spmvbench.compare import Comparison, Options
from spmvbench.gate.alternate import BASE, NEW
from spmvbench.gate.git import GateError, top_of
from spmvbench.gate.launch import Launcher
from spmvbench.gate.request import Request, asked
from spmvbench.gate.session import judge
from spmvbench.gate.trees import checked_out

__all__ = ["GateError", "Request", "gate"]


def gate(request: Request, options: Options, say: Callable[[str], None]) -> Comparison:
    """Measure both revisions in turn, judge, and confirm what looks slower; `say` tells progress.

    Raises: UserError for what the user can mend. However it ends, no checkout is left behind.
    """
    top = top_of(request.repo)
    ask = asked(request, top)
    with _results(request.out) as folder, checked_out(top, request.base, request.new) as both:
        launcher = Launcher(top, ask.folder, ask.words)
        for tree in both:
            ask.put_into(tree)
            if request.build:
                say(f"{tree.label}: {request.build}")
                launcher.build(tree, request.build)
            launcher.check_origin(tree, ask.experiment.formats)
        trees = dict(zip((BASE, NEW), both, strict=True))

        def launch(side: str, out: Path, only: Sequence[str]) -> None:
            start = time.monotonic()
            launcher.run(trees[side], out, [word for name in only for word in ("--only", name)])
            took_s = time.monotonic() - start
            say(f"{side} {trees[side].label}: launch {out.name}, {took_s:.1f} s")

        budget_s = request.budget_s
        return judge(launch, folder, budget_s, options, clock=time.monotonic, say=say)


@contextmanager
def _results(out: Path | None) -> Iterator[Path]:
    """The folder that is asked for, which must be new, or one that is gone afterwards.

    Raises: GateError for a folder that holds something: its rows would be taken for measured.
    """
    if out is None:
        with tempfile.TemporaryDirectory(prefix="spmvbench-gate-results-") as folder:
            yield Path(folder)
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise GateError(f"--out {out}: there is something already; expected a new folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GateError(f"--out {out}: cannot be made ({error.strerror})") from error
    yield out.resolve()

"""The options that only `run` has."""

from __future__ import annotations

from typing import Annotated

import typer

CASES_LEFT = 75
"""Exit code of a run whose time did not suffice: try again (EX_TEMPFAIL of sysexits.h)."""

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="measure nothing; show cases, bytes and the likely time"),
]
Launches = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=100,
        help="fresh processes for each case; from 3 on, intervals cover what lies between them",
    ),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        help="measure again what crashed, hung, failed or ran out of memory "
        "(right, wrong and unavailable stay)",
    ),
]
Limit = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help=f"begin no case after so long, as 90, 90s, 3m, 1h; exit code {CASES_LEFT}: some left",
    ),
]
Share = Annotated[
    str, typer.Option(metavar="I/N", help="measure only the I-th of N equal shares of the cases")
]

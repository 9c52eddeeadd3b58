"""The options that only `run` has."""

from __future__ import annotations

from typing import Annotated

import typer

CASES_LEFT = 75
"""Exit code of a run whose time did not suffice: try again (EX_TEMPFAIL of sysexits.h)."""

Asked = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="a YAML file, a shipped name, or suite:NAME")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="list the cases, their bytes and the likely time")
]
Launches = Annotated[
    int,
    typer.Option(
        min=1, max=100, help="fresh processes each case is measured in; from 3 on an interval"
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
        help=f"begin no case after that, as 90, 90s, 3m or 1h; exit code {CASES_LEFT}: some left",
    ),
]
Share = Annotated[
    str, typer.Option(metavar="I/N", help="measure only the I-th of N shares of the cases")
]

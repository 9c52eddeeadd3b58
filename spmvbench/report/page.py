"""Everything put together: one page, the same bytes for the same records."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

import spmvbench
from spmvbench.curves import as_one_place, parts
from spmvbench.report.answer import answers, dots
from spmvbench.report.colors import palette
from spmvbench.report.figures import figures
from spmvbench.report.provenance import environments, protocols, recipes
from spmvbench.report.rows import DIGITS, packed
from spmvbench.report.sources import Sources
from spmvbench.report.warnings import warnings
from spmvbench.summary.layout import TEXT
from spmvbench.summary.render import tables
from spmvbench.summary.sentence import joined

HERE = Path(__file__).parent

OPEN = 3
"""Questions answered at the top; more of them are folded."""


def page(sources: Sources) -> str:
    """The report as HTML; it asks the network for nothing and says so to the browser."""
    records = sources.records
    alike = list(parts(records))
    script = (HERE / "page.js").read_text(encoding="utf-8")
    answered = answers(alike)
    shown = as_one_place(records, sources.environments)
    drawn = figures(list(parts(shown)), list(parts(shown, over="batch")))
    colored = [*(figure.svg for figure in drawn.drawn), *dots(answered)]
    return _template().render(
        title=_title(sources),
        version=spmvbench.__version__,
        rows=len(records),
        timed=sum(len(part.timed) for part in alike),
        answers=answered,
        open=OPEN,
        digits=DIGITS,
        tables=list(tables(records)),
        left=TEXT,
        figures=drawn,
        palette=Markup(palette(colored)),  # made of hexadecimal digits
        data=packed(records),
        warnings=warnings(sources, alike),
        environments=environments(sources),
        protocols=protocols(records),
        recipes=recipes(sources),
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),  # our own file
        script=Markup(script),  # our own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _template() -> Template:
    found = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,  # names of formats and reasons are strangers' text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return found.get_template("page.html")


def _title(sources: Sources) -> str:
    """`sparsity_sweep on amd-epyc-2c and nvidia-h200`."""
    experiments = dict.fromkeys(folder.experiment for folder in sources.folders)
    devices = dict.fromkeys(folder.device for folder in sources.folders)
    return f"{joined(list(experiments))} on {joined(list(devices))}"

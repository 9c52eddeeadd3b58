"""How a format looks in every figure: a colour and a marker that never change, a dash, a label."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from spmvbench.curves import tail


@dataclass(frozen=True)
class Style:
    """Colour as `#rrggbb` and matplotlib marker."""

    color: str
    marker: str


# Hues follow Okabe and Ito where they suffice. The rest were searched so that formats that meet in
# one figure stay apart for protanopes and deuteranopes too; dense formats are greys.
STYLES = {
    "macko": Style("#d55e00", "o"),
    "macko-fast": Style("#8e1600", "D"),
    "bitmap": Style("#0072b2", "s"),
    "csr16": Style("#009e73", "^"),
    "slab4": Style("#19a62a", "p"),
    "slab5": Style("#5d7339", "4"),
    "slab6": Style("#1d31bf", "|"),
    "slab-bitmap": Style("#53b4f1", "h"),
    "auto": Style("#e6c400", "*"),
    "dense-f16": Style("#000000", "x"),
    "dense-numpy": Style("#5e5e5e", "+"),
    "dense-torch": Style("#b5b5b5", "1"),
    "dense-cublas": Style("#111111", "x"),
    "dense-gemv": Style("#424242", "+"),
    "dense-int8": Style("#574062", "2"),
    "dense-int4": Style("#c8b878", "3"),
    "csr-scipy": Style("#5a2ca0", "v"),
    "csr-mkl": Style("#56b4e9", "<"),
    "csr-cusparse-spmv": Style("#ff6694", "v"),
    "csr-cusparse-spmm": Style("#b3007a", "<"),
    "sputnik": Style("#300042", ">"),
    "dasp": Style("#00c2b2", "d"),
}

# For formats that are not ours: none of these is the colour or the marker of a format above.
RESERVE_COLORS = ("#ffaa00", "#8a1538", "#230aff", "#498a97", "#5a2b2b", "#7a7aff")
RESERVE_MARKERS = ("P", "X", "8", "H")

INK, MUTED, FAINT = "#222222", "#666666", "#d9d9d9"

RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture everywhere
    "font.size": 11,
    "axes.edgecolor": "#999999",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.5,
    "lines.markeredgewidth": 1.4,
    "text.color": INK,
    "text.parse_math": False,  # a format may have any name
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "svg.hashsalt": "spmvbench",  # the same records give the same bytes
    "svg.fonttype": "path",
    "path.simplify": False,
}


def style(name: str) -> Style:
    """Of a format. An unknown name always gets the same reserve colour and marker."""
    if name in STYLES:
        return STYLES[name]
    number = zlib.crc32(name.encode())
    color = RESERVE_COLORS[number % len(RESERVE_COLORS)]
    return Style(color, RESERVE_MARKERS[number // len(RESERVE_COLORS) % len(RESERVE_MARKERS)])


def order(names: Iterable[str]) -> list[str]:
    """Formats as a legend lists them: those we know in the order of the table, then the others."""
    known = list(STYLES)
    return sorted(set(names), key=lambda n: (known.index(n) if n in STYLES else len(known), n))


def short(name: str, limit: int = 24) -> str:
    """A name that fits a label: of `path/to/file.py:Class` the end."""
    found = tail(name)
    return found if len(found) <= limit else "…" + found[1 - limit :]


def stores(rows: pd.DataFrame) -> str:
    """What is special about the stored values of one format: `stores float32`, `lossy`, or ""."""
    other = rows.loc[rows["value_dtype"] != rows["dtype"], "value_dtype"]
    words = [f"stores {other.iloc[0]}"] if len(other) and other.iloc[0] else []
    words += [] if rows["lossless"].all() else ["lossy"]
    return ", ".join(words)


def dash(rows: pd.DataFrame) -> str:
    """Line style of one format: dotted is lossy, dashed stores another precision."""
    words = stores(rows)
    if "lossy" in words:
        return ":"
    return "--" if words else "-"

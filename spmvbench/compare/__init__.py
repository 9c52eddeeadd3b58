"""Whether new results are slower than old ones, and whether that can be known; measures nothing."""

from spmvbench.compare.judge import compare
from spmvbench.compare.line import VERDICTS, Comparison, Line, Options, exit_code
from spmvbench.compare.render import FORMS, render, sentence, show_text
from spmvbench.compare.side import Side, read_side

__all__ = [
    "FORMS",
    "VERDICTS",
    "Comparison",
    "Line",
    "Options",
    "Side",
    "compare",
    "exit_code",
    "read_side",
    "render",
    "sentence",
    "show_text",
]

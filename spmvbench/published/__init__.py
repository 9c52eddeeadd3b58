"""What the authors of MACKO claim, beside what a results folder shows; nothing is measured."""

from spmvbench.published.claim import publication
from spmvbench.published.judge import VERDICTS, Finding, judge
from spmvbench.published.render import print_findings, sentence, to_markdown
from spmvbench.published.show import show_all

__all__ = [
    "VERDICTS",
    "Finding",
    "judge",
    "print_findings",
    "publication",
    "sentence",
    "show_all",
    "to_markdown",
]

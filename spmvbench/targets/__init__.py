"""What a run was to show and what it does show; from a results folder alone, on any machine."""

from spmvbench.targets.judge import judge
from spmvbench.targets.line import PASSED, VERDICTS, Line
from spmvbench.targets.render import print_lines, sentence, to_markdown

__all__ = ["PASSED", "VERDICTS", "Line", "judge", "print_lines", "sentence", "to_markdown"]

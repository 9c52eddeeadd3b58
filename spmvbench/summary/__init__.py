"""What records say in words and tables; all of it from the records, nothing from elsewhere."""

from spmvbench.summary.render import closing_table, markdown
from spmvbench.summary.sentence import sentence
from spmvbench.summary.tables import crossovers, leftovers, winners

__all__ = ["closing_table", "crossovers", "leftovers", "markdown", "sentence", "winners"]

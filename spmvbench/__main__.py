"""`python -m spmvbench`, also from a checkout that is not installed."""

from spmvbench.cli import main

main()

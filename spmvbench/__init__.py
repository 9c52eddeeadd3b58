"""Which sparse format multiplies your pruned weights fastest? Import stays light: nothing heavy here."""

__version__ = "0.1.0"

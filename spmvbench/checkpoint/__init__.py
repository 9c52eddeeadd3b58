"""Checkpoints of language models: pruned, packed, read back, judged."""

from spmvbench.checkpoint.loading import Weight, load

__all__ = ["Weight", "load"]

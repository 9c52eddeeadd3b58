"""Checkpoints of language models: pruned, packed, read back, judged."""

from spmvbench.checkpoint.loading import Weight, load
from spmvbench.checkpoint.tensors import state_dict

__all__ = ["Weight", "load", "state_dict"]

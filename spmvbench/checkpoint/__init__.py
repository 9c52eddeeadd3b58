"""Checkpoints of language models: pruned, packed, read back."""

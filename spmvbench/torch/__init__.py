"""PyTorch layers whose weights are packed as MACKO."""

"""What runs on an NVIDIA GPU: kernels from kernels/ through CuPy, and how they are launched."""

BATCHES = (1, 2, 4, 8)
"""Columns of x that the kernels take at once."""

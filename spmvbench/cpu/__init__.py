"""CPU kernels and what they share, compiled by Numba."""

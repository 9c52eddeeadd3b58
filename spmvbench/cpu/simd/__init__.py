"""CPU kernels on SIMD vectors; only for code generators that `tier` calls AVX512 or AVX2."""

from spmvbench.cpu.simd import bitmap, csr16, dense, int4, int8, macko, packing
from spmvbench.cpu.simd.dispatch import launch, workers

__all__ = ["bitmap", "csr16", "dense", "int4", "int8", "launch", "macko", "packing", "workers"]

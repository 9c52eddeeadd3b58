"""The part of CuPy that follows SciPy, as far as spmvbench uses it."""

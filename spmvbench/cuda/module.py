"""Kernels of kernels/ by their name in C++, compiled when they are first asked for."""

from __future__ import annotations

from functools import cache
from typing import Any

from spmvbench.paths import data_dir


@cache
def kernel(file: str, name: str) -> Any:
    """`kernel("macko.cu", "macko<__half, 1, int>")`: called as `(grid, threads, arguments)`."""
    return compiled((data_dir("kernels") / file).read_text(), name)


def compiled(code: str, name: str) -> Any:
    """The kernel of that name in the text of a file, which may include those of kernels/.

    One module a kernel: a file has dozens of variants, a run needs a few. CuPy keeps the machine
    code on disk, under a hash of source and options.
    """
    import cupy

    folders = [data_dir("kernels"), *_headers()]
    options = ("-std=c++17", *(f"-I{folder}" for folder in folders))
    module = cupy.RawModule(code=code, options=options, name_expressions=(name,))
    return module.get_function(name)


def _headers() -> list[str]:
    """NVIDIA's headers in a wheel; CuPy finds those of an installed toolkit by itself."""
    try:
        from cuda.pathfinder import find_nvidia_header_directory
    except ImportError:
        return []
    found = find_nvidia_header_directory("cudart")
    return [str(found)] if found else []

"""Kernels of kernels/ by their name in C++, compiled when they are first asked for."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

from spmvbench.paths import data_dir


@cache
def kernel(file: str, name: str) -> Any:
    """`kernel("macko.cu", "macko<__half, 1, int>")`: called as `(grid, threads, arguments)`.

    One module a kernel: a file has dozens of variants, a run needs a few. CuPy keeps the machine
    code on disk, under a hash of the file and the options; what the file includes it does not look
    at, so an option names that.
    """
    import cupy

    folder = data_dir("kernels")
    include = [f"-I{path}" for path in (folder, *_headers())]
    options = ("-std=c++17", f"-DINCLUDED={_included()}", *include)
    module = cupy.RawModule(
        code=(folder / file).read_text(), options=options, name_expressions=(name,)
    )
    return module.get_function(name)


@cache
def _included() -> str:
    """A number that is another one when any of our headers is another."""
    texts = (path.read_bytes() for path in sorted(data_dir("kernels").glob("*.cuh")))
    return f"0x{sha256(b''.join(texts)).hexdigest()[:16]}"


def _headers() -> list[str]:
    """NVIDIA's headers in a wheel; CuPy finds those of an installed toolkit by itself."""
    try:
        from cuda.pathfinder import find_nvidia_header_directory
    except ImportError:
        return []
    found = find_nvidia_header_directory("cudart")
    return [str(found)] if found else []

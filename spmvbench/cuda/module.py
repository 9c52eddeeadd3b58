"""Kernels of kernels/ by their name in C++, compiled when they are first asked for.

By the NVRTC that CuPy loads, but not as its RawModule does it: that makes subnormal floats zero
(-ftz=true, after any option of ours), and keeps the machine code on disk under a hash that knows
nothing of included headers. Compiling one kernel takes 0.1 to 0.2 s.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from spmvbench.paths import data_dir


def kernel(file: str, name: str) -> Any:
    """`kernel("macko.cu", "macko<__half, 1, int>")`: called as `(grid, threads, arguments)`."""
    import cupy

    return of_device(file, name, cupy.cuda.Device().id)


@cache
def of_device(file: str, name: str, device: int) -> Any:
    """The kernel for the current device, which has this number: compiled once for it.

    One module a kernel: a file has dozens of variants, a run needs a few.
    """
    return compiled((data_dir("kernels") / file).read_text(), name)


def compiled(code: str, name: str) -> Any:
    """The kernel of that name in the text of a file, which may include those of kernels/."""
    from cupy.cuda import Module, compiler

    options = ("-std=c++17", *(f"-I{path}" for path in (data_dir("kernels"), *_headers())))
    image, names = compiler.compile_using_nvrtc(code, options, name_expressions=(name,))
    module = Module()
    module.load(image)
    return module.get_function(names[name])


def usage(function: Any) -> tuple[int, int]:
    """Registers and bytes of local memory of a thread of the kernel."""
    from cupy.cuda import driver

    wanted = driver.CU_FUNC_ATTRIBUTE_NUM_REGS, driver.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES
    registers, local_bytes = (driver.funcGetAttribute(one, function.ptr) for one in wanted)
    return int(registers), int(local_bytes)


def allow_shared(function: Any, nbytes: int) -> None:
    """Let the kernel be launched with that much dynamic shared memory, or less."""
    from cupy.cuda import driver

    most = driver.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    if driver.funcGetAttribute(most, function.ptr) < nbytes:
        driver.funcSetAttribute(function.ptr, most, nbytes)


def _headers() -> list[str]:
    """NVIDIA's headers: of a wheel or a toolkit those of CUDA, of CuPy what these include."""
    import cupy

    brought = [str(Path(cupy.__file__).parent / "_core/include/cupy/_cccl/libcudacxx")]
    try:
        from cuda.pathfinder import find_nvidia_header_directory
    except ImportError:
        return brought
    found = find_nvidia_header_directory("cudart")
    return [*brought, str(found)] if found else brought

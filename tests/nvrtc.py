"""Compiles kernels for GPUs that are not here, and reads what the assembler says of them."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

WHEELS = ("cuda-bindings", "nvidia-cuda-nvrtc", "nvidia-cuda-runtime", "nvidia-cuda-crt")


def missing() -> str:
    """Why nothing can be compiled here; empty when it can."""
    for wheel in WHEELS:
        try:
            importlib.metadata.version(wheel)
        except importlib.metadata.PackageNotFoundError:
            return f"{wheel} is not installed: pip install 'spmvbench[cuda-check]'"
    return ""


@dataclass(frozen=True)
class Usage:
    """What the assembler says of one kernel. All in bytes but the registers."""

    registers: int
    stack: int
    spilled: int


@dataclass(frozen=True)
class Compiled:
    """`usages` by the kernel's name as it was asked for."""

    cubin: bytes
    ptx: str
    usages: dict[str, Usage]


def compile_for(source: Path, arch: str, kernels: Sequence[str]) -> Compiled:
    """The kernels of a file for one architecture. Raises: RuntimeError with the compiler's log."""
    from cuda.bindings import nvrtc

    program = _value(nvrtc.nvrtcCreateProgram(source.read_bytes(), source.name.encode(), 0, [], []))
    try:
        for name in kernels:
            _value(nvrtc.nvrtcAddNameExpression(program, name.encode()))
        options = _options(source.parent, arch)
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        log = _text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program)
        if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
            raise RuntimeError(f"{source.name} for {arch}:\n{log}")
        mangled = {
            _value(nvrtc.nvrtcGetLoweredName(program, name.encode())).decode(): name
            for name in kernels
        }
        cubin = _content(nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN, program)
        ptx = _text(nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX, program)
        usages = {mangled[entry]: usage for entry, usage in usages_of(log).items()}
        return Compiled(cubin, ptx, usages)
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def usages_of(log: str) -> dict[str, Usage]:
    """From the assembler's report, by mangled name."""
    found, parts = {}, re.split(r"Compiling entry function '(\w+)' for", log)
    for entry, report in zip(parts[1::2], parts[2::2], strict=True):
        memory = r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
        stack, stores, loads = map(int, re.search(memory, report).groups())
        registers = int(re.search(r"Used (\d+) registers", report)[1])
        found[entry] = Usage(registers, stack, stores + loads)
    return found


def _options(folder: Path, arch: str) -> list[bytes]:
    from cuda.pathfinder import find_nvidia_header_directory

    headers = [find_nvidia_header_directory(name) for name in ("cudart", "cccl")]
    words = [f"--gpu-architecture={arch}", "--std=c++17", "--ptxas-options=-v", f"-I{folder}"]
    return [word.encode() for word in words + [f"-I{header}" for header in headers if header]]


def _value(result):
    """What a call gives beside its status. Raises: RuntimeError for another status than success."""
    from cuda.bindings import nvrtc

    status, *values = result
    if status != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise RuntimeError(nvrtc.nvrtcGetErrorString(status)[1].decode())
    return values[0] if values else None


def _content(size, content, program) -> bytes:
    """What NVRTC writes into memory of the caller."""
    buffer = b" " * _value(size(program))
    _value(content(program, buffer))
    return buffer


def _text(size, content, program) -> str:
    """The same without the closing zero."""
    return _content(size, content, program).rstrip(b"\0").decode()

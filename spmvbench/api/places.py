"""Where arrays live: the CPU, or a GPU and a stream of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from spmvbench.cuda.libraries import INSTALL
from spmvbench.errors import DeviceError


@dataclass(frozen=True)
class Place:
    """`cpu`, or `cuda` and which of them."""

    kind: str
    index: int = 0

    def __str__(self) -> str:
        """As PyTorch writes it: `cpu`, `cuda:0`."""
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"

    @classmethod
    def named(cls, name: str) -> Place:
        """Of `cpu`, `cuda` (the current one) or `cuda:1`. Raises: DeviceError for another word."""
        kind, _, index = name.partition(":")
        if kind not in ("cpu", "cuda") or not (index.isdecimal() or name == kind):
            raise DeviceError(f"device '{name}': expected cpu, cuda or cuda:0")
        if kind == "cpu":
            return CPU
        return cls("cuda", int(index) if index else import_cupy().cuda.Device().id)

    @contextmanager
    def current(self, *, torch: bool) -> Iterator[None]:
        """Work on this GPU meanwhile, on CuPy's current stream of it or on PyTorch's."""
        if self.kind == "cpu":
            yield
            return
        cupy = import_cupy()
        with cupy.cuda.Device(self.index):
            if not torch:
                yield
                return
            with cupy.cuda.Stream.from_external(_TorchStream(self.index)):
                yield


CPU = Place("cpu")


class _TorchStream:
    """PyTorch's current stream, by the protocol that CuPy asks for and old PyTorch lacks."""

    def __init__(self, index: int) -> None:
        self._stream = sys.modules["torch"].cuda.current_stream(index).cuda_stream

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._stream


def import_cupy() -> Any:
    """CuPy. Raises: DeviceError where it is missing, saying how to get it."""
    try:
        import cupy
    except ImportError as error:
        raise DeviceError(
            f"CuPy is not installed, which runs the CUDA kernels; {INSTALL}"
        ) from error
    return cupy

"""A GPU for tests of products by NVIDIA's libraries: CuPy's stand-in, and theirs."""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace

from standins.compiled import SOURCES, StandIn

from spmvbench.cuda import libraries
from spmvbench.dtypes import DTYPES

_cublas = import_module("spmvbench.baselines._cublas")
_cublaslt = import_module("spmvbench.baselines._cublaslt")
_cusparse = import_module("spmvbench.baselines._cusparse")

CACHED = (
    *(libraries.load, libraries.missing),
    *(_cublas._cublas, _cublas._cublas_handle, _cublas.workspace),
    *(_cublaslt._library, _cublaslt._handle),
    *(_cusparse._cusparse, _cusparse._handle, _cusparse.takes),
)


def forget():
    """Nothing is loaded yet, and no handle made."""
    for function in CACHED:
        function.cache_clear()


def installed(monkeypatch, **options):
    """The stand-ins, found as NVIDIA's libraries would be. `options`: of a compiler, by library."""
    forget()
    found = {name: StandIn(name, *options.get(name, ())) for name in SOURCES}
    monkeypatch.setattr(libraries, "_by_soname", lambda name: found[name].cdll)
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    return SimpleNamespace(**found)


class Gpu:
    """What a plan, and the battery, asks of a device."""

    kind, cores, threads = "cuda", 1, 1

    def __init__(self, cupy, batch=1):
        self.cupy, self.batch = cupy, batch

    def configure(self, *, threads, batch):
        self.threads, self.batch = threads, batch

    def put(self, array):
        return self.cupy.array(array)

    def empty(self, shape, dtype):
        return self.cupy.empty(shape, DTYPES.get(dtype, dtype))

    def get(self, array):
        return array.get()

    def finish(self):
        """All is done already."""

    def time(self, launches, mark):
        for index, launch in enumerate(launches):
            mark(index)
            launch.matvec(launch.x, launch.y)
        return [1.0] * len(launches)

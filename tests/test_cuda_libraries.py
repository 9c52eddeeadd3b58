"""NVIDIA's libraries: how they are found, what is said when they are not, and when they refuse."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from cuhost.host_module import COMPILER, missing
from gpu_stand_in import Gpu, forget, installed
from standins.compiled import HERE, SOURCES, build

from spmvbench.conformance import conform
from spmvbench.cuda import libraries
from spmvbench.environment import environment
from spmvbench.formats import resolve
from spmvbench.watch import Watch

CURE = "pip install 'spmvbench[cuda13]', with a driver of CUDA 12 'spmvbench[cuda12]'"
LIBRARY = {
    "dense-cublas": "cublas",
    "dense-cublas-lt": "cublasLt",
    "dense-cublas-sgemv": "cublas",
    "csr-cusparse-spmv": "cusparse",
    "csr-cusparse-spmm": "cusparse",
    "csr-cupyx": "cusparse",
}
CALL = {
    "dense-cublas": "cublasGemmEx",
    "dense-cublas-lt": "cublasLtMatmul",
    "csr-cusparse-spmv": "cusparseSpMV",
    "csr-cusparse-spmm": "cusparseSpMM",
}
ALLOC_FAILED = {"cublas": 3, "cublasLt": 3, "cusparse": 2}
NOT_SUPPORTED = {"cublas": 15, "cublasLt": 15, "cusparse": 10}


@pytest.fixture
def nvidia(fake_cupy, monkeypatch):
    yield installed(monkeypatch)
    forget()


@pytest.fixture
def fresh():
    forget()
    yield
    forget()


def verdict(name, gpu, tmp_path, dtype="float16"):
    (one,) = conform(name, gpu, Watch(tmp_path / "watch"), [("one row", dtype, 1)])
    return one


# Not there


@pytest.mark.parametrize("name", LIBRARY)
def test_without_cupy_it_is_unavailable_in_one_line_with_the_cure(fresh, monkeypatch, name):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    expected = f"{name}: CuPy is not installed; {CURE}"
    assert resolve(name).unavailable("cuda") == expected


@pytest.mark.parametrize("name", LIBRARY)
def test_without_its_library_it_is_unavailable_in_one_line(fresh, fake_cupy, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", None)
    monkeypatch.setattr(libraries, "SONAMES", dict.fromkeys(libraries.SONAMES, ("libnone.so.1",)))
    assert resolve(name).unavailable("cuda") == f"{name}: libnone.so.1 was not found; {CURE}"


@pytest.mark.parametrize("name", LIBRARY)
def test_it_has_no_kernel_for_a_cpu(name):
    assert resolve(name).unavailable("cpu") == f"{name} has no kernel for cpu, only for cuda"


@pytest.mark.parametrize("name", LIBRARY)
def test_with_cupy_and_its_library_it_is_available(nvidia, name):
    assert resolve(name).unavailable("cuda") is None


def test_asking_what_is_available_imports_no_cupy(fake_cupy):
    folder = str(HERE.parent / "fakecupy")
    program = (
        f"import sys; sys.path.insert(0, {folder!r})\n"
        "from spmvbench.formats import resolve\n"
        f"print([resolve(name).unavailable('cuda') for name in {list(LIBRARY)}])\n"
        "assert not {'cupy', 'cupyx', 'torch', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_a_library_that_cannot_be_loaded_says_why(fresh, monkeypatch):
    class NotFound(RuntimeError):
        pass

    def broken(name):
        raise RuntimeError("Failed to dlopen libcusparse.so.12: libnvJitLink.so.13: not found")

    finder = SimpleNamespace(DynamicLibNotFoundError=NotFound, load_nvidia_dynamic_lib=broken)
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    with pytest.raises(libraries.LibraryError, match=r"libcusparse.*cannot be loaded: .*JitLink"):
        libraries.load("cusparse")


def test_a_library_that_the_wheels_do_not_bring_is_not_found(fresh, monkeypatch):
    class NotFound(RuntimeError):
        pass

    def absent(name):
        raise NotFound("many\nlines")

    finder = SimpleNamespace(DynamicLibNotFoundError=NotFound, load_nvidia_dynamic_lib=absent)
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    with pytest.raises(libraries.LibraryError, match=r"^libcublas.so.13 was not found$"):
        libraries.load("cublas")


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_a_library_in_a_wheel_is_loaded_from_where_it_is(fresh, monkeypatch):
    found = SimpleNamespace(abs_path=str(build("cublas")))
    finder = SimpleNamespace(
        DynamicLibNotFoundError=RuntimeError, load_nvidia_dynamic_lib=lambda name: found
    )
    monkeypatch.setitem(sys.modules, "cuda.pathfinder", finder)
    assert libraries.load("cublas")._name == found.abs_path


# Too old


@pytest.mark.parametrize("name", ["dense-cublas", "csr-cusparse-spmv"])
def test_a_function_that_is_missing_names_itself_and_the_cure(
    nvidia, fake_cupy, tmp_path, monkeypatch, name
):
    monkeypatch.setattr(libraries, "load", lambda name: ctypes.CDLL(None))
    seen = verdict(name, Gpu(fake_cupy), tmp_path)
    assert seen.status == "error"
    assert re.search(r"lib\w+.so.1\d has no cu\w+, expected CUDA 12 or newer; pip", seen.reason)


# Refusals


@pytest.mark.parametrize("name", CALL)
def test_a_status_becomes_one_line_with_call_and_name(nvidia, fake_cupy, tmp_path, name):
    getattr(nvidia, LIBRARY[name]).fail(CALL[name], 7 if "cublas" in name else 3)
    seen = verdict(name, Gpu(fake_cupy), tmp_path, "float32")
    assert seen.status == "error"
    status = r"CU(BLAS|SPARSE)_STATUS_INVALID_VALUE \([37]\)"
    assert re.match(rf"LibraryError: {CALL[name]} failed: {status}", seen.reason)


@pytest.mark.parametrize("name", CALL)
def test_a_library_out_of_memory_is_out_of_memory(nvidia, fake_cupy, tmp_path, name):
    library = LIBRARY[name]
    getattr(nvidia, library).fail(CALL[name], ALLOC_FAILED[library])
    seen = verdict(name, Gpu(fake_cupy), tmp_path, "float32")
    assert seen.status == "oom"
    assert f"{CALL[name]} failed: CU" in seen.reason


@pytest.mark.parametrize("name", CALL)
def test_a_gpu_out_of_memory_is_out_of_memory(nvidia, fake_cupy, tmp_path, monkeypatch, name):
    monkeypatch.setattr(fake_cupy.cuda.POOL, "limit", 100)
    assert verdict(name, Gpu(fake_cupy), tmp_path, "float32").status == "oom"


@pytest.mark.parametrize("name", ["dense-cublas", "dense-cublas-lt"])
def test_a_dense_product_that_is_not_supported_is_an_error(nvidia, fake_cupy, tmp_path, name):
    library = LIBRARY[name]
    call = "cublasLtMatmulAlgoGetHeuristic" if library == "cublasLt" else CALL[name]
    getattr(nvidia, library).fail(call, NOT_SUPPORTED[library])
    seen = verdict(name, Gpu(fake_cupy), tmp_path)
    assert seen.reason.startswith(f"NotSupported: {call} failed: CUBLAS_STATUS_NOT_SUPPORTED (15)")


def test_no_algorithm_for_a_product_is_an_error(nvidia, fake_cupy, tmp_path):
    nvidia.cublasLt.fail("no algorithm")
    seen = verdict("dense-cublas-lt", Gpu(fake_cupy), tmp_path)
    assert "knows no algorithm, 0 offered" in seen.reason


@pytest.mark.parametrize("name", ["csr-cusparse-spmv", "csr-cusparse-spmm"])
def test_a_gpu_that_cusparse_cannot_start_on_is_an_error_not_a_refusal_of_16_bits(
    nvidia, fake_cupy, tmp_path, name
):
    nvidia.cusparse.fail("cusparseCreate", 1)
    assert resolve(name).precision("float16", "cuda").values == "float16"
    seen = verdict(name, Gpu(fake_cupy), tmp_path)
    assert "cusparseCreate failed: CUSPARSE_STATUS_NOT_INITIALIZED (1)" in seen.reason


def test_a_status_without_a_name_is_given_by_number(nvidia, fake_cupy):
    nvidia.cublas.fail("cublasCreate_v2", 99)
    fmt = resolve("dense-cublas")
    with pytest.raises(libraries.LibraryError, match=r"cublasCreate_v2 failed: \w+ \(99\)"):
        fmt.plan(fmt.pack(np.ones((2, 2), np.float16)), Gpu(fake_cupy))


def test_float32_is_not_a_refusal_when_the_probe_fails_for_lack_of_cupy(nvidia, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert resolve("csr-cusparse-spmv").precision("float16", "cuda").values == "float16"


# Versions


def test_libraries_say_their_versions_themselves(nvidia):
    assert libraries.versions() == {"cublas": "13.10.0", "cusparse": "12.9.4"}


def test_an_environment_with_a_gpu_names_the_versions_of_the_libraries(nvidia):
    entry = environment({"device": "d"})
    assert entry["libraries"].items() >= {"cublas": "13.10.0", "cusparse": "12.9.4"}.items()


def test_an_environment_without_a_gpu_loads_no_library_of_nvidia(monkeypatch):
    monkeypatch.setattr(libraries, "load", lambda name: pytest.fail("was loaded"))
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    assert not {"cublas", "cusparse"} & set(environment({"device": "d"})["libraries"])


def test_a_library_that_is_not_there_has_no_version(fresh, monkeypatch):
    def absent(name):
        raise libraries.LibraryError("not found")

    monkeypatch.setattr(libraries, "load", absent)
    assert libraries.versions() == {}


# The stand-ins themselves


def official_headers():
    """Where NVIDIA's own headers are, as options of a compiler; empty without them."""
    try:
        from cuda.pathfinder import find_nvidia_header_directory
    except ImportError:
        return ()
    found = [find_nvidia_header_directory(name) for name in ("cublas", "cusparse", "cudart")]
    return tuple(f"-isystem{folder}" for folder in found) if all(found) else ()


OFFICIAL = official_headers()
needs_headers = pytest.mark.skipif(
    not OFFICIAL or bool(missing()),
    reason="NVIDIA's headers are not installed: pip install nvidia-cublas nvidia-cusparse",
)


@needs_headers
@pytest.mark.parametrize("name", SOURCES)
def test_a_stand_in_has_the_interface_of_the_official_headers(name):
    assert build(name, headers=OFFICIAL).exists()


@needs_headers
def test_the_numbers_of_the_stand_ins_are_those_of_the_official_headers(tmp_path):
    ours = "\n".join(path.read_text() for path in sorted((HERE / "include").glob("*.h")))
    numbers = re.findall(r"\b(CU[A-Z]+_\w+) = (-?\d+)", ours)
    lines = ["#include <cublasLt.h>", "#include <cusparse.h>"]
    lines += [f'static_assert({name} == {number}, "{name}");' for name, number in numbers]
    candidate = ctypes.sizeof(import_module("spmvbench.baselines._cublaslt")._Candidate)
    lines.append(f"static_assert(sizeof(cublasLtMatmulHeuristicResult_t) == {candidate});")
    source = tmp_path / "numbers.cpp"
    source.write_text("\n".join(lines))
    command = [COMPILER, "-std=c++17", "-fsyntax-only", *OFFICIAL, str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(numbers) == 40

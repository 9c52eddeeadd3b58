"""The matrix A of a problem, generated or read and pruned; the same bytes every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spmvbench.problems.base import Problem

# NumPy and the readers are imported when a matrix is built: the package exports this function, and
# whoever only wants to name a problem should not wait for them.
if TYPE_CHECKING:
    from spmvbench.dtypes import Array


def build(problem: Problem, kind: str = "cpu") -> Array:
    """A as every format gets it: dense, C order. Shape: (rows, cols), in the problem's dtype.

    `kind`: the kind of device that it is to be on. A generated matrix is made there; a stored one
    is read and pruned on the host.
    Raises: SourceError when its file cannot give it; ExperimentError when there is no such pattern.
    """
    if problem.source is None:
        return _generated(problem, kind)
    dense = _stored(problem, problem.source)
    if kind == "cpu":
        return dense
    import cupy

    there: Array = cupy.asarray(dense)
    return there


def _stored(problem: Problem, source: str) -> Array:
    from spmvbench.problems.prune import prune
    from spmvbench.problems.sources import load

    dense = load(source, problem.tensor, problem.dtype)
    if dense.shape != (problem.rows, problem.cols):
        from spmvbench.errors import SourceError

        raise SourceError(
            f"{source}: tensor '{problem.tensor}' is {dense.shape[0]}x{dense.shape[1]}, "
            f"expected {problem.rows}x{problem.cols} as planned; was the file changed? Run again"
        )
    return prune(dense, problem.density, problem.pattern)


def count_nonzero(dense: Array) -> int:
    """How many elements are neither 0.0 nor -0.0; NaN counts. `dense` may be on a device."""
    import numpy as np

    from spmvbench.dtypes import is_on_host
    from spmvbench.problems.chunks import CHUNK, DEVICE_CHUNK
    from spmvbench.problems.prune import magnitudes

    chunk = CHUNK if is_on_host(dense) else DEVICE_CHUNK
    flat = dense.reshape(-1)
    parts = (magnitudes(flat[i : i + chunk]) for i in range(0, flat.size, chunk))
    return sum(int(np.count_nonzero(part)) for part in parts)


def has_subnormals(dense: Array) -> bool:
    """Whether an element would be a subnormal float32. `dense` is on a device."""
    from spmvbench.problems.chunks import DEVICE_CHUNK
    from spmvbench.problems.prune import magnitudes

    normal = {"float32": 1 << 23, "bfloat16": 1 << 7}.get(str(dense.dtype), 0)
    flat = dense.reshape(-1)
    parts = (magnitudes(flat[i : i + DEVICE_CHUNK]) for i in range(0, flat.size, DEVICE_CHUNK))
    return normal > 0 and any(bool(((part != 0) & (part < normal)).any()) for part in parts)


def _generated(problem: Problem, kind: str) -> Array:
    from spmvbench.errors import ExperimentError
    from spmvbench.problems.patterns import check_pattern, generate

    reason = check_pattern(problem.pattern, problem.density, problem.cols)
    if reason:
        raise ExperimentError(f"{problem.key}: {reason}")
    if kind == "cpu":
        return generate(problem)
    from spmvbench.problems import on_device

    return on_device.generate(problem)

"""What a format may raise becomes a status and a line; a lost GPU context ends the process."""

from __future__ import annotations

import pytest

from spmvbench.guard import ContextLost, Failure, guard


class CUDARuntimeError(RuntimeError):
    """Named as CuPy's, which is not imported to recognise it."""

    def __init__(self, status):
        self.status = status
        super().__init__(f"cudaError {status}")


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize("status", [700, 716, 719])
def test_after_a_fault_of_a_kernel_the_process_cannot_go_on(status):
    with pytest.raises(ContextLost, match=f"the GPU's context is lost: cudaError {status}"):
        guard(raising(CUDARuntimeError(status)))


def test_a_fault_behind_another_exception_is_found_too():
    def work():
        try:
            raise CUDARuntimeError(700)
        except RuntimeError as error:
            raise ValueError("the library failed") from error

    with pytest.raises(ContextLost):
        guard(work)


@pytest.mark.parametrize("error", [CUDARuntimeError(1), ValueError("700")])
def test_other_errors_cost_one_row(error):
    assert guard(raising(error)).status == "error"


def test_memory_that_is_refused_is_oom():
    failure = guard(raising(MemoryError("Out of memory allocating 5 bytes")))
    assert failure == Failure("oom", "out of memory: Out of memory allocating 5 bytes")

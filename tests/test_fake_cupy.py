"""The stand-in for CuPy must be as strict as CuPy, or mistakes would first show on a GPU."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_cells import Cell
from kernel_table import TYPES

from spmvbench.cuda.module import kernel


def test_a_kernel_runs_on_device_arrays(fake_cupy):
    cell = Cell("macko", "gaps around 16 and 32", "float16", 1)
    launch = next(iter(cell.launches(0)))
    assert launch.kernel.startswith(f"macko<{TYPES['float16']}")
    put = [fake_cupy.asarray(a) if isinstance(a, np.ndarray) else a for a in launch.arguments]
    kernel("macko.cu", launch.kernel)((launch.grid,), (launch.threads,), put)
    assert not list(cell.faults([put[launch.y].get()]))


def test_host_and_device_arrays_do_not_mix(fake_cupy):
    there = fake_cupy.arange(4)
    with pytest.raises(TypeError, match="Unsupported type"):
        there + np.arange(4)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(there)


def test_a_reduction_stays_on_the_device(fake_cupy):
    total = fake_cupy.arange(4).sum()
    assert isinstance(total, fake_cupy.ndarray)
    assert int(total) == 6


def test_a_kernel_takes_no_python_numbers(fake_cupy):
    with pytest.raises(TypeError, match="arrays and NumPy scalars"):
        kernel("macko.cu", "macko<__half, 1, int>")((1,), (256,), (1,))


def test_a_fault_breaks_everything_after_it(fake_cupy):
    fake_cupy.cuda.STATE.faulty.add("macko")
    there = fake_cupy.arange(4)
    kernel("macko.cu", "macko<__half, 1, int>")((0,), (256,), [there] * 5 + [np.int64(0)])
    with pytest.raises(fake_cupy.cuda.runtime.CUDARuntimeError, match="illegal memory access"):
        there.get()


def test_what_is_captured_runs_when_the_graph_does(fake_cupy):
    stream = fake_cupy.cuda.Stream(non_blocking=True)
    ran = []
    with stream:
        stream.begin_capture()
        fake_cupy.cuda.STATE.submit("work", lambda: ran.append(1))
        graph = stream.end_capture()
    assert not ran
    graph.launch(stream)
    assert ran == [1]

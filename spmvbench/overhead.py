"""What a product costs by itself: the same format where there is next to nothing to do."""

from __future__ import annotations

import numpy as np

from spmvbench.devices.base import Device, Launch
from spmvbench.dtypes import DTYPES
from spmvbench.formats.base import Format
from spmvbench.prepare import pack_where_it_packs
from spmvbench.problems.base import Problem

SIZE = 8
CALLS = 21


def overhead_us(fmt: Format, problem: Problem, device: Device, *, hot: bool) -> float:
    """The median time of the product with an 8 x 8 matrix, as of problems like this one."""
    precision = fmt.precision(problem.dtype, device.kind)
    tiny = device.put(np.eye(SIZE, dtype=DTYPES[problem.dtype]))
    matvec = fmt.plan(pack_where_it_packs(fmt, tiny), device)
    shape = SIZE if problem.batch == 1 else (SIZE, problem.batch)
    x = device.put(np.ones(shape, DTYPES[precision.x]))
    launch = Launch(matvec, x, device.empty(shape, precision.y), hot=hot)
    times = device.time([launch] * (CALLS + 1), lambda _: None)
    return float(np.median(times[1:]))

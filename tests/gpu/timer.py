"""The timer against itself and against nvbench, on a GPU: `python tests/gpu/timer.py`.

A/A: the same products twice under two names, interleaved; the medians are to differ by less than
0.5 %. nvbench (`pip install cuda-bench`), where it is installed: the medians of the same products,
flushed as it flushes, are to differ by less than 2 %. Exit code 1: one does not.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from spmvbench.devices.base import Launch
from spmvbench.devices.cuda import CudaDevice
from spmvbench.formats import resolve
from spmvbench.problems import Problem, build, vector

CASES = [("dense-f16", 12288, 12288, 1.0), ("macko", 12288, 12288, 0.5), ("macko", 4096, 4096, 0.1)]
BLOCKS = 200
SAME, NEAR = 0.005, 0.02


def products(device):
    """Name, and a launch of each case."""
    for name, rows, cols, density in CASES:
        problem = Problem(rows, cols, density)
        fmt = resolve(name)
        matvec = fmt.plan(fmt.pack(build(problem, device.kind)), device)
        x = device.put(vector(problem, 0).astype(np.float16))
        yield (
            f"{name} {rows}x{cols} d{density:g}",
            Launch(matvec, x, device.empty(rows, "float16"), flush=True),
        )


def ours(device, found):
    """Medians of each launch and of the same one again, microseconds. Shape: (cases, 2)."""
    rng, launches = np.random.default_rng(0), [launch for _, launch in found for _ in range(2)]
    samples = np.empty((BLOCKS, len(launches)))
    for block in samples:
        order = rng.permutation(len(launches))
        block[order] = device.time([launches[i] for i in order], lambda _: None)
    return np.median(samples[5:], axis=0).reshape(-1, 2)


def nvbench(found):
    """The medians by nvbench, microseconds. It can run once in a process."""
    import cuda.bench as bench
    import cupy
    from cuda.bench.results import BenchmarkResult

    def timed(launch):
        def spmv(state):
            def launcher(given):
                address = given.get_stream().addressof()
                with cupy.cuda.ExternalStream(address):
                    launch.matvec(launch.x, launch.y)

            state.exec(launcher, batched=False)

        return spmv

    for number, (_, launch) in enumerate(found):
        bench.register(timed(launch)).set_name(f"case{number}").set_min_samples(BLOCKS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nvbench.json"
        bench.run_all_benchmarks(["timer", "--jsonbin", str(file)])
        result = BenchmarkResult.from_json(file)
        return [
            1e6 * float(np.median(result[f"case{number}"][0].samples))
            for number in range(len(found))
        ]


def main() -> int:
    device = CudaDevice()
    found = list(products(device))
    print(json.dumps({name: round(value, 2) for name, value in device.probes().items()}))
    medians, bad = ours(device, found), 0
    for (name, _), (one, other) in zip(found, medians, strict=True):
        off = abs(one / other - 1)
        bad += off >= SAME
        print(f"A/A      {name:28} {one:9.2f} {other:9.2f} us  {off:.2%}", flush=True)
    if importlib.util.find_spec("cuda.bench") is None:
        print("nvbench  not installed: pip install cuda-bench")
        return int(bad > 0)
    for (name, _), (one, _), theirs in zip(found, medians, nvbench(found), strict=True):
        off = abs(one / theirs - 1)
        bad += off >= NEAR
        print(f"nvbench  {name:28} {one:9.2f} {theirs:9.2f} us  {off:.2%}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

"""All that a machine with a GPU can show, in steps that can be repeated: see docs/gpu-kernels.md.

`python tests/gpu/everything.py --out FILE.tar.gz [--limit SECONDS]` runs the tests, the battery
under compute-sanitizer, the timer's checks, and as much of an experiment as the time allows; then
packs logs, rows and figures into one file. The same command, given that file again, goes on.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

TOP = Path(__file__).parent.parent.parent
WORK = TOP / "build" / "gpu"
HERE = Path(__file__).parent
TESTS = ("tests/test_gpu.py", "tests/test_gpu_api.py")
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
SANITIZED = (
    *("macko", "macko-fast", "csr16", "bitmap", "slab4", "slab5", "slab6"),
    *("dense-f16", "dense-int8", "dense-int4"),
)


def steps(experiment, sanitize, left_s):
    """Name and command of each. The experiment comes last and takes the time that is left."""
    python = [sys.executable]
    yield "tests", [*python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    if sanitize and shutil.which("compute-sanitizer"):
        for tool in TOOLS:
            tested = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "1"]
            yield tool, [*tested, *python, str(HERE / "battery.py"), *SANITIZED]
    yield "timer", [*python, str(HERE / "timer.py")]
    run = [*python, "-m", "spmvbench", "run", experiment, "--device", "cuda"]
    yield "run", [*run, "--out", str(WORK / "results"), "--limit", f"{left_s():.0f}"]


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--out", type=Path, default=TOP / "build" / "gpu.tar.gz")
    asked.add_argument("--limit", type=float, default=480.0, metavar="SECONDS")
    asked.add_argument("--experiment", default="paper")
    asked.add_argument("--no-sanitizer", action="store_true")
    asked.add_argument("--only", nargs="*", default=(), help="of tests, timer, run, memcheck ...")
    given = asked.parse_args()
    begun, failed = time.monotonic(), []
    if given.out.is_file():
        with tarfile.open(given.out) as before:
            before.extractall(WORK, filter="data")
    WORK.mkdir(parents=True, exist_ok=True)

    def left_s():
        return max(given.limit - (time.monotonic() - begun), 1.0)

    for name, command in steps(given.experiment, not given.no_sanitizer, left_s):
        done = WORK / f"{name}.ok"
        if (given.only and name not in given.only) or done.exists():
            continue
        code, took_s = run(command, WORK / f"{name}.log", left_s())
        print(f"{name:10} exit code {code}, {took_s:.0f} s, {WORK / name}.log", flush=True)
        if code == 0:
            done.touch()
        else:
            failed.append(name)
    with tarfile.open(given.out, "w:gz") as packed:
        packed.add(WORK, ".")
    print(f"packed     {given.out}" + (f"; not done: {', '.join(failed)}" if failed else ""))
    return int(bool(failed))


def run(command, log, limit_s):
    """The command's exit code, or 124 when its time was up, and the seconds it took."""
    begun = time.monotonic()
    env = {**os.environ, "PYTHONPATH": f"{TOP}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with log.open("wb") as file:
        try:
            code = subprocess.run(
                command, cwd=TOP, env=env, stdout=file, stderr=subprocess.STDOUT, timeout=limit_s
            ).returncode
        except subprocess.TimeoutExpired:
            code = 124
    return code, time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())

"""All that a machine with a GPU can show, in steps that can be repeated: see docs/gpu-kernels.md.

`python tests/gpu/everything.py --out FILE.tar.gz [--limit SECONDS]` runs the tests, the battery
under compute-sanitizer, the timer's checks, and as much of an experiment as the time allows; then
packs logs, rows and figures into one file. The same command, given that file again, goes on.
"""

from __future__ import annotations

import argparse
import importlib.util
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
    *("macko", "macko-fast", "csr16", "bitmap", "slab4", "slab5", "slab6", "slab-bitmap"),
    *("dense-f16", "dense-int8", "dense-int4"),
)
PYTEST = ("-q", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "filterwarnings=default")
"""What this project's own settings ask for may not be there, and others' warnings are not ours."""
TESTS_S, TOOLS_S, TIMER_S = 240.0, 300.0, 90.0
CLOSING_S = 45.0
"""A run needs so long before its first case, and after its limit: for the last case and figures."""


def steps(experiment, sanitize, left_s):
    """What runs at the same time, by name, and for how many seconds at most.

    The experiment comes last and takes the time that is left.
    """
    python = [sys.executable]
    several = ["-n", "6"] if importlib.util.find_spec("xdist") else []
    yield {"tests": [*python, "-m", "pytest", *PYTEST, *several, *TESTS]}, TESTS_S
    if sanitize and shutil.which("compute-sanitizer"):
        looked_at = [*python, str(HERE / "battery.py"), *SANITIZED]
        how = ["compute-sanitizer", "--error-exitcode", "1", "--tool"]
        yield {tool: [*how, tool, *looked_at] for tool in TOOLS}, TOOLS_S
    yield {"timer": [*python, str(HERE / "timer.py")]}, TIMER_S
    run = [*python, "-m", "spmvbench", "run", experiment, "--device", "cuda"]
    limit_s = max(left_s() - CLOSING_S, 1.0)
    yield {"run": [*run, "--out", str(WORK / "results"), "--limit", f"{limit_s:.0f}"]}, left_s()


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

    for commands, most_s in steps(given.experiment, not given.no_sanitizer, left_s):
        todo = {name: command for name, command in commands.items() if wanted(name, given.only)}
        for name, (code, took_s) in run(todo, min(most_s, left_s())).items():
            print(f"{name:10} exit code {code}, {took_s:.0f} s, {WORK / name}.log", flush=True)
            if code == 0:
                done(name).touch()
            else:
                failed.append(name)
    with tarfile.open(given.out, "w:gz") as packed:
        packed.add(WORK, ".")
    print(f"packed     {given.out}" + (f"; not done: {', '.join(failed)}" if failed else ""))
    return int(bool(failed))


def done(name):
    """A file that is there when the step has gone well."""
    return WORK / f"{name}.ok"


def wanted(name, only):
    return not (only and name not in only) and not done(name).exists()


def run(commands, limit_s):
    """Of each command its exit code, or 124 when its time was up, and the seconds it took."""
    begun, found = time.monotonic(), {}
    env = {**os.environ, "PYTHONPATH": f"{TOP}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    running = {}
    for name, command in commands.items():
        with (WORK / f"{name}.log").open("wb") as log:
            running[name] = subprocess.Popen(
                command, cwd=TOP, env=env, stdout=log, stderr=subprocess.STDOUT
            )
    for name, process in running.items():
        try:
            code = process.wait(max(limit_s - (time.monotonic() - begun), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = 124
        found[name] = code, time.monotonic() - begun
    return found


if __name__ == "__main__":
    sys.exit(main())

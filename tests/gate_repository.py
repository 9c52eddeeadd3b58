"""A repository that is spmvbench as far as gate can tell, and runs as a test wants it to.

Its `run` copies prepared rows: those of the folder that the revision's `speed` names. What it was
told and what it saw goes into `told.json` beside them.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import asdict

from spmvbench.record import COLUMNS, Record
from spmvbench.table import cells, line

MAIN = """
import json, os, pathlib, shutil, signal, sys
words = sys.argv[1:]
here = pathlib.Path(__file__).parent
speed = (here / "speed").read_text()
if speed == "fails":
    sys.exit("loading\\nerror: no such luck")
out = pathlib.Path(words[words.index("--out") + 1])
shutil.copytree(pathlib.Path(os.environ["ROWS"]) / speed, out / "tiny" / "cpu")
told = {
    "words": words, "folder": os.getcwd(), "commit": os.environ["SPMVBENCH_COMMIT"],
    "experiment": pathlib.Path(words[1]).read_text(), "package": str(here), "pid": os.getpid(),
}
(out / "told.json").write_text(json.dumps(told))
if speed == "hangs":
    pathlib.Path(os.environ["ROWS"], "pid").write_text(str(os.getpid()))
    signal.pause()
"""

EXPERIMENT = "formats: [csr16, dense-f16]\nshapes: [[40, 300]]\ndensities: [0.2, 0.5]\n"

TIMES_US = {"fast": 100.0, "slow": 110.0}


def git(folder, *words):
    """What git says to that, as a user with a name."""
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", "-C", str(folder), *named, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(top, speed):
    """A revision that runs at that speed; its name."""
    (top / "spmvbench" / "speed").write_text(speed)
    git(top, "add", ".")
    git(top, "commit", "--quiet", "--allow-empty", "-m", speed)
    git(top, "tag", speed)
    return speed


def repository(top):
    """The repository, with revisions `fast`, `slow`, `fails` and `hangs`, the first checked out."""
    (top / "spmvbench").mkdir(parents=True)
    (top / "spmvbench" / "__init__.py").write_text("")
    (top / "spmvbench" / "__main__.py").write_text(MAIN)
    (top / "bench").mkdir()
    (top / "bench" / "tiny.yaml").write_text(EXPERIMENT)
    git(top, "init", "--quiet", "--initial-branch=main")
    for speed in ("slow", "fails", "hangs", "fast"):
        commit(top, speed)
    return top


def prepare_rows(folder):
    """The results folders that revisions copy; `hangs` writes its number into a pipe, `pid`."""
    (folder / "hangs").mkdir(parents=True)
    os.mkfifo(folder / "pid")
    for speed, us in TIMES_US.items():
        rows = [row(name, us) for name in ("csr16", "dense-f16")]
        (folder / speed).mkdir()
        text = b"".join([line(COLUMNS), *(line(cells(one)) for one in rows)])
        (folder / speed / "records.csv").write_bytes(text)
    return folder


def row(name, us):
    """A time that csr16 has in that revision; dense is as fast in all."""
    us = us if name == "csr16" else 100.0
    times = {"median_us": us, "ci_low_us": us * 0.999, "ci_high_us": us * 1.001}
    return Record(
        **asdict(Record(experiment="tiny", key="k", device="cpu", format=name, status="ok"))
        | times
        | {"cache": "cold", "threads": 1, "samples": 30}
    )

from __future__ import annotations

import os
import signal
import subprocess
import sys

from spmvbench.watch import STAGES, Step, Watch


def test_what_one_process_enters_another_reads(tmp_path):
    writer, reader = Watch(tmp_path / "w"), Watch(tmp_path / "w")
    assert reader.read() == Step(0, -1, "idle")
    writer.enter("pack", 3)
    writer.enter("product", 5)
    assert reader.read() == Step(2, 5, "product")
    assert set(STAGES) >= {"pack", "plan", "check", "product"}


def test_the_last_step_outlives_a_crash(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from spmvbench.watch import Watch;"
        "Watch(Path(sys.argv[1])).enter('plan', 2); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "w")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert Watch(tmp_path / "w").read().stage == "plan"
    assert os.path.getsize(tmp_path / "w") == 16

"""What all tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

FAKE_CUPY = Path(__file__).parent / "fakecupy"


@pytest.fixture
def fake_cupy(monkeypatch):
    """CuPy on the CPU, in this process, for one test: see tests/fakecupy."""
    from cuhost.host_module import missing

    from spmvbench.cuda import module

    if missing():
        pytest.skip(missing())
    forget_cupy()
    module.of_device.cache_clear()
    monkeypatch.syspath_prepend(str(FAKE_CUPY))
    import cupy

    yield cupy
    forget_cupy()
    module.of_device.cache_clear()


def forget_cupy():
    for name in [n for n in sys.modules if n.partition(".")[0] in ("cupy", "cupyx")]:
        del sys.modules[name]

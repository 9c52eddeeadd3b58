"""docs/api.md: its examples, run in order; what they print is what stands there."""

from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"```python *(\w*)\n(.*?)```", TEXT, re.DOTALL)


def run(need):
    """All blocks of a kind in one namespace; those of a library follow the plain ones."""
    wanted = "\n".join(block for kind, block in BLOCKS if kind in ("", need))
    test = doctest.DocTestParser().get_doctest(wanted, {}, "docs/api.md", "docs/api.md", 0)
    said = []
    doctest.DocTestRunner().run(test, out=said.append)
    return "".join(said)


def test_the_plain_examples_do_what_they_say():
    assert not run("")


def test_the_examples_on_a_gpu_do_what_they_say(fake_cupy):
    assert not run("cuda")


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed")
def test_the_examples_with_pytorch_do_what_they_say():
    assert not run("torch")


def test_there_are_examples_of_each_kind():
    assert {kind for kind, _ in BLOCKS} == {"", "cuda", "torch"}

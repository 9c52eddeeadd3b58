"""Damaged `.safetensors`: whatever the bytes, a file is read, or refused in one line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from toy_network import write_safetensors

from spmvbench.checkpoint.stored import open_checkpoint
from spmvbench.errors import SourceError, UserError
from spmvbench.problems import safetensors_header
from spmvbench.problems.safetensors_files import native

EXAMPLES = 300

HUGE = st.integers(-(2**70), 2**70)
SIZES = st.one_of(st.integers(-3, 40), HUGE, st.just(10**4200), st.floats(), st.none(), st.text())
KINDS = st.one_of(st.sampled_from([*safetensors_header.KINDS, "F4", ""]), st.text(), st.integers())
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "dtype": KINDS,
        "shape": st.one_of(st.lists(SIZES, max_size=4), SIZES),
        "data_offsets": st.one_of(st.lists(SIZES, max_size=3), SIZES),
    },
)
NAMES = st.one_of(st.text(), st.sampled_from(["w", "a.bitmask", "a.compressed", "__metadata__"]))
PACKED = json.dumps(
    {"w": {"format": "macko", "shape": [2, 3], "dtype": "float16", "arrays": ["a"]}}
)
WORDS = st.dictionaries(
    st.sampled_from(["spmvbench.layout_version", "spmvbench.packed", "x"]),
    st.one_of(st.text(), st.sampled_from(["1", "{}", "[]", PACKED])),
)
HEADERS = st.dictionaries(NAMES, st.one_of(FIELDS, WORDS, st.integers()), max_size=4)


def refused_in_one_line(path: Path) -> bool:
    """Whether the checkpoint is refused; every matrix of one that is not can be read."""
    try:
        for entry in open_checkpoint(path).entries:
            if not entry.unusable:
                assert native(entry).shape == entry.shape
    except UserError as error:
        assert "\n" not in str(error)
        str(error).encode()
        assert len(str(error)) < 1000
        return True
    return False


def with_header(path: Path, text: bytes, data: bytes, length: int | None = None) -> Path:
    size = len(text) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + text + data)
    return path


@pytest.fixture(scope="module")
def tally():
    """How many files were read, and how many refused."""
    found: Counter[bool] = Counter()
    yield found
    print(f"{found[False]} read, {found[True]} refused, none crashed")


FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(header=HEADERS, data=st.binary(max_size=64), cut=st.integers(0, 20))
def test_any_header_is_read_or_refused(tmp_path, tally, header, data, cut):
    text = json.dumps(header).encode()
    tally[refused_in_one_line(with_header(tmp_path / "f.safetensors", text, data))] += 1
    tally[refused_in_one_line(with_header(tmp_path / "f.safetensors", text[:-cut], data))] += 1


@FUZZ
@given(text=st.binary(max_size=80), length=st.integers(0, 2**64 - 1), near=st.integers(-9, 9))
def test_any_bytes_are_read_or_refused(tmp_path, tally, text, length, near):
    path = tmp_path / "f.safetensors"
    tally[refused_in_one_line(with_header(path, text, b"", length))] += 1
    tally[refused_in_one_line(with_header(path, text, b"", max(0, len(text) + near)))] += 1
    path.write_bytes(text)
    tally[refused_in_one_line(path)] += 1


@FUZZ
@given(place=st.integers(0, 10**6), byte=st.integers(0, 255), cut=st.integers(0, 10**6))
def test_a_sound_file_with_one_byte_changed_or_cut_off(tmp_path, tally, place, byte, cut):
    path = write_safetensors(
        tmp_path / "f.safetensors",
        {"a": np.ones((2, 3), np.float16), "b": np.ones((3, 4), np.float32)},
    )
    sound = bytearray(path.read_bytes())
    sound[place % len(sound)] = byte
    path.write_bytes(sound)
    tally[refused_in_one_line(path)] += 1
    path.write_bytes(sound[: cut % len(sound)])
    tally[refused_in_one_line(path)] += 1


def header_of(**tensors):
    return json.dumps(tensors).encode()


def entry(shape, offsets, dtype="F16"):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a": 1, "a": 2}', "'a' stands there twice"),
        (header_of(a=entry([2], [0, 4]), b=entry([2], [2, 6])), "inside 'a' up to 4"),
        (header_of(a=entry([2], [-4, 0])), "data_offsets [-4, 0], expected a range"),
        (header_of(a=entry([2], [4, 0])), "data_offsets [4, 0], expected a range"),
        (header_of(a=entry([2], [0, 400])), "expected a range in 0 to 8"),
        (header_of(a=entry([2], [0, 8])), "takes 8 bytes, expected 4 for F16 [2]"),
        (header_of(a=entry([-1], [0, 8])), "shape [-1], expected integers from 0"),
        (header_of(a=entry([0, 2**70], [0, 0])), "expected integers from 0"),
        (b'{"a\\ud800": {}}', "a tensor is named 'a\\ud800'"),
        (b'{"a\\n": {}}', "a tensor is named 'a\\n'"),
        (b'{"__metadata__": {"x": 1}}', "is not text to text"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_what_is_wrong_with_a_header_is_said(tmp_path, text, words):
    path = with_header(tmp_path / "f.safetensors", text, b"\0" * 8)
    with pytest.raises(SourceError) as caught:
        open_checkpoint(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_type_that_is_not_known_is_listed_but_no_matrix(tmp_path):
    text = header_of(a=entry([2, 2], [0, 2], "F4"), w=entry([1, 2], [2, 6]))
    found = open_checkpoint(with_header(tmp_path / "f.safetensors", text, b"\0" * 8)).entries
    assert [e.name for e in found if not e.unusable] == ["w"]
    assert "its dtype is F4" in found[0].unusable

"""The random bits: the same everywhere, from anywhere."""

from __future__ import annotations

import numpy as np
import philox
import pytest

from spmvbench.problems.bits import MATRIX, VECTORS, words


def test_philox_agrees_with_the_known_answers_of_its_authors():
    # Random123, kat_vectors, philox4x64 10: all zeros, all ones.
    ones = 2**64 - 1
    assert philox.block((0, 0, 0, 0), (0, 0)) == (
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    )
    assert philox.block((ones, ones, ones, ones), (ones, ones)) == (
        0x87B092C3013FE90B,
        0x438C3C67BE8D0224,
        0x9CC7D7C69CD777B6,
        0xA09CAEBF594F0BA0,
    )


@pytest.mark.parametrize("start", [0, 1, 3, 4, 4095, 2**33 + 2, 2**62])
def test_words_are_philox_blocks_counted_from_one(start):
    expected = [philox.word(47, 3, i) for i in range(start, start + 9)]
    assert words(47, 3, start, 9).tolist() == expected


@pytest.mark.parametrize("seed", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("stream", [MATRIX, VECTORS, 2**64 - 1])
def test_seed_and_stream_are_the_two_words_of_the_key(seed, stream):
    assert words(seed, stream, 5, 1)[0] == philox.word(seed, stream, 5)


@pytest.mark.parametrize("start", range(10))
def test_words_do_not_depend_on_where_one_starts(start):
    np.testing.assert_array_equal(words(1, 2, start, 30), words(1, 2, 0, 40)[start : start + 30])


def test_no_words_are_an_empty_array():
    assert words(1, 2, 3, 0).shape == (0,)


def test_words_have_64_bits():
    assert words(1, 2, 3, 4).dtype == np.uint64


@pytest.mark.parametrize(
    ("seed", "stream", "start", "message"),
    [(-1, 0, 0, "seed is -1"), (0, 2**64, 0, "stream is 18446"), (0, 0, -1, "start is -1")],
)
def test_a_number_beyond_64_bits_is_refused(seed, stream, start, message):
    with pytest.raises(ValueError, match=message):
        words(seed, stream, start, 1)

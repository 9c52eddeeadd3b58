"""Each mistake put into a kernel that makes or packs matrices has to be found."""

from __future__ import annotations

import shutil

import pytest
from cuhost.host_module import missing
from kernel_table import FOLDER
from making import make, pack
from replay import FEW_KEYS, change, differing, few_keys, record, with_keys

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

SMALL_BYTES = 1 << 16

# The kernel's file, the file with the mistake, what becomes what, and why it is a mistake.
PACKING = [
    ("pack_macko", "pack.cuh", "Bits(bits << 1)", "bits", "-0.0 is stored"),
    ("pack_csr16", "pack.cuh", "column < cols ?", "column <= cols ?", "a column too many"),
    ("pack_bitmap", "warp.cuh", "((1u << lane", "((2u << lane", "its own bit counts"),
    ("pack_macko", "entries.cuh", "count = 0, last = -1", "count = 0, last = 0", "counts short"),
    ("pack_macko", "pack_macko.cu", "  int last = -1;", "  int last = 0;", "first gap short"),
    ("pack_macko", "entries.cuh", "gap >= STRIDE", "gap > STRIDE", "a bridge less"),
    ("pack_macko", "entries.cuh", "- last - 1) /", "- last) /", "first bridges one late"),
    ("pack_macko", "entries.cuh", "before && mine()", "mine()", "the first bridged twice"),
    ("pack_macko", "entries.cuh", "(2u << lane", "(1u << lane", "its own bridge is not counted"),
    ("pack_macko", "pack_macko.cu", "[at - 1] = STRIDE - 1", "[at - 1] = 0", "a bridge of no gap"),
    ("pack_macko", "pack_macko.cu", "; j < entries", "; j + 1 < entries", "a bridge unwritten"),
    ("pack_macko", "pack_macko.cu", "entries.code()", "entries.gap", "codes above 15"),
    ("macko_starts", "parts.cuh", "-int(begin % ENTRIES)", "0", "begins at a group"),
    ("macko_starts", "parts.cuh", "+ GROUPS - 1) / GROUPS", ") / GROUPS", "whole steps only"),
    ("macko_starts", "parts.cuh", "part + 1 < 1 <<", "part < 1 <<", "the last part ends early"),
    ("macko_starts", "macko_starts.cu", "? of_row :", "? ALL_LANES :", "the row before"),
    ("macko_starts", "macko_starts.cu", "columns += ENTRIES +", "columns +=", "gaps only"),
    ("macko_starts", "macko_starts.cu", "group += LANES", "group += 2 * LANES", "half of them"),
    ("macko_starts", "macko_starts.cu", "start += warp", "start = warp", "parts by themselves"),
    ("macko_starts", "macko_starts.cu", "(row << halvings) + part", "row + part", "other rows"),
    ("macko_starts", "macko_starts.cu", "  if (row >= rows) return;", "", "no such rows"),
    ("pack_bitmap", "pack_bitmap.cu", " && at < words", "", "words past the end"),
    ("pack_bitmap", "pack_bitmap.cu", "(lane == i)", "(lane <= i)", "words of other columns"),
    ("pack_bitmap", "pack_bitmap.cu", "/ 64 * 2;", "/ 32;", "rows of half a word"),
    ("pack_csr16", "pack_csr16.cu", "u16(base + ", "u16(", "columns of the first step"),
    ("pack_csr16", "pack_csr16.cu", "      next += __popc(step.stored[i]);", "", "never moves on"),
    ("pack_slab", "entries.cuh", "return gap % STRIDE", "return gap", "codes of other entries"),
    ("pack_slab", "planes.cuh", "gaps.first, 0x01010101u, ", "0u, 0u, ", "half of the columns"),
    ("pack_slab", "planes.cuh", "& 0x0f0f0f0fu) << 4", "& 0x0f0f0f0fu) << 3", "nibbles of others"),
    ("pack_slab", "planes.cuh", "(gaps.first & 0x0f", "(gaps.first & 0xff", "the fifth bit too"),
    ("pack_slab", "planes.cuh", "second * 0x1020", "second * 0x0020", "7 of 8 bits"),
    ("pack_slab", "planes.cuh", "u8((first", "u8((0 & first", "the first four"),
    ("pack_slab", "planes.cuh", "gaps.second >> 2 & 0x0c", "gaps.second >> 4 & 0x0c", "no room"),
    ("pack_slab", "planes.cuh", "nibbles | nibbles >> 12", "nibbles", "only even entries"),
    ("pack_slab", "groups.cuh", "LANES * AHEAD;", "LANES;", "what waits is lost"),
    ("pack_slab", "pack_slab.cu", "place >> slabs.row_bits;", "place >> 3;", "slabs of 8 rows"),
    ("pack_slab", "pack_slab.cu", "u32(place) & (rows - 1)", "u32(place) & 7", "place in the slab"),
    ("pack_slab", "pack_slab.cu", "lane_of_warp() & (rows - 1)", "lane_of_warp()", "other rows"),
    ("pack_slab", "pack_slab.cu", "groups & last, of", "0, of", "no share is longer"),
    ("pack_slab", "pack_slab.cu", "longer * (each + 1)", "longer * each", "where longer ones end"),
    ("pack_slab", "pack_slab.cu", "each + in_longer", "each + 1", "all shares are longer"),
    ("pack_slab", "pack_slab.cu", "(in_longer ? 0 : longer)", "0", "the first shares again"),
    ("pack_slab", "pack_slab.cu", "(share << slabs.row_bits) + row", "share + row", "other lanes"),
    ("pack_slab", "pack_slab.cu", "+ last - number)", "- number)", "shares are rounded down"),
    ("pack_slab", "pack_slab.cu", "+ last - number)", "+ last)", "all shares are the first"),
    ("pack_slab", "groups.cuh", "(other < lane)", "(other <= lane)", "its own group is before"),
    ("pack_slab", "pack_slab.cu", "(thread - lane + other) >>", "other >>", "shares of warp 0"),
    ("pack_slab", "pack_slab.cu", "mine ? group : place.groups - 1", "group", "groups of no row"),
    ("pack_slab", "pack_slab.cu", "  if (mine) {", "  {", "lanes without a group write"),
    ("pack_slab", "pack_slab.cu", "spot.k == 0", "spot.k <= 1", "starts of second groups"),
    ("pack_slab", "pack_slab.cu", "+ upto - columns)", "+ upto)", "starts a group late"),
    (
        "pack_slab",
        "pack_slab.cu",
        "  reached.columns += __shfl",
        "  __shfl",
        "starts of 32 groups",
    ),
    ("pack_slab", "pack_slab.cu", "  reached.written += LANES;\n", "", "the same groups again"),
    ("pack_slab", "pack_slab.cu", "  __syncwarp();\n  const", "  const", "entries not there yet"),
    ("pack_slab", "pack_slab.cu", "  last += now * STRIDE;", "", "bridges twice"),
    ("pack_slab", "pack_slab.cu", "  int last = -1;", "  int last = 0;", "first gap short"),
    ("pack_slab", "pack_slab.cu", "left -= LANES)", "left = 0)", "32 bridges at most"),
    ("pack_slab", "pack_slab.cu", "waiting.put(at - 1, 0, STRIDE - 1)", ";", "a bridge unwritten"),
    ("pack_slab", "pack_slab.cu", "if (lane < entries.bridges)", "if (lane < 1)", "one bridge"),
    ("pack_slab", "pack_slab.cu", "i64(row_order[number])", "number", "order of rows"),
    (
        "pack_slab",
        "pack_slab.cu",
        "if (lane < -reached.entries",
        "if (0 & -reached.entries",
        "rest",
    ),
    ("pack_slab", "pack_slab.cu", "if (number >= rows) return;", "", "rows that do not exist"),
    ("pack_slab_bitmap", "groups.cuh", "(other < lane)", "(other <= lane)", "its own group"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "= __brev(step", "= (step", "the last bit first"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "(lane == i)", "(lane <= i)", "other columns"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "- 1]) - 1)", "- 1]))", "one column less is used"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "by && word + 1 < words", "by", "the next stream"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "by && word + 1 < words", "0", "one word only"),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "? mask[word + 1] : 0;",
        "? 0 : 0;",
        "half windows",
    ),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "found >= IN", "found > IN", "windows of four"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "int i = 1; i < IN", "int i = 0; i < IN", "fifths"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "__clz(window) + 1;", "__clz(window);", "twice"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "zeros &= zeros - 1", "zeros &= 1", "all zeros"),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "used - begin < LANES",
        "false",
        "zeros at the end",
    ),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "found + __popc(stored)", "found", "counts short"),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "-entries & (GROUP",
        "0 & (GROUP",
        "no bits for the rest",
    ),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "used < words * LANES",
        "true",
        "bits past the end",
    ),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", ">= streams) return", "> streams) return", "more"),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "group < stream.length", "true", "no group"),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "  written += LANES;\n",
        "",
        "the same groups again",
    ),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "  __syncwarp();\n  const",
        "  const",
        "not there yet",
    ),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "slab << warp_bits) + (",
        "slab) + (",
        "other slabs",
    ),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "((1 << part_bits) - 1)", "0", "one part"),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "(row * segments + s",
        "(number * segments + s",
        "order",
    ),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "min(cols, begin", "max(cols, begin", "past a row"),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "AHEAD && word + lane < words",
        "AHEAD",
        "a word more",
    ),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        "is_stored(step.bits[i]) ?",
        "true ?",
        "-0.0 is kept",
    ),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        ">> 1 >> (LANES - 1",
        ">> (LANES - 1",
        "its own bit",
    ),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "lane < -entries % GROUP", "false", "no zeros"),
    (
        "pack_slab_bitmap",
        "pack_slab_bitmap.cu",
        ">= WRITTEN) write",
        ">= 2 * WRITTEN) write",
        "lost",
    ),
    ("pack_slab_bitmap", "pack_slab_bitmap.cu", "if (number >= rows) return;", "", "no such rows"),
    ("pack_int8", "quantise.cuh", "largest >= INF", "largest > INF", "Inf has a scale"),
    ("pack_int8", "quantise.cuh", "rintf(", "truncf(", "rounds towards zero"),
    ("pack_int8", "quantise.cuh", "step = LANES / 2;", "step = LANES / 4;", "half of the lanes"),
    ("pack_int8", "quantise.cuh", "!(scale > 0)", "scale == 0", "steps where the scale is NaN"),
    ("pack_int8", "pack_int8.cu", "  if (row >= rows) return;", "", "rows that do not exist"),
    ("pack_int4", "quantise.cuh", "u16(0x7e00)", "u16(0x7fff)", "the NaN of a GPU"),
    ("pack_int4", "pack_int4.cu", "4 * (lane / WORDS)", "4 * (lane % 2)", "nibbles of others"),
    ("pack_int4", "pack_int4.cu", "column < cols ?", "column <= cols ?", "a column too many"),
    ("pack_int4", "pack_int4.cu", "word, WORDS)", "word, 1)", "words of two neighbours"),
    ("pack_int4", "pack_int4.cu", "lane < WORDS", "lane <= WORDS", "a word too many"),
]

MAKING = [
    ("generate", "philox.cuh", "round < 10", "round < 9", "a round less"),
    ("generate", "philox.cuh", "a = i + 1,", "a = i,", "the counter begins at 0"),
    ("generate", "philox.cuh", "right += 0xBB", "right += 0xBA", "another key"),
    ("generate", "philox.cuh", "i & 2 ? high : low", "i & 1 ? high : low", "words mixed up"),
    ("generate", "generate.cu", "inside && keep", "keep", "the limit of a row past the end"),
    ("generate", "generate.cu", "++column == cols", "++column > cols", "rows a column longer"),
    ("generate", "generate.cu", "2 * s - 1021", "2 * s - 1020", "even values"),
    ("generate", "generate.cu", " + (h & 1)", "", "never the largest value"),
    ("generate", "generate.cu", "element + DRAWN <=", "element + 1 <=", "writes past the end"),
    ("generate", "generate.cu", "row & -i64(height)", "row", "blocks of one row"),
    ("generate", "generate.cu", "column & -width", "column", "groups of one column"),
    ("generate", "generate.cu", "- first[row]", "- first[0]", "a band that is not moved"),
    ("generate", "generate.cu", "smaller < n", "smaller <= n", "one more of each group"),
    ("generate", "generate.cu", "group + m < columns ? group + m : columns", "group + m", "stale"),
    ("generate", "generate.cu", "  __syncthreads();", "", "words that are not there yet"),
    ("select", "select.cu", "element >= start && ", "", "the end of the row before"),
    ("select", "select.cu", "element < stop)", "element <= stop)", "the next row's first"),
    ("select", "select.cu", "left <= below + mine", "left < below + mine", "the last of a digit"),
    ("select", "select.cu", "if (below < left", "if (below <= left", "the digit before"),
    ("select", "select.cu", "wanted = left - below", "wanted = left", "counted from the start"),
    ("select", "select.cu", "(found + 1) << shift", "found << shift", "one fewer"),
    ("select", "select.cu", "    counts[digit] = 0;", "", "counts of the digit before"),
    ("select", "select.cu", "key >> 16 == u32(upper)", "true", "lower halves of all keys"),
    ("select", "select.cu", "element / part", "0", "one part only"),
    ("select", "philox.cuh", "<< 32 | column", "<< 32 | 0", "ties that nothing decides"),
]


def label(mutant):
    return f"{mutant[0]}: {mutant[4]}"


@pytest.fixture(scope="module")
def launches():
    """What was recorded, once: it is the same for every mutant."""
    return {}


def is_small(recorded):
    return sum(array.nbytes for array in recorded.after) < SMALL_BYTES


def survives(launches, mutant, folder):
    kernel, file, old, new, _ = mutant
    change(folder / file, old, new)
    recorded = [one for one in launches if one.file == kernel]
    assert recorded
    # What takes longer only for what the small ones do not find.
    parts = {small: [one for one in recorded if is_small(one) is small] for small in (True, False)}
    try:
        return not any(
            differing(part, folder, sanitized=True, timeout_s=60, alone=True)
            for part in parts.values()
        )
    except RuntimeError:
        return False  # ended by a sanitizer, or not at all


@pytest.fixture
def packed(launches, fake_cupy, monkeypatch):
    if "packed" not in launches:
        work = record(lambda: pack(fake_cupy, ["float16"]), fake_cupy, monkeypatch)
        launches["packed"] = work
    return launches["packed"]


@pytest.fixture
def made(launches, fake_cupy, monkeypatch, tmp_path):
    if "made" not in launches:
        with few_keys(FEW_KEYS, with_keys(FEW_KEYS, tmp_path / "right"), monkeypatch):
            launches["made"] = record(make, fake_cupy, monkeypatch)
    return launches["made"]


@pytest.mark.parametrize("mutant", PACKING, ids=label)
def test_a_mistake_in_packing_is_found(packed, mutant, tmp_path):
    assert not survives(packed, mutant, shutil.copytree(FOLDER, tmp_path / "kernels"))


@pytest.mark.parametrize("mutant", MAKING, ids=label)
def test_a_mistake_in_making_is_found(made, mutant, tmp_path):
    assert not survives(made, mutant, with_keys(FEW_KEYS, tmp_path / "kernels"))


def test_no_mistake_is_found_where_there_is_none(packed, made, tmp_path):
    assert not differing(packed, sanitized=True)
    assert not differing(made, with_keys(FEW_KEYS, tmp_path / "kernels"), sanitized=True)

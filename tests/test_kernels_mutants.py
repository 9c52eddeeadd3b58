"""The tests of the kernels must be able to fail: each mistake put into a kernel has to be found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import pytest
from cuhost.host_module import build, missing
from kernel_cells import cells, of_loops, wrong
from kernel_table import FOLDER, KERNELS

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

SMALL = (
    "one element",
    "rows not a multiple of 32",
    "columns not a multiple of 64",
    "first column only",
    "last column only",
    "gaps around 16 and 32",
    "rows of every length",
    "some rows empty",
    "very sparse",
)
FORWARD, BY_WARPS = 0, 2


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in a file, and the tests of `kernel` have to notice."""

    kernel: str
    file: str
    old: str
    new: str
    why: str


MUTANTS = [
    Mutant("macko", "macko.cu", "at + i >= begin && ", "", "the row before is not masked"),
    Mutant("macko", "macko.cu", " && at + i < end;", ";", "the next row is not masked"),
    Mutant("macko", "macko.cu", "at + i < end;", "at + i <= end;", "one entry more"),
    Mutant("macko", "macko.cu", "(4 * i)", "(28 - 4 * i)", "high nibbles first"),
    Mutant("macko", "macko.cu", "& 15u) + 1", "& 15u)", "zeros skipped, not columns"),
    Mutant("macko", "macko.cu", "int column = -1", "int column = 0", "one column too far right"),
    Mutant("macko", "macko.cu", "if (at < end)", "if (true)", "loads past the end"),
    Mutant("macko", "macko.cu", "upto, LANES - 1", "upto, LANES - 2", "a step ends a lane early"),
    Mutant("macko", "macko.cu", " / ENTRIES * ENTRIES;", ";", "loads that are not aligned"),
    Mutant("macko", "macko.cu", "if (row >= rows) return;", "", "rows that do not exist"),
    Mutant("macko", "warp.cuh", ">= step) v", "> step) v", "a lane too few"),
    Mutant("macko", "row.cuh", "i64(column) * BATCH", "i64(column)", "x of one vector only"),
    Mutant("macko_fast", "parts.cuh", "-int(begin % ENTRIES)", "0", "begins at loads"),
    Mutant("macko_fast", "macko_fast.cu", "if (first || last)", "if (last)", "the row before"),
    Mutant("macko_fast", "macko_fast.cu", "if (first || last)", "if (first)", "the next row"),
    Mutant("macko_fast", "macko_fast.cu", "skip == 0 && stop", "stop", "only ends are masked"),
    Mutant("macko_fast", "macko_fast.cu", ">> (32 - 4 * stop)", ">> (28 - 4 * stop)", "one more"),
    Mutant("macko_fast", "parts.cuh", "return upto_odd - odd;", "return upto_odd;", "even"),
    Mutant("macko_fast", "macko_fast.cu", " | far.all() << 16", "", "far groups have no gaps"),
    Mutant("macko_fast", "macko_fast.cu", "upto, LANES - 1)", "upto, LANES - 2)", "a lane early"),
    Mutant("macko_fast", "macko_fast.cu", "(total >> 16) + HALF", "(total >> 16)", "the next step"),
    Mutant("macko_fast", "macko_fast.cu", "cols + AFTER", "cols", "no zeros after x"),
    Mutant("macko_fast", "macko_fast.cu", "threadIdx.x < BEFORE", "false", "no zeros before x"),
    Mutant("macko_fast", "parts.cuh", "if (row >= rows) return {};", "", "no such rows"),
    Mutant("macko_fast", "macko_fast.cu", "if (group < end) pair.near", "pair.near", "past end"),
    Mutant(
        "macko_fast", "macko_fast.cu", "  __syncthreads();\n  const u32", "  const u32", "no x yet"
    ),
    Mutant("macko_fast", "macko_fast.cu", "y[index - stride]", "y[index]", "another row's y"),
    Mutant("macko_fast_split", "macko_fast.cu", "sum;\n  __syncthreads();", "sum;", "no sums yet"),
    Mutant("macko_fast_split", "macko_fast.cu", "(second ? WARPS : 0)", "0", "a round ahead"),
    Mutant("macko_fast_split", "macko_fast.cu", "by < parts", "by < 2", "two parts only"),
    Mutant("macko_fast_split", "macko_fast.cu", " && row < rows", "", "rows that do not exist"),
    Mutant("macko_fast_split", "macko_fast.cu", "i64(lane >> halvings)", "i64(lane)", "lane a row"),
    Mutant("macko_fast_split", "macko_fast.cu", "2 * WARPS : 0", "0 : 0", "sums over x"),
    Mutant("macko_fast_split", "macko_fast.cu", "warp - (slot << halvings)", "0", "the first part"),
    Mutant("macko_fast_split", "macko_fast.cu", "if (index < rows) row", "row", "past the index"),
    Mutant("macko_fast_split", "macko_fast.cu", "if (index < rows) row", "if (false) row", "carry"),
    Mutant("macko_fast_split", "macko_fast.cu", "(index << halvings)", "index", "other rows"),
    Mutant("macko_fast_split", "parts.cuh", "if (part + 1 < 1 << halvings)", "", "the last one"),
    Mutant("macko_fast_split", "parts.cuh", "< 1 << halvings", "< 0", "parts that overlap"),
    Mutant("macko_fast_split", "parts.cuh", "steps * part >>", "steps / 4 * part >>", "of 4"),
    Mutant("macko_fast", "ptx.cuh", ">= u32(by)", "> u32(by)", "a lane too few"),
    Mutant("macko_fast", "gather.cuh", "sizeof(X)) << (8 * BYTE)", "sizeof(X))", "the first sum"),
    Mutant("macko_fast", "gather.cuh", "i < cols ? wide(x[i]) : 0.0f", "wide(x[i])", "past x"),
    Mutant("slab4", "slab.cu", "at += u32(ENTRIES * sizeof(X));", "", "groups do not move on"),
    Mutant("slab4", "planes.cuh", ", low >> 4 &", ", low &", "low nibbles only"),
    Mutant("slab4", "streams.cuh", "  in.skip(LANES * DEPTH);\n", "", "the same groups again"),
    Mutant("slab4", "streams.cuh", "  in.skip(__popc(all));\n", "", "the same groups at the end"),
    Mutant("slab4", "streams.cuh", "if (k + i < groups) lane", "lane", "lanes that are done"),
    Mutant("slab4", "streams.cuh", "i + DEPTH < groups", "i + DEPTH <= groups", "a group more"),
    Mutant("slab4", "streams.cuh", "k + 2 * DEPTH <=", "k + DEPTH <=", "past a lane's end"),
    Mutant("slab4", "streams.cuh", "there[i] = other[i];", ";", "groups that were asked for"),
    Mutant("slab4", "streams.cuh", "if (has && lane", "if (lane", "rows that do not exist"),
    Mutant("slab4", "slab.cu", "(second ? WARPS * LANES : 0)", "0", "a slab ahead"),
    Mutant("slab4", "slab.cu", "y, row,", "y, u32(first) + lane,", "order of rows"),
    Mutant("slab4", "slab.cu", "+ 2 * ENTRIES - 2)", "- 1)", "no zeros after x"),
    Mutant("slab4", "slab.cu", "if (first >= rows) return share;", "", "slabs that do not exist"),
    Mutant("slab4", "slab.cu", "* u32(share.start)", "* 0", "every share from column 0"),
    Mutant("slab4", "slab.cu", "shares - 1 - number", "shares - 1", "a group more in each"),
    Mutant("slab5-few-rows", "slab.cu", "threadIdx.x >> row_bits", "threadIdx.x / LANES", "parts"),
    Mutant("slab5-few-rows", "slab.cu", "((1 << row_bits) - 1)", "(LANES - 1)", "row of a lane"),
    Mutant("slab5-few-rows", "streams.cuh", "by < LANES; by *= 2", "by < 0; by *= 2", "one part"),
    Mutant("slab5-few-rows", "streams.cuh", "below_lane(all)", "all", "all lanes are before"),
    Mutant("slab6-few-rows", "streams.cuh", "by < LANES; by *= 2", "by < LANES; by *= 4", "parts"),
    Mutant("slab5", "planes.cuh", "(high & 15u) *", "0 *", "the first four"),
    Mutant("slab5", "planes.cuh", "(u32(high) >> 4)", "u32(high)", "the second four"),
    Mutant("slab6", "planes.cuh", "spread << 2", "spread << 4", "the second four"),
    Mutant("slab6", "planes.cuh", "u32(high) << 12", "0", "only even entries"),
    *(
        Mutant(kernel, "slab_bitmap.cu", old, new, why)
        for kernel, old, new, why in [
            ("slab_bitmap", "at += ENTRIES * WORD;", "", "groups do not move on"),
            ("slab_bitmap", "INDEX + 1 - ENTRIES", "1 - ENTRIES", "the first entry"),
            ("slab_bitmap", ", window, bit);", ", window, bit + 1);", "keeps a bit"),
            ("slab_bitmap", "at / u32(sizeof(X)))", "0)", "windows begin at words"),
            ("slab_bitmap", "(before ^ at) & WORD", "0", "the same word again"),
            ("slab_bitmap", "^ at) & WORD", "^ at) & ~WORD", "words too soon"),
            ("slab_bitmap", "add_four<IN_WINDOW>(values)", "", "the second four"),
            ("slab_bitmap", "-warp_max(-place.groups)", "place.groups", "lanes are all alike"),
            ("slab_bitmap", "y, row,", "y, u32(first) + lane,", "order of rows"),
            ("slab_bitmap", " * words + ENTRIES,", " * words,", "no zeros after x"),
            ("slab_bitmap", "if (slab << row_bits >= rows) return place;", "", "no such slabs"),
            ("slab_bitmap", "if (slab >= slabs) return;", "", "no bits of those"),
            ("slab_bitmap", "* words * LANES;", "* LANES;", "bits of the same slab"),
            ("slab_bitmap", "i += 4 * LANES)", "i += 8 * LANES)", "half of the bits"),
            ("slab_bitmap", "= ALL_LANES;", "= 0;", "no ones after the bits"),
            ("slab_bitmap", "(other, bits,", "(mine, bits,", "bits in use"),
            ("slab_bitmap", "mine = other;", "", "never the other bits"),
            ("slab_bitmap", "+ (threadIdx.x >> row_bits) *", "+ 0 *", "one segment for all"),
            ("slab_bitmap-1", "== 1) copy_bits", "== 0) copy_bits", "the first bits"),
            ("slab_bitmap-1", "if (buffers == 1) __sync", "if (false) __sync", "ahead"),
            ("slab_bitmap-2", "x >> row_bits) *", "x / LANES) *", "one segment for a warp"),
            ("slab_bitmap-5", "WARPS * LANES >> row_bits;", "WARPS;", "segments as of 32 rows"),
        ]
    ),
    Mutant("slab_bitmap", "warp.cuh", "v = max(v, __shfl", "v = min(v, __shfl", "the least"),
    Mutant("csr16", "csr16.cu", "i < entries", "i <= entries", "one entry more"),
    Mutant("csr16", "csr16.cu", "if (row >= rows) return;", "", "rows that do not exist"),
    Mutant(
        "csr16",
        "warp.cuh",
        "step /= 2) v += __shfl_xor",
        "step /= 4) v += __shfl_xor",
        "a few lanes",
    ),
    Mutant("csr16", "types.cuh", "__float2half_rn", "__float2half_rz", "rounds towards zero"),
    Mutant("csr16", "row.cuh", "y + row * BATCH", "y + row", "y of one vector only"),
    Mutant("bitmap", "bitmap.cu", "(1u << lane) - 1", "(2u << lane) - 1", "counts its own bit"),
    Mutant("bitmap", "bitmap.cu", "/ 64 * 2", "/ 64", "half of the words"),
    Mutant("bitmap", "bitmap.cu", "base + lane < words", "true", "words past the end"),
    Mutant("bitmap", "bitmap.cu", "if (row >= rows) return;", "", "rows that do not exist"),
    Mutant("dense_gemv", "gemv.cuh", " < rows ? first + r : rows - 1", "", "reads too many rows"),
    Mutant("dense_gemv", "gemv.cuh", " || first + r >= rows", "", "writes too many rows"),
    Mutant("dense_gemv", "gemv.cuh", "(; at < weights", "(; at + 1 < weights", "a load less"),
    Mutant("dense_gemv", "gemv.cuh", "lane + 2 * STEP", "lane + STEP", "a step past the end"),
    Mutant("dense_gemv", "dense_gemv.cu", "all.at[run * RUN + i]", "all.at[i]", "the first run"),
    Mutant("dense_int8", "dense_int8.cu", " ^ 0x80808080u", "", "bytes without a sign"),
    Mutant("dense_int8", "dense_int8.cu", "0x7440 + i", "0x7443 - i", "bytes from the other end"),
    Mutant("dense_int4", "dense_int4.cu", "(4 * i)", "(28 - 4 * i)", "high nibbles first"),
    Mutant("dense_int4", "dense_int4.cu", "16 * run", "4 * run", "runs that are neighbours"),
    Mutant("dense_int4", "dense_int4.cu", "at / LOADS_OF_GROUP]", "row]", "one scale a row"),
    Mutant("dense_int4", "gemv.cuh", "+ i / BATCH < cols", "< cols", "x past the end"),
]


def mutated(mutant, folder):
    """The kernels' folder with the change in it."""
    shutil.copytree(FOLDER, folder)
    file = folder / mutant.file
    text = file.read_text()
    assert text.count(mutant.old) == 1, f"{mutant.file} has {mutant.old!r} not exactly once"
    file.write_text(text.replace(mutant.old, mutant.new))
    return folder / KERNELS[mutant.kernel].file.name


def survives(mutant, source):
    kernel = KERNELS[mutant.kernel]
    fast = ["one heavy row", *of_loops(mutant.kernel)] if kernel.fast else []
    # What takes longer only for what the small ones do not find.
    parts = [cells(mutant.kernel, ["float16"], [1, 2], some) for some in (SMALL, fast) if some]
    used = {launch.kernel for cell in parts[0] for launch in cell.launches(FORWARD)}
    module = build(source, sorted(used), sanitized=True)
    orders = (FORWARD, BY_WARPS) if kernel.fast else (FORWARD,)
    try:
        return not any(wrong(module, p, order, timeout_s=30) for p in parts for order in orders)
    except RuntimeError:
        return False  # ended by a sanitizer, or not at all


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.kernel}: {m.why}")
def test_a_mistake_is_found(mutant, tmp_path):
    assert not survives(mutant, mutated(mutant, tmp_path / "kernels"))


def test_no_mistake_is_found_where_there_is_none(tmp_path):
    source = shutil.copytree(FOLDER, tmp_path / "kernels") / "macko.cu"
    assert survives(Mutant("macko", "", "", "", ""), source)


def test_entries_counted_in_32_bits_are_found(tmp_path):
    mutant = Mutant("macko", "macko.cu", "const i64 origin", "const int origin", "")
    source = mutated(mutant, tmp_path / "kernels")
    module = build(source, KERNELS["macko"].variants(["float16"], [2]))
    far = cells("macko", ["float16"], [2], ["some rows empty"], origin=2**33)
    with pytest.raises(RuntimeError):
        wrong(module, far)

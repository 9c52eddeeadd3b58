"""The bytes that docs/formats.md fixes: its examples, its lengths, its sizes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from spmvbench.formats import resolve
from spmvbench.problems.base import Problem

TOP = Path(__file__).parent.parent
VECTORS = json.loads((TOP / "tests" / "vectors" / "macko.json").read_text())
LOSSLESS = ("macko", "bitmap", "csr16", "dense-f16")
NAMES = (*LOSSLESS, "dense-int8", "dense-int4")


def documented():
    """`{format: {array: bytes}}`, from the block of each format's section in the document."""
    found = {}
    text = (TOP / "docs" / "formats.md").read_text()
    for name, section in re.findall(r"^## `([a-z0-9-]+)`$(.*?)(?=^## )", text, re.M | re.S):
        block = re.search(r"```bytes\n(.*?)```", section, re.S)[1]
        arrays = re.findall(r"^(\w\w\w+)((?:\s+[0-9a-f]{2}(?![0-9a-z_]))+)$", block, re.M)
        found[name] = {array: bytes.fromhex("".join(digits.split())) for array, digits in arrays}
    return found


def example():
    dense = np.zeros((2, 26), np.float16)
    dense[0, [0, 1, 5, 25]] = 1, 2, 3, 4
    dense[1, 2] = 5
    return dense


def bernoulli(rows, cols, density, seed=3):
    rng = np.random.default_rng(seed)
    return (rng.random((rows, cols)) < density).astype(np.float16)


def encoded(dense):
    """MACKO by the letter of the document: `values`, codes and `row_pointers`, one by one."""
    values, codes, pointers = [], [], [0]
    for row in dense:
        last = -1
        for column in np.flatnonzero(row):
            gap = column - last - 1
            while gap > 15:
                values.append(0)
                codes.append(15)
                gap -= 16
            values.append(row[column])
            codes.append(gap)
            last = column
        pointers.append(len(values))
    return values, codes, pointers


def test_the_document_has_an_example_of_each_format():
    assert tuple(documented()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_pack_writes_the_bytes_of_the_document(name):
    packed = resolve(name).pack(example())
    assert {key: array.tobytes() for key, array in packed.arrays.items()} == documented()[name]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_macko_writes_the_bytes_of_the_vector(vector):
    dense = np.zeros((vector["rows"], vector["cols"]), np.float16)
    for row, column, value in vector["entries"]:
        dense[row, column] = float(value)
    arrays = resolve("macko").pack(dense).arrays
    assert arrays["values"].view(np.uint16).tolist() == vector["values_u16"]
    assert arrays["deltas"].tolist() == vector["deltas_u8"]
    assert arrays["row_pointers"].tolist() == vector["row_indices_i32"]


@pytest.mark.parametrize("density", [0, 0.01, 0.06, 0.3, 1])
def test_macko_writes_what_its_rules_say(density):
    dense = bernoulli(17, 333, density) * np.float16(1.5)
    values, codes, pointers = encoded(dense)
    padding = [0] * (-len(values) % 8)
    arrays = resolve("macko").pack(dense).arrays
    nibbles = np.stack([arrays["deltas"] & 15, arrays["deltas"] >> 4], axis=1)
    assert arrays["values"].tolist() == values + padding
    assert nibbles.ravel().tolist() == codes + padding
    assert arrays["row_pointers"].tolist() == pointers


def test_a_minus_zero_where_macko_bridges_a_gap_is_stored_as_zero():
    row = np.zeros((1, 40), np.float16)
    row[0, 15], row[0, 30] = -0.0, 1
    assert resolve("macko").pack(row).arrays["values"].view(np.uint16)[0] == 0


def test_bit_j_of_mask_word_w_is_column_64_w_plus_j():
    row = np.zeros((2, 130), np.float16)
    row[1, [0, 63, 64, 129]] = 1
    mask = resolve("bitmap").pack(row).arrays["mask"]
    assert mask.tolist() == [[0, 0, 0], [1 | 1 << 63, 1, 2]]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(("rows", "cols", "density"), [(7, 130, 0.3), (9, 64, 0), (3, 0, 1)])
def test_every_array_is_as_long_as_documented(dtype, rows, cols, density):
    dense = bernoulli(rows, cols, density).astype(np.dtype(dtype))
    n, entries = int(np.count_nonzero(dense)), len(encoded(dense)[0])
    whole = entries + -entries % 8
    wanted = {
        "macko": {"values": (whole,), "deltas": (whole // 2,), "row_pointers": (rows + 1,)},
        "bitmap": {"mask": (rows, -(-cols // 64)), "values": (n,), "row_pointers": (rows + 1,)},
        "csr16": {"values": (n,), "columns": (n,), "row_pointers": (rows + 1,)},
        "dense-f16": {"values": (rows, cols)},
        "dense-int8": {"values": (rows, cols), "scales": (rows,)},
        "dense-int4": {"values": (rows, -(-cols // 128), 16), "scales": (rows, -(-cols // 128))},
    }
    fixed = {"deltas": "uint8", "mask": "uint64", "columns": "uint16", "row_pointers": "int32"}
    fixed |= {("dense-int8", "values"): "int8", ("dense-int8", "scales"): "float32"}
    fixed |= {("dense-int4", "values"): "uint32"}
    for name in NAMES:
        arrays = resolve(name).pack(dense).arrays
        assert {key: array.shape for key, array in arrays.items()} == wanted[name]
        types = {key: fixed.get((name, key)) or fixed.get(key, dtype) for key in arrays}
        assert {key: str(array.dtype) for key, array in arrays.items()} == types


@pytest.mark.parametrize("density", [0.05, 0.1, 0.5, 0.9])
def test_the_documented_sizes_hold(density):
    rows, cols = 512, 4096
    dense = bernoulli(rows, cols, density)
    d, z, pointers = np.count_nonzero(dense) / dense.size, (1 - density) ** 16, 2 / cols
    wanted = {
        "macko": d / (1 - z) * 20 / 16 + pointers,
        "bitmap": d + 1 / 16 + pointers,
        "csr16": d * 2 + pointers,
        "dense-f16": 1,
        "dense-int8": 1 / 2 + pointers,
        "dense-int4": 1 / 4 + 1 / 128,
    }
    for name in NAMES:
        assert resolve(name).pack(dense).nbytes / dense.nbytes == pytest.approx(
            wanted[name], rel=0.01
        )


@pytest.mark.parametrize(
    ("density", "smallest"),
    [(0.05, "csr16"), (0.07, "macko"), (0.22, "macko"), (0.25, "bitmap"), (0.95, "dense-f16")],
)
def test_the_documented_format_is_the_smallest(density, smallest):
    dense = bernoulli(256, 4096, density)
    assert min(LOSSLESS, key=lambda name: resolve(name).pack(dense).nbytes) == smallest


def test_csr16_refuses_what_its_columns_cannot_count():
    reason = "csr16 has 16-bit columns, at most 65536; the matrix has 65537"
    fmt = resolve("csr16")
    assert fmt.unavailable("cpu", Problem(4, 65_537, 0.5)) == reason
    assert fmt.unavailable("cpu", Problem(4, 65_536, 0.5)) is None
    assert fmt.unavailable("cpu") is None
    with pytest.raises(ValueError, match=f"^{reason}$"):
        fmt.pack(np.zeros((1, 65_537), np.float16))


def test_a_format_without_a_gpu_kernel_says_so():
    reason = "dense-numpy has no kernel for cuda, only for cpu"
    assert resolve("dense-numpy").unavailable("cuda") == reason

"""Matrices from files: the values as stored, and one line for what cannot be used."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from toy_network import write_safetensors

from spmvbench.dtypes import DTYPES
from spmvbench.errors import SourceError
from spmvbench.problems.sources import load, tensors
from spmvbench.problems.tensor import Tensor

WEIGHT_DTYPES = ("float16", "bfloat16", "float32")
MATRIX = np.array([[0.0, 1.5, -2.25], [1 / 3, 0.0, -0.0]], np.float32)


def refusal(action, *arguments) -> str:
    with pytest.raises(SourceError) as caught:
        action(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def raw_safetensors(path: Path, header: object, data: bytes = b"") -> str:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return str(path)


def entry(shape: object, offsets: object, dtype: object = "F16") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


# .safetensors


@pytest.mark.parametrize("stored", WEIGHT_DTYPES)
@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
def test_safetensors_are_read_in_every_type_into_every_type(tmp_path, stored, dtype):
    matrix = MATRIX.astype(DTYPES[stored])
    path = write_safetensors(tmp_path / "m.safetensors", {"bias": matrix[0], "w": matrix})
    assert tensors(str(path)) == [Tensor("w", 2, 3, stored)]
    np.testing.assert_array_equal(
        load(str(path), "w", dtype), matrix.astype(DTYPES[dtype]), strict=True
    )


def test_a_tensor_may_begin_at_any_byte(tmp_path):
    header = {"a": entry([3], [0, 3], "U8"), "w": entry([2, 3], [3, 27], "F32")}
    path = raw_safetensors(tmp_path / "m.safetensors", header, b"\1\2\3" + MATRIX.tobytes())
    np.testing.assert_array_equal(load(path, "w", "float32"), MATRIX, strict=True)


def test_tensors_are_chosen_by_glob_and_listed_in_natural_order(tmp_path):
    names = ["l.10.q.weight", "l.2.q.weight", "l.2.k.weight", "l.2.q.bias", "head.weight"]
    path = write_safetensors(tmp_path / "m.safetensors", dict.fromkeys(names, MATRIX))
    found = [tensor.name for tensor in tensors(str(path), "l.*.weight")]
    assert found == ["l.2.k.weight", "l.2.q.weight", "l.10.q.weight"]


def test_what_is_no_matrix_of_numbers_is_left_out(tmp_path):
    ids = np.zeros((1, 5), np.int64)
    path = write_safetensors(tmp_path / "m.safetensors", {"b": MATRIX[0], "ids": ids, "w": MATRIX})
    assert [tensor.name for tensor in tensors(str(path))] == ["w"]


def test_a_tensor_without_elements_has_its_shape(tmp_path):
    path = write_safetensors(tmp_path / "m.safetensors", {"w": np.zeros((3, 0), np.float16)})
    assert load(str(path), "w", "float32").shape == (3, 0)


def sharded(folder: Path) -> Path:
    write_safetensors(folder / "1.safetensors", {"a": MATRIX, "left-out": MATRIX})
    write_safetensors(folder / "2.safetensors", {"b": 2 * MATRIX})
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"b": "2.safetensors", "a": "1.safetensors"}}))
    return index


@pytest.mark.parametrize("name", ["", "model.safetensors.index.json"])
def test_a_sharded_model_is_its_folder_or_its_index(tmp_path, name):
    sharded(tmp_path)
    path = str(tmp_path / name)
    assert [tensor.name for tensor in tensors(path)] == ["a", "b"]
    np.testing.assert_array_equal(load(path, "b", "float32"), 2 * MATRIX)


def test_a_folder_with_one_file_is_that_file(tmp_path):
    write_safetensors(tmp_path / "model.safetensors", {"w": MATRIX})
    assert tensors(str(tmp_path)) == [Tensor("w", 2, 3, "float32")]


def test_a_missing_shard_is_named(tmp_path):
    index = sharded(tmp_path)
    (tmp_path / "2.safetensors").unlink()
    assert refusal(tensors, str(index)) == (
        f"{index}: shard 2.safetensors is missing, expected beside it; get it too"
    )


def test_an_index_that_names_an_absent_tensor_is_refused(tmp_path):
    index = sharded(tmp_path)
    index.write_text(json.dumps({"weight_map": {"c": "2.safetensors"}}))
    assert refusal(tensors, str(index)) == (
        f"{index}: tensor 'c' is not in 2.safetensors, expected there by the index; "
        "get index and shards of one model"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ("{}", "KeyError('weight_map')"),
        ('{"weight_map": []}', "AttributeError"),
        ('{"weight_map": {"a": 1}}', "TypeError"),
        ('{"weight_map": {"a": "../1.safetensors"}}', "expected files beside the index"),
        ('{"weight_map": {"a": ""}}', "expected files beside the index"),
    ],
)
def test_a_broken_index_is_refused(tmp_path, text, message):
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert message in refusal(tensors, str(tmp_path))


@pytest.mark.parametrize("names", [[], ["a.safetensors", "b.safetensors"]])
def test_a_folder_without_an_index_must_hold_one_file(tmp_path, names):
    for name in names:
        write_safetensors(tmp_path / name, {"w": MATRIX})
    assert f"found {len(names)} files to choose from" in refusal(tensors, str(tmp_path))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"{", "its header is no JSON"),
        (b"\xff", "its header is no JSON"),
        (b"[" * 100_000, "its header is no JSON"),
        ([], "its header is a JSON list, expected an object"),
        ({"w": []}, "tensor 'w' lacks dtype, shape or data_offsets"),
        ({"w": {"dtype": "F16"}}, "tensor 'w' lacks dtype, shape or data_offsets"),
        ({"w": entry([2], [0, 4], 7)}, "tensor 'w' has dtype 7, expected a word such as F16"),
        ({"w": entry("2", [0, 4])}, "tensor 'w' has shape '2', expected integers from 0"),
        ({"w": entry([-2], [0, 4])}, "tensor 'w' has shape [-2], expected integers from 0"),
        ({"w": entry([2.0], [0, 4])}, "tensor 'w' has shape [2.0], expected integers from 0"),
        ({"w": entry([True], [0, 2])}, "tensor 'w' has shape [True], expected integers from 0"),
        ({"w": entry([2], [0])}, "tensor 'w' has data_offsets [0], expected a range in 0 to 8"),
        ({"w": entry([2], [-4, 0])}, "has data_offsets [-4, 0], expected a range in 0 to 8"),
        ({"w": entry([2], [8, 12])}, "has data_offsets [8, 12], expected a range in 0 to 8"),
        ({"w": entry([2], [4, 0])}, "has data_offsets [4, 0], expected a range in 0 to 8"),
        ({"w": entry([3], [0, 4])}, "tensor 'w' takes 4 bytes, expected 6 for F16 [3]"),
        ({"w": entry([3], [0, 8], "F64")}, "tensor 'w' takes 8 bytes, expected 24 for F64 [3]"),
        (
            {"v": entry([2], [0, 4]), "w": entry([2], [2, 6])},
            "tensor 'w' begins at byte 2, inside 'v' up to 4",
        ),
    ],
)
def test_a_header_that_does_not_fit_its_file_is_refused(tmp_path, header, message):
    path = raw_safetensors(tmp_path / "m.safetensors", header, bytes(8))
    seen = refusal(tensors, path)
    assert seen.startswith(path)
    assert message in seen
    assert seen.endswith("get it again")


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0", (100).to_bytes(8, "little") + b"{}", b"PK\3\4" + bytes(100)]
)
def test_a_header_longer_than_the_file_is_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    assert f"bytes, the file has {len(content)}; expected a whole" in refusal(tensors, str(path))


@pytest.mark.parametrize(
    ("glob", "message"),
    [
        ("b", "tensor 'b': its shape is [3], expected 2 dimensions; choose others"),
        ("ids", "tensor 'ids': its dtype is I64, expected F32, F16, BF16; choose others"),
        ("?", "'b': its shape is [3], expected 2 dimensions; nor is any other of 2; choose others"),
    ],
)
def test_when_nothing_usable_matches_the_first_reason_is_given(tmp_path, glob, message):
    header = {
        "b": entry([3], [0, 6]),
        "c": entry([1, 2, 1], [6, 10]),
        "ids": entry([1, 1], [10, 18], "I64"),
    }
    path = raw_safetensors(tmp_path / "m.safetensors", header, bytes(18))
    assert refusal(tensors, path, glob).endswith(message)


@pytest.mark.parametrize("name", ["b", "ids"])
def test_what_is_no_matrix_of_numbers_cannot_be_loaded(tmp_path, name):
    header = {"b": entry([3], [0, 6]), "ids": entry([1, 1], [6, 14], "X9")}
    path = raw_safetensors(tmp_path / "m.safetensors", header, bytes(14))
    assert refusal(load, path, name, "float16").endswith("; choose another")


@pytest.mark.parametrize("action", [tensors, lambda path, name: load(path, name, "float16")])
def test_the_nearest_names_are_given_when_none_matches(tmp_path, action):
    names = ["layer.0.query.weight", "layer.0.key.weight", "pooler.weight"]
    path = str(write_safetensors(tmp_path / "m.safetensors", dict.fromkeys(names, MATRIX)))
    seen = refusal(action, path, "layer.0.quer.weight")
    assert "no tensor matches 'layer.0.quer.weight' among 3; nearest: layer.0.query.weight" in seen


def test_one_tensor_is_read_without_the_rest_of_the_file(tmp_path):
    header = {"w": entry([2, 3], [0, 24], "F32"), "huge": entry([2**31], [24, 24 + 2**32])}
    path = raw_safetensors(tmp_path / "m.safetensors", header, MATRIX.tobytes())
    os.truncate(path, os.path.getsize(path) + 2**32)  # a hole: it takes no disk
    tracemalloc.start()
    np.testing.assert_array_equal(load(path, "w", "float32"), MATRIX)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_large_tensor_is_rounded_in_chunks(tmp_path):
    path = write_safetensors(tmp_path / "m.safetensors", {"w": np.ones((2048, 2048), np.float32)})
    tracemalloc.start()
    dense = load(str(path), "w", "float16")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - dense.nbytes < dense.size


# Values


def npy(folder: Path, array: np.ndarray) -> str:
    path = folder / "m.npy"
    np.save(path, array)
    return str(path)


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        (70000, "float16", "is 70000, expected at most 65504 in magnitude for float16; use dtypes"),
        (-70000, "float16", "is -70000, expected at most 65504 in magnitude for float16; use"),
        (1e38, "float16", "; use dtypes: [bfloat16]"),
        (3.4e38, "float16", "; use dtypes: [float32]"),
        (3.4e38, "bfloat16", "; use dtypes: [float32]"),
        (1e39, "float32", "; scale the matrix down"),
    ],
)
def test_a_value_beyond_the_type_is_named_with_its_place(tmp_path, value, dtype, message):
    matrix = np.zeros((300, 200))
    matrix[250, 7] = matrix[250, 9] = matrix[299, 0] = value
    seen = refusal(load, npy(tmp_path, matrix), "m", dtype)
    assert seen.startswith(f"{tmp_path / 'm.npy'}: tensor 'm' row 250, column 7 is ")
    assert message in seen


def test_a_value_beyond_the_type_is_found_in_a_wide_row(tmp_path):
    matrix = np.zeros((2, 70_000), np.float32)
    matrix[1, 69_999] = 1e6
    assert "row 1, column 69999 is 1e+06" in refusal(load, npy(tmp_path, matrix), "m", "float16")


def test_a_value_that_rounds_down_to_the_largest_is_taken(tmp_path):
    assert load(npy(tmp_path, np.array([[65519.0]])), "m", "float16").tolist() == [[65504]]


def test_infinity_and_nan_stay_what_they_are(tmp_path):
    matrix = np.array([[np.inf, -np.inf, np.nan]])
    np.testing.assert_array_equal(load(npy(tmp_path, matrix), "m", "float16"), matrix)


def test_small_values_may_round_to_zero(tmp_path):
    assert load(npy(tmp_path, np.array([[1e-9, 6e-8]])), "m", "float16").tolist() == [[0, 2**-24]]


def test_an_unknown_type_is_refused(tmp_path):
    seen = refusal(load, npy(tmp_path, MATRIX), "m", "float8")
    assert seen.endswith(
        "unknown dtype 'float8', expected one of float16, bfloat16, float32, float64"
    )


# .npy


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("stored", ["<f2", "<f4", "<f8", ">f4", ">f8", "<i4", ">i2", "|u1", "|b1"])
@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
def test_npy_files_are_read_in_every_type_of_real_numbers(tmp_path, order, stored, dtype):
    matrix = np.array([[0, 1, 1], [1, 0, 1]], stored, order=order)
    dense = load(npy(tmp_path, matrix), "m", dtype)
    np.testing.assert_array_equal(dense, matrix.astype(DTYPES[dtype]), strict=True)
    assert dense.flags.c_contiguous


def test_the_only_matrix_of_a_file_needs_no_name(tmp_path):
    np.testing.assert_array_equal(load(npy(tmp_path, MATRIX), "", "float32"), MATRIX)


def test_an_npy_file_is_listed_under_its_own_name(tmp_path):
    assert tensors(npy(tmp_path, MATRIX.astype(">f8"))) == [Tensor("m", 2, 3, "float64")]


def test_a_truncated_npy_file_is_refused(tmp_path):
    path = npy(tmp_path, MATRIX)
    os.truncate(path, os.path.getsize(path) - 5)
    assert (
        refusal(tensors, path)
        == f"{path}: is 5 bytes short, expected [2, 3] of float32; save it again"
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[None, 1]]), "it is pickled objects, expected numbers"),
        (np.array([["a", "b"]]), "its dtype is <U1, expected real numbers"),
        (np.array([[1j]]), "its dtype is complex128, expected real numbers"),
        (np.zeros((1, 1), [("a", "f4")]), "its dtype is [('a', '<f4')], expected real numbers"),
        (np.zeros(3), "its shape is [3], expected 2 dimensions"),
        (np.zeros((1, 2, 3)), "its shape is [1, 2, 3], expected 2 dimensions"),
        (np.float32(3), "its shape is [], expected 2 dimensions"),
    ],
)
@pytest.mark.parametrize("action", [tensors, lambda path: load(path, "m", "float16")])
def test_an_npy_file_without_a_matrix_of_numbers_is_refused(tmp_path, action, array, message):
    assert message in refusal(action, npy(tmp_path, array))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "{'descr': '<f4', ",
        "{'descr': '<f4'}",
        "(1",
        "1",
        "{'descr': 3}",
        "\0",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 'ab'}",
    ],
)
def test_an_npy_file_with_a_broken_header_is_refused(tmp_path, header):
    path = tmp_path / "m.npy"
    path.write_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header.encode())
    assert refusal(tensors, str(path)).endswith("expected a whole .npy file, save it again")


# .mtx


def mtx(folder: Path, banner: str, body: str, name: str = "m.mtx") -> str:
    path = folder / name
    text = f"%%MatrixMarket matrix {banner}\n% a comment\n{body}\n".encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return str(path)


@pytest.mark.parametrize(
    ("banner", "body", "expected"),
    [
        ("coordinate real general", "2 3 2\n1 2 1.5\n2 3 -4", [[0, 1.5, 0], [0, 0, -4]]),
        ("coordinate real general", "2 3 0", [[0, 0, 0], [0, 0, 0]]),
        ("coordinate real general", "1 2 2\n1 1 3\n1 1 4", [[7, 0]]),
        ("coordinate real symmetric", "2 2 2\n1 1 3\n2 1 4", [[3, 4], [4, 0]]),
        ("coordinate real skew-symmetric", "2 2 1\n2 1 4", [[0, -4], [4, 0]]),
        ("coordinate integer general", "1 2 1\n1 2 7", [[0, 7]]),
        ("coordinate pattern general", "1 2 1\n1 2", [[0, 1]]),
        ("array real general", "2 2\n1\n2\n3\n4", [[1, 3], [2, 4]]),
    ],
)
@pytest.mark.parametrize("name", ["m.mtx", "m.mtx.gz"])
def test_matrix_market_files_are_read_in_every_form(tmp_path, banner, body, expected, name):
    path = mtx(tmp_path, banner, body, name)
    (tensor,) = tensors(path)
    assert (tensor.name, tensor.rows, tensor.cols) == ("m", *np.shape(expected))
    for dtype in WEIGHT_DTYPES:
        dense = load(path, "m", dtype)
        np.testing.assert_array_equal(dense, np.array(expected, DTYPES[dtype]), strict=True)


def test_a_matrix_market_file_is_listed_without_reading_its_values(tmp_path):
    path = mtx(tmp_path, "coordinate real general", "2 3 2\nnothing of use")
    assert tensors(path) == [Tensor("m", 2, 3, "float64")]


@pytest.mark.parametrize(
    ("banner", "body", "message"),
    [
        ("coordinate complex general", "1 1 1\n1 1 2 3", "its values are complex, expected real"),
        ("coordinate real general", "2 2 5\n1 1 1", "lists 5 values for 2x2 elements"),
        ("coordinate real general", "two 2 1\n1 1 1", "expected a Matrix Market file"),
        ("coordinate real general", "2 2 2\n1 1 1", "expected a whole Matrix Market file"),
        ("coordinate real general", "2 2 1\n3 1 1", "expected a whole Matrix Market file"),
        ("coordinate real general", "2 2 1\n0 1 1", "expected a whole Matrix Market file"),
        ("coordinate real general", "2 2 1\n1 1 x", "expected a whole Matrix Market file"),
        ("coordinate strange general", "2 2 1\n1 1 1", "expected a Matrix Market file"),
        ("coordinate real general", "1 1 1\n1 1 1e6", "row 0, column 0 is 1e+06, expected at most"),
    ],
)
def test_a_matrix_market_file_that_cannot_be_used_is_refused(tmp_path, banner, body, message):
    path = mtx(tmp_path, banner, body)
    seen = refusal(load, path, "m", "float16")
    assert seen.startswith(path)
    assert message in seen


@pytest.mark.parametrize("name", ["m.mtx", "m.mtx.gz"])
def test_what_is_no_matrix_market_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"nothing\nof this kind\n")
    assert "expected a Matrix Market file" in refusal(tensors, str(tmp_path / name))


def test_a_truncated_gz_file_is_refused(tmp_path):
    path = mtx(tmp_path, "array real general", "3000 1\n" + "1.25\n" * 3000, "m.mtx.gz")
    os.truncate(path, os.path.getsize(path) - 12)
    assert "expected a whole Matrix Market file" in refusal(load, path, "m", "float16")


@pytest.mark.parametrize("action", [tensors, lambda path: load(path, "m", "float32")])
def test_a_sparse_file_whose_dense_form_is_too_large_is_refused(tmp_path, action):
    path = mtx(tmp_path, "coordinate real general", "3000000 4000000 1\n1 1 1")
    seen = refusal(action, path)
    assert seen.startswith(f"{path}: 3000000x4000000 takes ")
    assert "expected at most half of memory, " in seen


# .npz


@pytest.mark.parametrize(
    "form", ["csr_array", "csr_matrix", "csc_array", "coo_array", "bsr_array", "dia_array"]
)
@pytest.mark.parametrize("compressed", [True, False])
def test_scipy_npz_files_are_read_in_every_form(tmp_path, form, compressed):
    path = tmp_path / "m.npz"
    sparse = getattr(scipy.sparse, form)(MATRIX)
    scipy.sparse.save_npz(path, sparse, compressed=compressed)
    assert tensors(str(path)) == [Tensor("m", 2, 3, "float32")]
    np.testing.assert_array_equal(load(str(path), "m", "bfloat16"), MATRIX.astype("bfloat16"))


def test_a_plain_npz_file_is_refused(tmp_path):
    np.savez(tmp_path / "m.npz", a=MATRIX, b=MATRIX)
    assert refusal(tensors, str(tmp_path / "m.npz")).endswith(
        "holds a.npy, b.npy, expected a sparse matrix of scipy.sparse.save_npz; "
        "save a dense one as .npy"
    )


def saved_csr(folder: Path, **changes: object) -> str:
    fields = {
        "format": np.array(b"csr"),
        "shape": np.array([2, 3]),
        "data": np.array([1.0, 2.0], np.float32),
        "indices": np.array([0, 2], np.int32),
        "indptr": np.array([0, 1, 2], np.int32),
    }
    np.savez(folder / "m.npz", **(fields | changes))
    return str(folder / "m.npz")


def test_a_hand_made_npz_file_is_read(tmp_path):
    assert load(saved_csr(tmp_path), "m", "float32").tolist() == [[1, 0, 0], [0, 0, 2]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": np.array([0, 3], np.int32)}, "expected a whole .npz file"),
        ({"indices": np.array([0, -1], np.int32)}, "expected a whole .npz file"),
        ({"indptr": np.array([0, 9, 2], np.int32)}, "expected a whole .npz file"),
        ({"indptr": np.array([0, 2], np.int32)}, "expected a whole .npz file"),
        ({"format": np.array(b"odd")}, "expected a whole .npz file"),
        ({"shape": np.array(3)}, "expected a .npz file of scipy.sparse.save_npz"),
        ({"shape": np.array(["a"])}, "expected a .npz file of scipy.sparse.save_npz"),
        ({"shape": np.array([None])}, "expected a .npz file of scipy.sparse.save_npz"),
        ({"shape": np.array([2])}, "its shape is [2], expected 2 dimensions"),
        ({"shape": np.array([10**7, 10**7])}, "expected at most half of memory"),
        ({"data": np.array([1j, 2])}, "its dtype is complex128, expected real numbers"),
        ({"data": np.array([1.0, 1e6])}, "row 1, column 2 is 1e+06, expected at most 65504"),
    ],
)
def test_an_npz_file_that_cannot_be_used_is_refused(tmp_path, changes, message):
    assert message in refusal(load, saved_csr(tmp_path, **changes), "m", "float16")


# Damage, and what is not there


def good_files(folder: Path) -> list[Path]:
    np.save(folder / "a.npy", MATRIX)
    scipy.sparse.save_npz(folder / "b.npz", scipy.sparse.csr_array(MATRIX), compressed=False)
    scipy.io.mmwrite(folder / "c.mtx", scipy.sparse.coo_array(MATRIX))
    (folder / "d.mtx.gz").write_bytes(gzip.compress((folder / "c.mtx").read_bytes()))
    write_safetensors(folder / "e.safetensors", {"e": MATRIX})
    return sorted(folder.iterdir())


def usable_or_refused(path: Path) -> bool:
    try:
        (tensor,) = tensors(str(path))
        load(str(path), tensor.name, "float16")
    except SourceError as error:
        assert "\n" not in str(error)
        return False
    return True


@pytest.mark.parametrize("which", range(5))
def test_damaged_bytes_give_a_matrix_or_one_line_never_another_error(tmp_path, which):
    path = good_files(tmp_path)[which]
    content = path.read_bytes()
    assert usable_or_refused(path)
    rng = np.random.default_rng(which)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(damaged)
        usable_or_refused(path)


@pytest.mark.parametrize("which", range(5))
def test_a_file_cut_short_is_refused(tmp_path, which):
    path = good_files(tmp_path)[which]
    content = path.read_bytes()
    shortest_cut = 30  # of the last digits of a text nobody can say that they are missing
    for length in range(0, len(content) - shortest_cut, 1 + len(content) // 60):
        path.write_bytes(content[:length])
        assert not usable_or_refused(path)


def test_a_missing_file_is_refused_with_the_nearest_name(tmp_path):
    npy(tmp_path, MATRIX)
    assert refusal(tensors, str(tmp_path / "n.npy")).endswith("; did you mean 'm.npy'?")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "m.bin").write_bytes(b"")
    assert "unknown kind of file '.bin', expected one of .safetensors, .index.json" in refusal(
        tensors, str(tmp_path / "m.bin")
    )


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = npy(tmp_path, MATRIX)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert refusal(tensors, path) == f"{path}: Permission denied; expected a readable file"

"""Packed checkpoints: the same bits again, the bytes that theory says, and others' bitmasks."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from small_checkpoint import LINEAR, tensors, write_large, write_small
from test_checkpoint_prune import (
    TOP,
    bits,
    cut_off_after,
    limit_file_size,
    nothing_at,
    refusal,
    spmvbench,
    values,
)
from toy_network import write_safetensors

from spmvbench.checkpoint import load
from spmvbench.checkpoint.convert import convert_checkpoint
from spmvbench.checkpoint.output import CHECKSUMS
from spmvbench.checkpoint.prune import Pruning, prune_checkpoint
from spmvbench.checkpoint.stored import open_checkpoint
from spmvbench.formats import resolve
from spmvbench.problems import load as load_matrix
from spmvbench.problems import packed_files, safetensors_header
from spmvbench.problems import tensors as matrices

PACKED = ("macko", "bitmap", "csr16", "auto")


def sparse_tensors(density=0.3, dtype=np.float16):
    """The small model with random zeros in its linear layers, and none of them -0.0."""
    rng = np.random.default_rng(5)
    found = tensors(dtype=dtype)
    for name in LINEAR:
        found[name] = np.where(rng.random(found[name].shape) < density, found[name], 0)
        found[name] = found[name].astype(dtype)
    return found


@pytest.fixture
def sparse(tmp_path):
    return write_small(tmp_path / "sparse", sparse_tensors())


def converted(path, format, out, **chosen):
    return convert_checkpoint(open_checkpoint(path), format, out, **chosen)


def same_bits(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(bits(one[name]), bits(other[name]), name)


@pytest.mark.parametrize("format", PACKED)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_converted_and_back_every_bit_is_the_same(tmp_path, format, dtype):
    original = sparse_tensors(dtype=dtype)
    write_small(tmp_path / "sparse", original)
    facts = converted(tmp_path / "sparse", format, tmp_path / "packed")
    assert sorted(f.name for f in facts) == sorted(LINEAR)
    assert sum(f.packed_bytes for f in facts) < sum(f.dense_bytes for f in facts)
    converted(tmp_path / "packed", "dense", tmp_path / "back")
    same_bits(values(tmp_path / "back"), original)
    same_bits({n: w.dense() for n, w in load(tmp_path / "packed").items()}, original)


def test_infinities_and_nans_are_kept_and_minus_zeros_counted(tmp_path):
    dense = np.zeros((64, 64), np.float16)
    dense[0, :4] = [np.inf, -np.inf, np.nan, -1]
    dense[5, 5] = -0.0
    path = write_safetensors(tmp_path / "m.safetensors", {"a.weight": dense})
    (fact,) = converted(path, "bitmap", tmp_path / "packed")
    assert (fact.nnz, fact.unsigned) == (4, 1)
    again = load(tmp_path / "packed")["a.weight"].dense()
    dense[5, 5] = 0.0
    np.testing.assert_array_equal(bits(again), bits(dense))


def test_a_packed_weight_multiplies_as_it_is(sparse, tmp_path):
    converted(sparse, "macko", tmp_path / "packed")
    weight = load(tmp_path / "packed")[LINEAR[0]]
    assert (weight.format, weight.shape) == ("macko", (64, 64))
    assert weight.packed.nbytes < weight.dense().nbytes
    np.testing.assert_array_equal(
        resolve(weight.format).unpack(weight.packed), sparse_tensors()[LINEAR[0]]
    )


def test_the_layout_stands_in_the_metadata(sparse, tmp_path):
    converted(sparse, "bitmap", tmp_path / "packed")
    header = safetensors_header.read(tmp_path / "packed" / "model-00001-of-00002.safetensors")
    assert header.metadata["spmvbench.layout_version"] == "1"
    assert header.metadata["format"] == "pt"
    listed = json.loads(header.metadata["spmvbench.packed"])
    arrays = ["mask", "values", "row_pointers"]
    words = {"format": "bitmap", "shape": [64, 64], "dtype": "float16", "arrays": arrays}
    assert listed[LINEAR[0]] == words
    kinds = {t.name: (t.kind, t.shape) for t in header.tensors}
    assert kinds[f"{LINEAR[0]}.mask"] == ("U64", (64, 1))
    assert kinds[f"{LINEAR[0]}.row_pointers"] == ("I32", (65,))
    assert LINEAR[0] not in kinds


def test_tensors_follow_one_another_from_an_aligned_byte_on(sparse, tmp_path):
    converted(sparse, "macko", tmp_path / "packed")
    file = tmp_path / "packed" / "model-00001-of-00002.safetensors"
    spans = [(t.begin, t.end) for t in safetensors_header.read(file).tensors]
    assert spans[0][0] % 8 == 0
    assert [begin for begin, _ in spans[1:]] == [end for _, end in spans[:-1]]
    assert spans[-1][1] == file.stat().st_size


def test_the_index_names_every_array_and_the_config_what_reads_them(sparse, tmp_path):
    converted(sparse, "macko", tmp_path / "packed")
    index = json.loads((tmp_path / "packed" / "model.safetensors.index.json").read_text())
    opened = open_checkpoint(tmp_path / "packed")
    listed = {t.name: t for h in opened.headers.values() for t in h.tensors}
    assert index["weight_map"].keys() == listed.keys()
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in listed.values())
    config = json.loads((tmp_path / "packed" / "config.json").read_text())
    assert config["quantization_config"]["quant_method"] == "spmvbench"
    converted(tmp_path / "packed", "dense", tmp_path / "back")
    before = json.loads((sparse / "config.json").read_text())
    assert json.loads((tmp_path / "back" / "config.json").read_text()) == before


def test_the_bytes_are_what_theory_says(sparse, tmp_path):
    for format in ("macko", "bitmap", "csr16"):
        facts = converted(sparse, format, tmp_path / format)
        packed = sum(f.packed_bytes for f in facts)
        assert packed == pytest.approx(sum(f.expected_bytes for f in facts), rel=0.01)
        stored = open_checkpoint(tmp_path / format).packed
        assert packed == sum(part.nbytes for entry in stored for part in entry.parts.values())


def test_auto_leaves_a_dense_matrix_as_it_is(tmp_path):
    mixed = sparse_tensors()
    mixed[LINEAR[0]] = tensors()[LINEAR[0]]
    write_small(tmp_path / "mixed", mixed)
    facts = {f.name: f.format for f in converted(tmp_path / "mixed", "auto", tmp_path / "packed")}
    assert facts[LINEAR[0]] == "dense"
    assert set(facts.values()) > {"dense"}
    assert load(tmp_path / "packed")[LINEAR[0]].format == ""


def test_one_format_is_converted_to_another(sparse, tmp_path):
    converted(sparse, "macko", tmp_path / "one")
    converted(tmp_path / "one", "bitmap", tmp_path / "other")
    weights = load(tmp_path / "other")
    assert weights[LINEAR[0]].format == "bitmap"
    same_bits({n: w.dense() for n, w in weights.items()}, sparse_tensors())


def test_a_packed_checkpoint_is_a_source_of_matrices(sparse, tmp_path):
    converted(sparse, "macko", tmp_path / "packed")
    path = str(tmp_path / "packed")
    assert {t.name for t in matrices(path, "*_proj*")} == set(LINEAR)
    found = load_matrix(path, LINEAR[3], "float32")
    np.testing.assert_array_equal(found, sparse_tensors()[LINEAR[3]].astype(np.float32))


# What is refused


@pytest.mark.parametrize("format", PACKED)
def test_without_zeros_it_says_so_and_what_pruning_would_give(tmp_path, format):
    write_small(tmp_path / "dense")
    said = refusal(converted, tmp_path / "dense", format, tmp_path / "out")
    assert "have no zeros" in said
    assert "they would take" in said
    assert "spmvbench prune --density" in said
    assert nothing_at(tmp_path / "out")


def test_a_packed_checkpoint_is_not_pruned(sparse, tmp_path):
    converted(sparse, "macko", tmp_path / "packed")
    opened = open_checkpoint(tmp_path / "packed")
    said = refusal(prune_checkpoint, opened, Pruning("magnitude", 0.1), tmp_path / "out")
    assert "is packed (macko)" in said


def test_what_is_not_packed_is_not_unpacked(sparse, tmp_path):
    assert "nothing in it is packed" in refusal(converted, sparse, "dense", tmp_path / "out")


def test_a_format_that_packs_no_checkpoint_is_named(sparse, tmp_path):
    said = refusal(converted, sparse, "dense-int8", tmp_path / "out")
    assert said.startswith("format 'dense-int8': expected one of macko, bitmap")


def test_a_tensor_in_the_way_of_an_array_is_named(tmp_path):
    there = {"a.weight": np.eye(64, dtype=np.float16), "a.weight.mask": np.ones(3, np.float16)}
    path = write_safetensors(tmp_path / "m.safetensors", there)
    said = refusal(converted, path, "bitmap", tmp_path / "out")
    assert "'a.weight.mask': stands where an array" in said
    assert nothing_at(tmp_path / "out")


def test_a_matrix_that_a_format_cannot_hold_is_named(tmp_path):
    wide = {"a.weight": np.zeros((1, 70_000), np.float16)}
    path = write_safetensors(tmp_path / "m.safetensors", wide)
    said = refusal(converted, path, "csr16", tmp_path / "out")
    assert "tensor 'a.weight': csr16" in said
    assert nothing_at(tmp_path / "out")


def repacked(tmp_path, change):
    """A packed file whose metadata was changed."""
    path = write_safetensors(tmp_path / "m.safetensors", {"a.weight": np.eye(64, dtype="f2")})
    converted(path, "bitmap", tmp_path / "packed")
    packed = tmp_path / "packed" / "m.safetensors"
    raw = packed.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    packed.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + size :])
    return packed


def listed(header, **words):
    before = json.loads(header["__metadata__"]["spmvbench.packed"])
    before["a.weight"] |= words
    header["__metadata__"]["spmvbench.packed"] = json.dumps(before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda h: h["__metadata__"].update({"spmvbench.layout_version": "9"}), "version '9'"),
        (lambda h: h["__metadata__"].update({"spmvbench.packed": "[]"}), "does not describe"),
        (lambda h: listed(h, arrays=["values", "gone"]), "does not describe"),
        (lambda h: listed(h, shape=[64]), "does not describe"),
        (lambda h: listed(h, dtype="float12"), "does not describe"),
        (lambda h: listed(h, format="zip"), "unknown format 'zip'"),
        (lambda h: listed(h, shape=[64, 65]), "the other arrays ask for"),
        (lambda h: listed(h, shape=[-1, 64]), "again"),
        (lambda h: listed(h, dtype="float32"), "its array values is float16"),
        (lambda h: listed(h, format="macko"), "its array deltas is missing"),
    ],
)
def test_metadata_that_does_not_fit_the_arrays_is_refused(tmp_path, change, words):
    packed = repacked(tmp_path, change)
    assert words in refusal(lambda: [w.dense() for w in load(packed).values()])


def test_a_full_disk_is_one_line_and_nothing_is_left(sparse, tmp_path):
    done = spmvbench(
        "convert",
        sparse,
        "--format",
        "macko",
        "--out",
        tmp_path / "out",
        preexec_fn=limit_file_size,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "cannot be written (File too large); make room" in line
    assert nothing_at(tmp_path / "out")


def test_a_stopped_command_goes_on_where_it_ended(sparse, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        cut_off_after(1, patched, KeyboardInterrupt())
        converted(sparse, "macko", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    facts = converted(sparse, "macko", tmp_path / "out")
    assert [f.name for f in facts] == LINEAR
    converted(sparse, "macko", tmp_path / "again")
    same = (tmp_path / "again" / CHECKSUMS).read_text()
    assert (tmp_path / "out" / CHECKSUMS).read_text() == same


def test_the_command_prints_sizes_beside_the_theory(sparse, tmp_path):
    done = spmvbench("convert", sparse, "--format", "macko", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "theory" in done.stdout
    assert "64 x 64" in done.stdout
    assert done.stdout.endswith(f"\nwrote {tmp_path / 'out'}\n")


# sparse-bitmask of compressed-tensors


def bitmask(dense, prefix):
    """As `bitmask_compress` there stores a matrix."""
    mask = dense != 0
    counts = mask.sum(axis=1)
    return {
        f"{prefix}.shape": np.array(dense.shape, np.int64),
        f"{prefix}.compressed": dense[mask],
        f"{prefix}.bitmask": np.packbits(mask, axis=-1, bitorder="little"),
        f"{prefix}.row_offsets": np.cumsum(counts) - counts,
    }


def compressed(folder, *, split=False):
    """A checkpoint of compressed-tensors; `split`: arrays of one matrix in both shards."""
    folder.mkdir()
    dense = {n: t for n, t in sparse_tensors().items() if "layers.0" in n or "norm" in n}
    stored = {}
    for name, tensor in dense.items():
        prefix = name.removesuffix(".weight")
        stored |= bitmask(tensor, prefix) if name in LINEAR else {name: tensor}
    names = list(stored)
    cut = 6 if split else 8
    homes = {}
    for number, own in enumerate((names[:cut], names[cut:])):
        write_safetensors(folder / f"{number}.safetensors", {n: stored[n] for n in own})
        homes |= dict.fromkeys(own, f"{number}.safetensors")
    index = {"weight_map": homes}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    config = {"quantization_config": {"quant_method": "compressed-tensors"}}
    (folder / "config.json").write_text(json.dumps(config))
    return dense


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("format", ["bitmap", "dense"])
def test_bitmasks_of_compressed_tensors_are_read(tmp_path, split, format):
    dense = compressed(tmp_path / "theirs", split=split)
    same_bits({n: w.dense() for n, w in load(tmp_path / "theirs").items()}, dense)
    converted(tmp_path / "theirs", format, tmp_path / "ours")
    weights = load(tmp_path / "ours")
    same_bits({n: w.dense() for n, w in weights.items()}, dense)
    config = json.loads((tmp_path / "ours" / "config.json").read_text())
    method = config.get("quantization_config", {}).get("quant_method")
    assert method == (None if format == "dense" else "spmvbench")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w.row_offsets": None}, "has a bitmask but no row_offsets"),
        ({"w.shape": np.array([4, 99])}, "expected U8 [4, 13]"),
        ({"w.shape": np.array([4, 9, 1])}, "expected I64 2"),
        ({"w.compressed": np.ones(3, np.float16)}, "bits do not count its values"),
        ({"w.row_offsets": np.array([0, 1, 1, 3])}, "bits do not count its values"),
    ],
)
def test_a_bitmask_that_does_not_fit_its_values_is_refused(tmp_path, change, words):
    stored = bitmask(np.eye(4, 9, dtype=np.float16), "w") | change
    stored = {name: array for name, array in stored.items() if array is not None}
    path = write_safetensors(tmp_path / "m.safetensors", stored)
    assert words in refusal(lambda: [w.dense() for w in load(path).values()])


def test_a_bitmask_is_not_packed_for_a_product(tmp_path):
    path = write_safetensors(tmp_path / "m.safetensors", bitmask(np.eye(4, dtype="f2"), "w"))
    assert load(path)["w.weight"].format == packed_files.BITMASK
    assert "convert the checkpoint first" in refusal(lambda: load(path)["w.weight"].packed)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_checkpoint(tmp_path):
    folder = write_large(tmp_path / "large", scale=16, blocks=24)
    for words in (("prune", folder, "--density", 0.5), ("convert", tmp_path / "prune")):
        code = (
            "import re, sys; from spmvbench.cli import main\n"
            "try: main()\n"
            # Not ru_maxrss: that begins at what the process had that started this one.
            "finally: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], "
            "file=sys.stderr)"
        )
        command = [sys.executable, "-c", code, *map(str, words), "--out", tmp_path / words[0]]
        done = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(TOP)}
        )
        assert done.stdout.splitlines()[-1].endswith(words[0])
        assert int(done.stderr.splitlines()[-1]) * 1024 < 400e6
    assert open_checkpoint(folder).nbytes > 600e6

"""Pruned checkpoints: what is zero, what is left alone, and what is left when it breaks off."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from small_checkpoint import LINEAR, tensors, write_small
from toy_network import write_safetensors

from spmvbench.checkpoint import output
from spmvbench.checkpoint.output import CHECKSUMS
from spmvbench.checkpoint.prune import PRUNED_KEY, Pruning, prune_checkpoint
from spmvbench.checkpoint.stored import open_checkpoint
from spmvbench.errors import UserError
from spmvbench.problems import safetensors_header
from spmvbench.problems.safetensors_files import native

TOP = Path(__file__).parent.parent
HALF = Pruning("magnitude", 0.5)


@pytest.fixture
def small(tmp_path):
    return write_small(tmp_path / "small")


def pruned(path, out, pruning=HALF, **chosen):
    return prune_checkpoint(open_checkpoint(path), pruning, out, **chosen)


def values(path):
    return {
        entry.name: np.array(native(entry))
        for entry in open_checkpoint(path).entries
        if not entry.refusal
    }


def refusal(action, *arguments, **named):
    with pytest.raises(UserError) as caught:
        action(*arguments, **named)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def nothing_at(out):
    return not out.exists() and not out.with_name(out.name + ".partial").exists()


def bits(array):
    return array.view(f"u{array.itemsize}")


# What is pruned


def test_every_row_of_a_linear_layer_keeps_its_largest_half(small, tmp_path):
    pruned(small, tmp_path / "out")
    before, after = tensors(), values(tmp_path / "out")
    for name in LINEAR:
        cols = before[name].shape[1]
        kept = after[name] != 0
        assert (kept.sum(axis=1) == cols // 2).all()
        assert (after[name][kept] == before[name][kept]).all()
        largest_lost = np.where(kept, 0, abs(before[name])).max(axis=1)
        assert (largest_lost <= np.where(kept, abs(before[name]), 9).min(axis=1)).all()


def test_what_is_no_linear_layer_stays_bit_for_bit(small, tmp_path):
    pruned(small, tmp_path / "out")
    before, after = tensors(), values(tmp_path / "out")
    assert list(after) == list(before)
    for name in set(before) - set(LINEAR):
        np.testing.assert_array_equal(bits(after[name]), bits(before[name]))


def test_per_tensor_keeps_the_largest_of_the_whole_matrix(small, tmp_path):
    pruned(small, tmp_path / "out", Pruning("magnitude", 0.25, per="tensor"))
    name = LINEAR[0]
    before, after = tensors()[name], values(tmp_path / "out")[name]
    assert (after != 0).sum() == before.size // 4
    assert abs(before[after == 0]).max() <= abs(after[after != 0]).min()


def test_two_of_four_is_the_pattern_of_nm(small, tmp_path):
    pruned(small, tmp_path / "out", Pruning("nm", None))
    after = values(tmp_path / "out")[LINEAR[0]]
    assert ((after.reshape(-1, 4) != 0).sum(axis=1) == 2).all()


def wanda_norms(suffix, path):
    rng = np.random.default_rng(1)
    norms = {n: rng.random(tensors()[n].shape[1], np.float32) + 0.01 for n in LINEAR}
    if suffix == ".npz":
        np.savez(path, **norms)
    else:
        write_safetensors(path, norms)
    return norms


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_wanda_weighs_a_column_by_the_norm_of_its_activations(small, tmp_path, suffix):
    file = tmp_path / f"norms{suffix}"
    norms = wanda_norms(suffix, file)
    pruned(small, tmp_path / "out", Pruning("wanda", 0.5, norms=file))
    for name in LINEAR:
        before, after = tensors()[name], values(tmp_path / "out")[name]
        score = abs(before.astype(np.float32)) * norms[name]
        order = np.argsort(-score, axis=1, kind="stable")[:, : before.shape[1] // 2]
        expected = np.zeros_like(before)
        np.put_along_axis(expected, order, np.take_along_axis(before, order, 1), 1)
        np.testing.assert_array_equal(after, expected)


def test_wanda_per_tensor_compares_scores_across_rows(small, tmp_path):
    norms = wanda_norms(".npz", tmp_path / "norms.npz")
    pruned(small, tmp_path / "out", Pruning("wanda", 0.5, "tensor", norms=tmp_path / "norms.npz"))
    name = LINEAR[-1]
    before, after = tensors()[name], values(tmp_path / "out")[name]
    score = abs(before.astype(np.float32)) * norms[name]
    assert score[after == 0].max() <= score[after != 0].min()


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
def test_other_types_are_pruned_in_their_own(tmp_path, dtype):
    write_small(tmp_path / "small", tensors(dtype=dtype))
    (first, *_) = pruned(tmp_path / "small", tmp_path / "out")
    assert first.after == first.rows * first.cols // 2
    assert values(tmp_path / "out")[first.name].dtype == dtype


def test_patterns_choose_the_tensors(small, tmp_path):
    found = pruned(small, tmp_path / "out", include=["*.q_proj.*", "lm_head*"], exclude=["*.1.*"])
    assert [p.name for p in found] == ["model.layers.0.self_attn.q_proj.weight", "lm_head.weight"]


def test_a_single_file_is_a_checkpoint(tmp_path):
    write_safetensors(tmp_path / "m.safetensors", {"a.weight": np.ones((4, 8), np.float32)})
    pruned(tmp_path / "m.safetensors", tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"m.safetensors", CHECKSUMS}


# What is written


def test_the_output_is_a_whole_checkpoint_with_checksums(small, tmp_path):
    pruned(small, tmp_path / "out")
    names = {p.name for p in small.iterdir()}
    assert {p.name for p in (tmp_path / "out").iterdir()} == names | {CHECKSUMS}
    for line in (tmp_path / "out" / CHECKSUMS).read_text().splitlines():
        digest, name = line.split("  ")
        data = (tmp_path / "out" / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
        names.remove(name)
    assert not names


def test_each_shard_says_how_it_was_pruned_and_keeps_its_metadata(small, tmp_path):
    pruned(small, tmp_path / "out")
    header = safetensors_header.read(tmp_path / "out" / "model-00001-of-00002.safetensors")
    assert header.metadata == {"format": "pt", PRUNED_KEY: "magnitude, density 0.5 per row"}


def test_other_weights_and_hidden_files_are_not_copied(small, tmp_path):
    for name in ("pytorch_model.bin", ".gitattributes", "model.gguf"):
        (small / name).write_text("x")
    pruned(small, tmp_path / "out")
    kept = {p.name for p in (tmp_path / "out").iterdir()}
    assert not kept & {"pytorch_model.bin", ".gitattributes", "model.gguf"}


# What is refused


def test_a_folder_that_is_there_is_not_written_into(small, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious")
    assert "is there already" in refusal(pruned, small, tmp_path / "out")
    assert (tmp_path / "out" / "mine").read_text() == "precious"


@pytest.mark.parametrize(
    ("pruning", "words"),
    [
        (Pruning("magnitude", None), "expected --density"),
        (Pruning("magnitude", 1.5), "--density 1.5: expected a share above 0"),
        (Pruning("magnitude", 0.001), "keeps none of 64 columns"),
        (Pruning("nm", 0.3), "--density 0.3: --pattern 2:4 keeps 0.5"),
        (Pruning("nm", None, pattern="4:2"), "expected N:M"),
        (Pruning("wanda", 0.5), "expected --norms"),
        (Pruning("random", 0.5), "expected one of magnitude, wanda, nm"),
        (Pruning("wanda", 0.5, norms=Path("absent.npz")), "no such file"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(small, tmp_path, pruning, words):
    assert words in refusal(pruned, small, tmp_path / "out", pruning)
    assert nothing_at(tmp_path / "out")


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        (np.ones(3, np.float32), "expected [64]"),
        (-np.ones(64, np.float32), "negative or not finite"),
        (np.full(64, np.nan, np.float32), "negative or not finite"),
        (None, "has no norms of"),
    ],
)
def test_norms_must_fit_the_weights(small, tmp_path, vector, words):
    norms = wanda_norms(".npz", tmp_path / "norms.npz")
    norms.pop(LINEAR[0])
    if vector is not None:
        norms[LINEAR[0]] = vector
    np.savez(tmp_path / "norms.npz", **norms)
    pruning = Pruning("wanda", 0.5, norms=tmp_path / "norms.npz")
    assert words in refusal(pruned, small, tmp_path / "out", pruning)
    assert nothing_at(tmp_path / "out")


def test_a_pattern_that_matches_nothing_is_a_mistake(small, tmp_path):
    said = refusal(pruned, small, tmp_path / "out", include=["*.query.*"])
    assert "'*.query.*' matches none of its 16 matrices, such as" in said


def test_a_quantised_checkpoint_is_named_as_one(tmp_path):
    write_safetensors(tmp_path / "m.safetensors", {"a.qweight": np.zeros((4, 4), np.int64)})
    quantised = {"quantization_config": {"quant_method": "gptq"}}
    (tmp_path / "config.json").write_text(json.dumps(quantised))
    assert "are quantised (gptq)" in refusal(pruned, tmp_path, tmp_path / "out")


def test_a_missing_shard_is_named(small, tmp_path):
    (small / "model-00002-of-00002.safetensors").unlink()
    assert "shard model-00002-of-00002.safetensors is missing" in refusal(
        pruned, small, tmp_path / "out"
    )


# Broken off


def cut_off_after(shards, monkeypatch, error):
    """Let that many files be finished, then fail as given."""
    replace, done = os.replace, []

    def counted(source, target):
        if str(target).endswith(".safetensors"):
            if len(done) == shards:
                raise error
            done.append(target)
        replace(source, target)

    monkeypatch.setattr(output.os, "replace", counted)


def test_a_stopped_command_leaves_nothing_finished_and_goes_on(small, tmp_path, monkeypatch):
    out, partial = tmp_path / "out", tmp_path / "out.partial"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        cut_off_after(1, patched, KeyboardInterrupt())
        pruned(small, out)
    assert not out.exists()
    first = partial / "model-00001-of-00002.safetensors"
    assert {p.name for p in partial.iterdir()} == {first.name, "progress.json", ".lock"}
    stamp = first.stat().st_mtime_ns
    found = pruned(small, out)
    assert (out / first.name).stat().st_mtime_ns == stamp
    assert [p.name for p in found] == LINEAR
    pruned(small, tmp_path / "again")
    same = (tmp_path / "again" / CHECKSUMS).read_text()
    assert (out / CHECKSUMS).read_text() == same


def test_stopped_in_its_first_file_a_command_leaves_nothing(small, tmp_path, monkeypatch):
    cut_off_after(0, monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        pruned(small, tmp_path / "out")
    assert nothing_at(tmp_path / "out")


def test_what_another_command_left_is_not_gone_on_with(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        cut_off_after(1, patched, KeyboardInterrupt())
        pruned(small, tmp_path / "out")
    said = refusal(pruned, small, tmp_path / "out", Pruning("magnitude", 0.25))
    assert "was left by another command" in said


def test_a_changed_checkpoint_is_not_gone_on_with(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        cut_off_after(1, patched, KeyboardInterrupt())
        pruned(small, tmp_path / "out")
    write_small(small, tensors(seed=1))
    assert "the checkpoint has changed" in refusal(pruned, small, tmp_path / "out")


def spmvbench(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "spmvbench", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TOP), "COLUMNS": "100"},
        check=False,
        **options,
    )


def limit_file_size():
    """The system refuses to write beyond: as a full disk does, in the middle of a file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def test_a_full_disk_is_one_line_and_nothing_is_left(small, tmp_path):
    done = spmvbench(
        "prune", small, "--density", 0.5, "--out", tmp_path / "out", preexec_fn=limit_file_size
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "cannot be written (File too large); make room and run the same command again" in line
    assert nothing_at(tmp_path / "out")


def test_a_disk_that_is_too_small_is_known_before(small, tmp_path, monkeypatch):
    usage = output.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(output.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    assert "make room or choose another disk" in refusal(pruned, small, tmp_path / "out")
    assert nothing_at(tmp_path / "out")


def test_two_commands_do_not_write_the_same_folder(small, tmp_path):
    task = {"command": "other"}
    with output.Output(tmp_path / "out", task):
        assert "another process is writing" in refusal(pruned, small, tmp_path / "out")


def test_the_command_prints_a_table_and_where_it_is(small, tmp_path):
    done = spmvbench("prune", small, "--density", 0.5, "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "magnitude, density 0.5 per row" in done.stdout
    assert "64 x 64" in done.stdout
    assert "50.00 %" in done.stdout
    assert f"\nwrote {tmp_path / 'out'}\nnext: spmvbench advise " in done.stdout
    assert "model-00002-of-00002.safetensors: 7 of 10 tensors pruned (100 %" in done.stderr

"""From a checkpoint to an answer: kinds of layers, measured once and added up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_device import FakeDevice
from small_checkpoint import LINEAR, shapes, tensors, write_small
from strangers import Right
from test_checkpoint_prune import refusal, spmvbench
from toy_network import write_safetensors

from spmvbench.advice.answer import answer
from spmvbench.advice.words import sentences
from spmvbench.case import Case, Timing
from spmvbench.checkpoint import kinds
from spmvbench.checkpoint.advise import advise
from spmvbench.checkpoint.asking import Wanted, asked
from spmvbench.checkpoint.prune import Pruning, prune_checkpoint
from spmvbench.checkpoint.stored import linear, open_checkpoint
from spmvbench.measure import measure
from spmvbench.problems import Problem
from spmvbench.records import CSV
from spmvbench.watch import Watch

HERE = Path(__file__).parent
QUICK = Timing(budget_s=0.01, min_samples=10)


def pruned_unevenly(folder, seed=3):
    """The small model with densities of 0.35 to 0.65, as methods that look at layers leave it."""
    rng = np.random.default_rng(seed)
    found = tensors()
    for name in LINEAR:
        keep = rng.random(found[name].shape) < rng.uniform(0.35, 0.65)
        found[name] = np.where(keep, found[name], np.float16(0))
    return write_small(folder, found)


def question(**wanted):
    return asked(Wanted(**wanted))[0]


# Kinds


def test_layers_alike_are_measured_once(tmp_path):
    write_small(tmp_path / "small")
    prune_checkpoint(open_checkpoint(tmp_path / "small"), Pruning("magnitude", 0.5), tmp_path / "p")
    found = question(checkpoint=tmp_path / "p")
    counts = {(p.rows, p.cols): p.count for p in found.problems}
    assert counts == {(64, 64): 8, (172, 64): 4, (64, 172): 2}
    assert {(p.pattern, p.density, p.source) for p in found.problems} == {
        ("stored", None, str(tmp_path / "p"))
    }


def test_matrices_of_one_shape_and_different_density_are_different_kinds(tmp_path):
    values = tensors()
    for name in LINEAR[:3]:
        values[name][:, ::2] = 0
    write_small(tmp_path / "mixed", values)
    (scenario,) = question(checkpoint=tmp_path / "mixed").model.scenarios
    square = {layer.density: layer.count for layer in scenario.layers if layer.rows == layer.cols}
    assert square == {0.5: 3, 1.0: 5}


def test_the_zeros_of_the_whole_are_weighed_by_size(tmp_path):
    pruned_unevenly(tmp_path / "p")
    (scenario,) = question(checkpoint=tmp_path / "p").model.scenarios
    stored = open_checkpoint(tmp_path / "p")
    facts = kinds.scan(linear(stored), _Silent())
    assert sum(layer.count for layer in scenario.layers) == len(LINEAR)
    assert scenario.zeros == pytest.approx(kinds.stored_zeros(facts), abs=0.001)


class _Silent:
    def begin(self, what):
        pass

    def add(self, nbytes):
        pass


def test_a_density_asked_for_is_a_scenario_of_its_own(tmp_path):
    pruned_unevenly(tmp_path / "p")
    found = question(checkpoint=tmp_path / "p", densities=(0.1, 0.2))
    assert [s.label for s in found.model.scenarios] == [
        "as stored",
        "pruned to 0.2",
        "pruned to 0.1",
    ]
    assert {p.pattern for p in found.problems if p.density} == {"magnitude-row"}


def test_without_zeros_it_asks_what_pruning_would_give(tmp_path, capsys):
    write_small(tmp_path / "dense")
    found = question(checkpoint=tmp_path / "dense")
    assert [s.asked for s in found.model.scenarios] == [0.7, 0.5, 0.3]
    assert "0.0 % zeros in 14 linear layers" in capsys.readouterr().err


def test_weights_of_32_bits_are_measured_in_16(tmp_path):
    write_small(tmp_path / "wide", tensors(dtype=np.float32))
    assert {p.dtype for p in question(checkpoint=tmp_path / "wide").problems} == {"float16"}


def test_a_known_model_needs_no_weights():
    found = question(shapes="llama2-7b", densities=(0.5,), batch=4)
    (scenario,) = found.model.scenarios
    assert scenario.layers[0].count == 128
    assert sum(layer.elements for layer in scenario.layers) == 6_476_005_376
    assert {(p.pattern, p.batch) for p in found.problems} == {("uniform", 4)}


def test_densities_of_a_quality_file_are_measured_too(tmp_path):
    (tmp_path / "ppl.csv").write_text("density,perplexity\n0.6,6\n0.4,8\n")
    wanted = Wanted(shapes="opt-1.3b", quality=tmp_path / "ppl.csv", max_quality=7.0)
    found, bound = asked(wanted)
    assert [s.asked for s in found.model.scenarios] == [0.6, 0.4]
    assert bound.quality.name == "perplexity"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(), "expected a CHECKPOINT or --shapes MODEL"),
        (Wanted(Path("m"), "opt-1.3b"), "not both"),
        (Wanted(shapes="llama9"), "unknown preset 'llama9'"),
        (Wanted(shapes="opt-1.3b", densities=(0.0,)), "--density: "),
        (Wanted(shapes="opt-1.3b", max_quality=6.0), "--quality FILE and --max-quality together"),
        (Wanted(shapes="opt-1.3b", quality=Path("no.csv"), max_quality=6.0), "No such file"),
        (Wanted(checkpoint=Path("absent")), "no such file or folder"),
    ],
)
def test_what_does_not_fit_together_is_one_line(wanted, words):
    assert words in refusal(asked, wanted)


@pytest.mark.parametrize(
    "text", ["", "density,ppl\n", "density,ppl\nx,1\n", "d\n1\n", "d,p\n2,3\n"]
)
def test_a_quality_file_that_is_no_table_is_refused(tmp_path, text):
    (tmp_path / "q.csv").write_text(text)
    wanted = Wanted(shapes="opt-1.3b", quality=tmp_path / "q.csv", max_quality=6.0)
    assert "expected" in refusal(asked, wanted)


def test_a_density_that_is_stored_already_is_refused(tmp_path):
    pruned_unevenly(tmp_path / "p")
    wanted = Wanted(checkpoint=tmp_path / "p", densities=(0.9,))
    assert "zeros already, expected below 0.4" in refusal(asked, wanted)


# Totals


class CostsItsValues(Right):
    """A product that takes as long as it has non-zeros, on a clock that tests move."""

    name = "costs-its-values"
    clock = None

    def habit(self, a, x, y):
        self.clock.advance(5 + np.count_nonzero(a) / 100)


def test_the_total_is_that_of_every_layer_measured_by_itself(tmp_path, monkeypatch):
    """Within 5 %, though a kind is measured once: densities within it differ."""
    pruned_unevenly(tmp_path / "p")
    device = FakeDevice()
    monkeypatch.setattr(CostsItsValues, "clock", device.clock)
    watch = Watch(tmp_path / "watch")

    def measured(problem):
        case = Case("t", problem, (f"{__name__}:CostsItsValues",), "hot", 1, QUICK)
        (found,) = measure(case, device, watch)
        assert found.record.status == "ok", found.record.reason
        return found.record

    asked_for = question(checkpoint=tmp_path / "p")
    records = [measured(problem) for problem in asked_for.problems]
    (outcome,) = answer(asked_for.model, "fake", records).outcomes
    singly = [
        measured(
            Problem(
                *shapes()[name], None, pattern="stored", source=str(tmp_path / "p"), tensor=name
            )
        )
        for name in LINEAR
    ]
    assert len(records) < len(singly)
    total = sum(record.median_us for record in singly)
    assert outcome.best.us.value == pytest.approx(total, rel=0.05)


# The whole way


def test_a_checkpoint_is_measured_once_and_answered_again(tmp_path):
    pruned_unevenly(tmp_path / "p")
    found = question(checkpoint=tmp_path / "p")
    first = advise(found, "cpu", tmp_path / "results", QUICK)
    rows = (first.folder / CSV).read_text()
    again = advise(found, "cpu", tmp_path / "results", QUICK)
    assert (again.folder / CSV).read_text() == rows
    assert sentences(again.answer) == sentences(first.answer)
    (outcome,) = first.answer.outcomes
    assert {"macko", "bitmap", "csr16"} <= set(outcome.formats)
    assert set(outcome.rivals) == {"16-bit dense", "int8", "int4"}


def test_rows_of_other_experiments_on_this_device_are_not_measured_again(tmp_path, capsys):
    write_safetensors(tmp_path / "m.safetensors", {"a.weight": np.eye(64, dtype=np.float16)})
    found = question(checkpoint=tmp_path / "m.safetensors")
    first = advise(found, "cpu", tmp_path / "results", QUICK)
    first.folder.parent.rename(tmp_path / "results" / "other")
    capsys.readouterr()
    second = advise(found, "cpu", tmp_path / "results", QUICK)
    assert "1 are measured already, 0 to go" in capsys.readouterr().err
    assert sentences(second.answer) == sentences(first.answer)
    assert not (second.folder / CSV).exists()


def test_the_command_answers_in_json_with_an_exit_code(tmp_path):
    pruned_unevenly(tmp_path / "p")
    words = ("advise", tmp_path / "p", "--out", tmp_path / "results", "--include", "*.q_proj.*")
    done = spmvbench(*words, "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["pays"] else 1), done.stderr
    assert found["scenarios"][0]["layers"][0]["count"] >= 1
    shown = spmvbench(*words)
    assert "as stored (" in shown.stdout
    assert "16-bit dense" in shown.stdout
    pasted = spmvbench(*words, "--format", "md")
    assert "| rows x cols | layers |" in pasted.stdout


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path):
    done = spmvbench("advise", tmp_path / "absent")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1

"""Targets in an experiment file: what they say, their mistakes, and that they measure nothing."""

import pytest

from spmvbench import experiment
from spmvbench.claim import Claim, Targets
from spmvbench.errors import ExperimentError
from spmvbench.experiment import stored_targets

GOOD = "formats: [macko, dense-f16]\nshapes: [[64, 64]]\ndensities: [0.5]\nthreads: [1, all]\n"
ONE = "targets: {faster: macko, than: dense-f16, at_least: 1.5}\n"
KEYS = "faster, than, bandwidth, shapes, densities, threads, at_least, beyond"
RIVAL = "the name of a format, a list of names, or one of best 16-bit dense, best 16-bit"
MEND = "add it there, or leave targets out with --set targets=null"

# An entry of targets, in line 6 -> what is said of it.
BAD = {
    "{faster: mako, than: dense-f16, at_least: 1}": "unknown format 'mako'; did you mean 'macko'? "
    "A format outside this repository is named 'package.module:Class', 'path/to/file.py:Class', "
    "'plugin:path/to/library.so' or 'torch-op:LAYOUT:PLACE:NAMESPACE::NAME'",
    "{faster: csr16, than: dense-f16, at_least: 1}": "faster is 'csr16'; expected what is "
    f"measured, macko, dense-f16: {MEND}",
    "{faster: macko, than: csr16, at_least: 1}": "than is 'csr16'; expected what is measured, "
    f"macko, dense-f16: {MEND}",
    "{bandwidth: csr16, at_least: 1}": "bandwidth is 'csr16'; expected what is measured, macko, "
    f"dense-f16: {MEND}",
    "{faster: macko, than: best dense, at_least: 1}": "targets[0].than: unknown group 'best "
    f"dense'; did you mean 'best 16-bit dense'? Expected {RIVAL}",
    "{faster: macko, than: 5, at_least: 1}": f"targets[0].than is 5; expected {RIVAL}",
    "{faster: macko, than: macko, at_least: 1}": "targets[0]: than is 'macko' as faster is; "
    "expected another format",
    "{faster: macko, than: [dense-f16, macko], at_least: 1}": "targets[0]: than is 'macko' as "
    "faster is; expected another format",
    "{faster: macko, than: [dense-f16, csr16], at_least: 1}": "than is 'csr16'; expected what is "
    f"measured, macko, dense-f16: {MEND}",
    "{faster: macko, than: [mako], at_least: 1}": "unknown format 'mako'; did you mean 'macko'? A "
    "format outside this repository is named 'package.module:Class', 'path/to/file.py:Class', "
    "'plugin:path/to/library.so' or 'torch-op:LAYOUT:PLACE:NAMESPACE::NAME'",
    "{faster: macko, than: [], at_least: 1}": "targets[0].than is an empty list; expected at least "
    "one value",
    "{faster: macko, than: [5], at_least: 1}": "targets[0].than[0] is 5; expected the name of a "
    "format, such as 'macko'",
    "{faster: macko, than: [best 16-bit], at_least: 1}": "targets[0]: than lists 'best 16-bit', "
    f"which stands alone; expected {RIVAL}",
    "{faster: macko, than: dense-f16, at_least: 1, threads: 3}": "threads is 3; expected what is "
    f"measured, 1, all: {MEND}",
    "{faster: macko, than: dense-f16, at_least: 0}": "targets[0].at_least is 0; expected a ratio "
    "above 0, such as 1.35 or 0.8",
    "{faster: macko, than: dense-f16, at_least: fast}": "targets[0].at_least is 'fast'; expected "
    "a ratio above 0, such as 1.35 or 0.8",
    "{faster: macko, than: dense-f16}": "missing key 'targets[0].at_least'; expected the ratio of "
    "medians, time of `than` over time of `faster`, or the share of the read bandwidth, that "
    "meets the target",
    "{faster: macko, than: dense-f16, at_least: 2, beyond: 2}": "targets[0]: beyond is 2; "
    "expected more than at_least, 2",
    "{faster: macko, bandwidth: macko, at_least: 1}": "targets[0]: expected either faster and "
    "than, or bandwidth, not both",
    "{at_least: 1}": "targets[0]: expected either faster and than, or bandwidth",
    "{faster: macko, at_least: 1}": f"targets[0]: missing key 'than'; expected {RIVAL}",
    "{bandwidth: macko, than: dense-f16, at_least: 1}": "targets[0]: than goes with faster; a "
    "bandwidth is compared with no other format",
    "{bandwidth: macko, at_least: 80}": "targets[0]: at_least is 80; expected a share of at most 1",
    "{faster: macko, then: dense-f16, at_least: 1}": "unknown key 'then'; did you mean 'than'? "
    f"Expected one of {KEYS}",
    "{bandwidth: macko, at_least: 0.8, densities: {start: 0.1, stp: 1}}": "unknown key 'stp'; did "
    "you mean 'stop'? Expected one of start, stop, step, num",
    "5": "targets[0] is 5; expected a mapping: {key: value}",
}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads an experiment from its text."""
    monkeypatch.chdir(tmp_path)

    def from_text(text, overrides=()):
        (tmp_path / "x.yaml").write_text(text)
        return experiment.load("x.yaml", overrides)

    return from_text


@pytest.mark.parametrize(("entry", "said"), BAD.items(), ids=BAD)
def test_a_bad_target_is_refused_at_its_line(load, entry, said):
    with pytest.raises(ExperimentError) as caught:
        load(f"{GOOD}targets:\n  - {entry}\n")
    assert str(caught.value) == f"x.yaml:6: {said}"


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ("{avx3: 1}", "unknown key 'avx3'; did you mean 'avx2'? Expected one of avx512, avx2, "),
        ("{avx2: 2}", "target_scale.avx2 is 2; expected a share from 0, nothing, to 1, all of it"),
    ],
)
def test_a_bad_scale_is_refused(load, scale, said):
    with pytest.raises(ExperimentError) as caught:
        load(f"{GOOD}{ONE}target_scale: {scale}\n")
    assert str(caught.value).startswith(f"x.yaml:6: {said}")


def test_a_target_says_what_is_claimed_of_which_problems(load):
    entry = "{faster: macko, than: best 16-bit, densities: 0.5, threads: [1, all], at_least: 2}"
    found = load(f"{GOOD}targets:\n- {entry}\n- {{bandwidth: macko, at_least: 0.5}}\n").targets
    assert found.claims == (
        Claim("macko", "best 16-bit", 2, densities=(0.5,), threads=(1, "all")),
        Claim("macko", None, 0.5),
    )
    assert [claim.words for claim in found.claims] == [
        "macko / best 16-bit",
        "macko, share of bandwidth",
    ]


def test_the_fastest_of_several_is_a_rival_too(load):
    text = GOOD.replace("[macko", "[macko, csr16")
    (claim,) = load(text + ONE.replace("dense-f16", "[csr16, dense-f16]")).targets.claims
    assert claim.than == ("csr16", "dense-f16")
    assert claim.words == "macko / best of 2 formats"


def test_without_a_scale_every_tier_is_asked_for_all(load):
    assert {load(GOOD + ONE).targets.share(tier) for tier in ("avx512", "generic", "")} == {1}


def test_a_format_that_only_an_entry_of_include_measures_may_be_a_rival(load):
    text = GOOD + "include: [{format: csr16, density: 0.5, shape: [64, 64]}]\n"
    assert load(text.replace("[1, all]", "1") + ONE.replace("dense-f16", "csr16")).targets.claims


def test_targets_change_no_case_and_no_protocol(load):
    without = load(GOOD)
    with_targets = load(GOOD + ONE + "target_scale: {generic: 0}\n")
    assert with_targets.cases("cpu", 4) == without.cases("cpu", 4)
    assert with_targets.timing.protocol == without.timing.protocol


def test_targets_can_be_left_out_from_outside(load):
    assert load(GOOD + ONE, ["targets=null"]).targets == Targets((), load(GOOD).targets.scale)


def test_the_canonical_text_keeps_the_targets(load, tmp_path):
    rivals = "- {faster: macko, than: [dense-f16], at_least: 1}\n"
    targets = f"targets:\n- {ONE.removeprefix('targets: ')}{rivals}"
    first = load(GOOD + targets + "target_scale: {avx2: 0.5}\n")
    stored = tmp_path / "experiment.yaml"
    stored.write_text(first.canonical)
    assert stored_targets(stored) == first.targets
    assert load(first.canonical).canonical == first.canonical


def test_stored_targets_are_read_where_no_file_of_the_experiment_is(load, tmp_path):
    (tmp_path / "mine.py").touch()
    stored = tmp_path / "experiment.yaml"
    name = "mine.py:Coo"
    text = GOOD.replace("macko", name) + ONE.replace("macko", name)
    stored.write_text(load(text).canonical)
    (tmp_path / "mine.py").unlink()
    (claim,) = stored_targets(stored).claims
    assert claim.format == name


def test_a_format_from_a_file_is_the_same_in_formats_and_targets(load, tmp_path, monkeypatch):
    (tmp_path / "mine.py").touch()
    rival = "{faster: dense-f16, than: [macko], at_least: 1}"
    text = f"{GOOD}targets: [{ONE.removeprefix('targets: ').strip()}, {rival}]\n"
    load(text.replace("macko", "mine.py:Coo"))
    monkeypatch.chdir("/")
    found = experiment.load(str(tmp_path / "x.yaml"))
    first, second = found.targets.claims
    assert first.format == found.formats[0] == f"{tmp_path}/mine.py:Coo"[1:]
    assert second.than == (first.format,)

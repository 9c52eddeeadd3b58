"""`include` and `exclude`, as in GitHub Actions."""

import pytest

from spmvbench import experiment
from spmvbench.errors import ExperimentError

GOOD = "formats: [macko, csr16]\nshapes: [64, 32]\ndensities: [0.1, 0.5]\n"


@pytest.fixture
def cases(tmp_path, monkeypatch):
    """What an experiment's text measures: (density, seed, batch, cache, threads, formats)."""
    monkeypatch.chdir(tmp_path)

    def from_text(text):
        (tmp_path / "x.yaml").write_text(text)
        return [
            (
                case.problem.density,
                case.problem.seed,
                case.problem.batch,
                case.cache,
                case.threads,
                " ".join(case.formats),
            )
            for case in experiment.load("x.yaml").cases("cpu", 4)
        ]

    return from_text


def test_exclude_drops_what_has_all_values_of_an_entry(cases):
    found = cases(GOOD + "seeds: [1, 2]\nexclude: [{density: 0.5, seed: 1}]\n")
    assert [row[:2] for row in found] == [(0.1, 1), (0.1, 2), (0.5, 2)]


def test_exclude_drops_a_format_from_some_cases_only(cases):
    found = cases(GOOD + "exclude: [{format: csr16, density: 0.5}]\n")
    assert [(row[0], row[-1]) for row in found] == [(0.1, "macko csr16"), (0.5, "macko")]


def test_a_case_without_formats_is_none(cases):
    found = cases(
        GOOD + "exclude: [{format: csr16, density: 0.5}, {format: macko, density: 0.5}]\n"
    )
    assert [row[0] for row in found] == [0.1]


@pytest.mark.parametrize(
    "entry",
    [
        "{shape: [64, 32]}",
        "{pattern: uniform}",
        "{dtype: float16}",
        "{batch: 1}",
        "{cache: cold}",
        "{threads: all}",
        "{seed: 47}",
    ],
)
def test_every_key_can_be_excluded_by_its_value_or_default(cases, entry):
    with pytest.raises(ExperimentError, match="exclude leaves nothing to measure"):
        cases(GOOD + f"exclude: {entry}\n")


def test_exclude_is_refused_for_what_only_include_brings(cases):
    text = GOOD + "include: {density: 0.7, seed: 3}\nexclude: {density: 0.5, seed: 3}\n"
    with pytest.raises(ExperimentError, match="exclude matches no combination: none has seed 3"):
        cases(text)


def test_entries_of_exclude_may_overlap(cases):
    found = cases(GOOD + "seeds: [1, 2]\nexclude: [{density: 0.5}, {density: 0.5, seed: 1}]\n")
    assert [row[:2] for row in found] == [(0.1, 1), (0.1, 2)]


def test_exclude_takes_a_shape_as_a_pair(cases):
    text = GOOD.replace("[64, 32]", "[[64, 32], [32, 64]]")
    assert len(cases(text + "exclude: {shape: [64, 32], density: 0.5}\n")) == 3


def test_exclude_works_before_include(cases):
    found = cases(GOOD + "exclude: {density: 0.5}\ninclude: {density: 0.5, format: macko}\n")
    assert [(row[0], row[-1]) for row in found] == [(0.1, "macko csr16"), (0.5, "macko")]


def test_the_example_of_the_github_documentation(cases):
    # fruit: seed (apple 1, pear 2, banana 3); animal: density (cat 0.1, dog 0.5);
    # colour: batch (none 1, green 2, pink 4); shape: threads (none all = 4, circle 1).
    found = cases(
        "formats: macko\nshapes: [64, 32]\nseeds: [1, 2]\ndensities: [0.1, 0.5]\n"
        "include:\n"
        "  - {batch: 2}\n"  # colour: green, for all
        "  - {batch: 4, density: 0.1}\n"  # colour: pink, animal: cat
        "  - {seed: 1, threads: 1}\n"  # fruit: apple, shape: circle
        "  - {seed: 3, density: 0.5}\n"  # fruit: banana; animal must be said here
        "  - {seed: 3, density: 0.1}\n"  # fruit: banana, animal: cat
    )
    assert sorted(row[:3] + (row[4],) for row in found) == [
        (0.1, 1, 4, 1),
        (0.1, 2, 4, 4),
        (0.1, 3, 1, 4),
        (0.5, 1, 2, 1),
        (0.5, 2, 2, 4),
        (0.5, 3, 1, 4),
    ]


def test_include_never_changes_a_value_from_a_list(cases):
    listed = cases(GOOD + "cache: [cold]\ninclude: {density: 0.5, cache: hot}\n")
    assert [(row[0], row[3]) for row in listed] == [(0.1, "cold"), (0.5, "cold"), (0.5, "hot")]


def test_include_sets_a_value_that_was_a_default(cases):
    found = cases(GOOD + "include: {density: 0.5, cache: hot}\n")
    assert [(row[0], row[3]) for row in found] == [(0.1, "cold"), (0.5, "hot")]


def test_a_later_entry_may_set_again_what_an_earlier_one_set(cases):
    found = cases(GOOD + "include: [{batch: 2}, {batch: 4, density: 0.5}]\n")
    assert [row[2] for row in found] == [2, 4]


def test_a_new_combination_is_not_extended_by_a_later_entry(cases):
    text = GOOD + "include: [{density: 0.7}, {density: 0.7, batch: 2}]\n"
    assert [row[:3:2] for row in cases(text)] == [(0.1, 1), (0.5, 1), (0.7, 1), (0.7, 2)]


def test_a_new_combination_takes_all_formats_and_lists_of_one_value(cases):
    found = cases(GOOD + "seeds: 5\ncache: hot\ninclude: {density: 0.7}\n")
    assert found[-1] == (0.7, 5, 1, "hot", 4, "macko csr16")


def test_a_new_combination_must_say_what_lists_leave_open(cases):
    text = GOOD + "seeds: [1, 2]\nbatch: [1, 2]\ninclude: {density: 0.7}\n"
    with pytest.raises(ExperimentError) as caught:
        cases(text)
    said = "include fits no combination, so it is a new one; it must also say its batch, seed"
    assert str(caught.value) == f"x.yaml:6: {said}"


def test_include_may_bring_a_format_that_is_nowhere_else(cases):
    found = cases(GOOD + "include: {format: dense-f16, density: 0.5}\n")
    assert [(row[0], row[-1]) for row in found] == [
        (0.1, "macko csr16"),
        (0.5, "macko csr16 dense-f16"),
    ]


def test_include_may_give_one_format_a_condition_of_its_own(cases):
    found = cases(GOOD + "include: {format: macko, density: 0.5, threads: 1}\n")
    assert [(row[0], row[4], row[-1]) for row in found] == [
        (0.1, 4, "macko csr16"),
        (0.5, 1, "macko"),
        (0.5, 4, "csr16"),
    ]


def test_include_that_repeats_a_new_combination_is_measured_once(cases):
    assert len(cases(GOOD + "include: [{density: 0.7}, {density: 0.7}]\n")) == 3


def test_a_new_combination_of_a_known_size_keeps_its_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(
        "formats: macko\nshapes: {preset: opt-1.3b, layers: fc1}\ndensities: [0.1, 0.5]\n"
        "include: {shape: [8192, 2048], density: 0.7}\n"
    )
    assert {case.problem.tensor for case in experiment.load("x.yaml").cases("cpu", 4)} == {"fc1"}


def test_a_new_combination_may_have_a_pattern_that_the_others_cannot(cases):
    found = cases(GOOD + "patterns: [uniform]\ninclude: {pattern: 2:4, density: 0.5}\n")
    assert [row[0] for row in found] == [0.1, 0.5, 0.5]

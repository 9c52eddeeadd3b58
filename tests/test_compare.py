"""Comparing results: what is called slower, what is not, and what cannot be known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from results_folders import rows, starts, write

from spmvbench.compare import Options, compare, exit_code, read_side
from spmvbench.errors import ResultsError

LAUNCHES = 4


def compared(base, new, **options):
    return compare(read_side(base), read_side(new), Options(**options))


def verdicts(comparison):
    return {line.verdict for line in comparison.lines}


@pytest.fixture
def base(tmp_path):
    return starts(tmp_path / "base", LAUNCHES, seed=1)


def test_the_same_times_are_the_same_and_exit_0(base, tmp_path):
    found = compared(base, starts(tmp_path / "new", LAUNCHES, seed=2))
    assert exit_code(found) == 0
    assert len(found.lines) == 12
    assert verdicts(found) == {"same"}
    assert all(line.low <= 1 <= line.high for line in found.lines)


def test_five_percent_slower_is_slower_and_exit_1(base, tmp_path):
    found = compared(base, starts(tmp_path / "new", LAUNCHES, 1.05, seed=2))
    assert exit_code(found) == 1
    assert verdicts(found) == {"slower"}
    assert all(line.worse and 1.03 < line.low < line.ratio < 1.07 for line in found.lines)


def test_one_slower_case_among_many_is_found_and_first(base, tmp_path):
    new = [
        write(
            tmp_path / "new" / str(i),
            [
                replace(r, median_us=1.08 * r.median_us)
                if (r.format, "d0.3" in r.key) == ("macko", True)
                else r
                for r in rows(noise=0.003, seed=[2, i])
            ],
        )
        for i in range(LAUNCHES)
    ]
    found = compared(base, new)
    first, *others = found.lines
    assert (first.format, first.verdict, first.worse) == ("macko", "slower", True)
    assert "d0.3" in first.key
    assert not any(line.worse for line in others)


def test_faster_is_said_and_fails_nothing(base, tmp_path):
    found = compared(base, starts(tmp_path / "new", LAUNCHES, 0.9, seed=2))
    assert (verdicts(found), exit_code(found)) == ({"faster"}, 0)


def test_slower_by_less_than_the_threshold_is_said_and_fails_nothing(base, tmp_path):
    found = compared(base, starts(tmp_path / "new", LAUNCHES, 1.02, seed=2))
    assert "slower" in verdicts(found)
    assert exit_code(found) == 0
    slower = [line for line in found.lines if line.verdict == "slower"]
    assert {line.reason for line in slower} == {"not surely by 0.03 or more"}


def test_what_is_below_the_absolute_floor_fails_nothing(base, tmp_path):
    new = starts(tmp_path / "new", LAUNCHES, 1.05, seed=2)
    assert exit_code(compared(base, new, absolute_us=50.0)) == 0
    few = compared(base, new, absolute_us=15.0)
    assert {line.format for line in few.lines if line.worse} == {"dense-f16"}


def test_one_start_a_side_does_not_call_nine_percent_slower_and_says_why(tmp_path):
    base, new = starts(tmp_path / "base", 1), starts(tmp_path / "new", 1, 1.09, seed=2)
    found = compared(base, new)
    assert (verdicts(found), exit_code(found)) == ({"unmeasurable"}, 0)
    assert all(line.noise_floor > 0.14 for line in found.lines)
    assert any("fewer than three process starts a side" in note for note in found.notes)


def test_one_start_a_side_does_call_twice_the_time_slower(tmp_path):
    found = compared(starts(tmp_path / "base", 1), starts(tmp_path / "new", 1, 2.0))
    assert (verdicts(found), exit_code(found)) == ({"slower"}, 1)


def test_two_starts_tell_no_less_than_one(tmp_path):
    floors = []
    for number in (1, 2, 3):
        base = starts(tmp_path / f"base{number}", number, seed=1)
        found = compared(base, starts(tmp_path / f"new{number}", number, seed=2))
        floors.append(max(line.noise_floor for line in found.lines))
    assert floors == sorted(floors, reverse=True)


def test_noise_above_the_threshold_is_unmeasurable_and_some_below_it_ambiguous(tmp_path):
    base = starts(tmp_path / "base", LAUNCHES, noise=0.03, seed=1)
    assert verdicts(compared(base, starts(tmp_path / "new", LAUNCHES, noise=0.03, seed=2))) == {
        "unmeasurable"
    }
    quiet = starts(tmp_path / "quiet", LAUNCHES, noise=0.005, seed=3)
    later = starts(tmp_path / "later", LAUNCHES, 1.01, noise=0.005, seed=4)
    assert "ambiguous" in verdicts(compared(quiet, later, fail_on=0.02))


def test_a_row_of_several_launches_is_worth_as_many_folders(tmp_path):
    """ci of four launches: Student's interval, 3.182 standard errors."""
    of_four = {"launches": 4, "launch_samples": "30;30;30;30"}

    def written(name, factor):
        records = [
            replace(r, ci_low_us=r.median_us * 0.997, ci_high_us=r.median_us * 1.003, **of_four)
            for r in rows(factor)
        ]
        return [write(tmp_path / name, records)]

    assert verdicts(compared(written("base", 1.0), written("same", 1.0))) == {"same"}
    assert exit_code(compared(written("again", 1.0), written("slow", 1.05))) == 1


def test_the_newest_row_of_a_case_in_a_folder_counts(base, tmp_path):
    new = [
        write(tmp_path / "new" / str(i), [*rows(9.0), *rows(noise=0.003, seed=[2, i])])
        for i in range(LAUNCHES)
    ]
    assert verdicts(compared(base, new)) == {"same"}


def test_a_folder_named_twice_is_one_start(tmp_path):
    (base,) = starts(tmp_path / "base", 1)
    detours = [base.joinpath(*["..", base.name] * number) for number in range(9)]
    found = compared(detours, [base / "records.csv", *detours])
    assert any("fewer than three process starts" in note for note in found.notes)


def test_a_grown_packed_matrix_is_worse_whatever_the_time(base, tmp_path):
    new = starts(tmp_path / "new", LAUNCHES, seed=2, packed_bytes=1001)
    found = compared(base, new)
    assert (verdicts(found), exit_code(found)) == ({"same"}, 1)
    assert {line.reason for line in found.lines} == {"packed_bytes 1000 -> 1001"}
    assert exit_code(compared(new, base)) == 0


@pytest.mark.parametrize(
    ("change", "worse"),
    [
        ({"max_error": 0.0100001}, 1),
        ({"max_error": 0.01}, 0),
        ({"max_error": 0.001}, 0),
        ({"registers": 33}, 1),
        ({"local_bytes": 8}, 1),
        ({"registers": 31}, 0),
        ({"accumulate": "float16"}, 1),
        ({"y_dtype": "float16"}, 1),
        ({"nnz": 7}, 1),
        ({"layout": "csr16"}, 0),
    ],
)
def test_what_no_clock_says_is_compared_exactly(base, tmp_path, change, worse):
    assert exit_code(compared(base, starts(tmp_path / "new", LAUNCHES, **change))) == worse


def test_the_error_of_a_lossy_format_may_move_but_not_its_distance(tmp_path):
    base = starts(tmp_path / "base", LAUNCHES, lossless=False, distance=0.1)
    more = starts(tmp_path / "more", LAUNCHES, lossless=False, distance=0.1, max_error=0.02)
    assert exit_code(compared(base, more)) == 0
    off = starts(tmp_path / "off", LAUNCHES, lossless=False, distance=0.2)
    assert exit_code(compared(base, off)) == 1


@pytest.mark.parametrize("status", ["wrong", "crashed", "timeout", "oom", "error"])
def test_what_was_right_and_is_broken_in_one_start_is_wrong_and_exit_1(base, tmp_path, status):
    new = starts(tmp_path / "new", LAUNCHES, seed=2)
    broken = {"status": status, "median_us": None, "reason": "row 3"}
    new += [write(tmp_path / "bad", [replace(r, **broken) for r in rows() if r.format == "macko"])]
    found = compared(base, new)
    bad = [line for line in found.lines if line.verdict == "wrong"]
    assert exit_code(found) == 1
    assert {line.format for line in bad} == {"macko"}
    assert all(line.worse and line.reason == f"{status}: row 3" for line in bad)


def test_what_was_wrong_before_is_wrong_and_not_worse(tmp_path):
    broken = {"status": "wrong", "median_us": None, "reason": "row 3"}
    base = starts(tmp_path / "base", 3, **broken)
    found = compared(base, starts(tmp_path / "new", 3, **broken))
    assert (verdicts(found), exit_code(found)) == ({"wrong"}, 0)
    mended = compared(base, starts(tmp_path / "mended", 3))
    assert (verdicts(mended), exit_code(mended)) == ({"missing"}, 0)
    assert mended.lines[0].reason == "base: wrong: row 3"


def test_a_case_that_one_side_lacks_is_missing_and_fails_nothing(base, tmp_path):
    fewer = [r for r in rows() if r.format != "macko"]
    found = compared(base, [write(tmp_path / f"new{i}", fewer) for i in range(3)])
    missing = [line for line in found.lines if line.verdict == "missing"]
    assert len(missing) == 4
    assert {line.reason for line in missing} == {"new: no row"}
    assert exit_code(found) == 0


def test_what_is_unavailable_on_both_sides_is_left_out(tmp_path):
    nowhere = {"status": "unavailable", "median_us": None, "reason": "no mkl"}
    base = write(
        tmp_path / "base", [*rows(), *(replace(r, format="csr-mkl", **nowhere) for r in rows())]
    )
    assert {line.format for line in compared([base], [base]).lines} == {
        "dense-f16",
        "csr16",
        "macko",
    }


@pytest.mark.parametrize(
    ("environment", "changes", "words"),
    [
        ({"device": "Intel Xeon"}, {}, "device is 'AMD EPYC [amd-2c]' and 'Intel Xeon [amd-2c]'"),
        ({"driver": "560"}, {}, "driver is '' and '560'"),
        ({}, {"experiment": "other"}, "experiment is 'sweep' and 'other'"),
        ({}, {"device": "amd-4c"}, "device is 'AMD EPYC [amd-2c]' and 'AMD EPYC [amd-4c]'"),
    ],
)
def test_another_device_driver_or_experiment_is_not_comparable_and_exit_3(
    base, tmp_path, environment, changes, words
):
    new = starts(tmp_path / "new", LAUNCHES, environment=environment, **changes)
    found = compared(base, new)
    assert exit_code(found) == 3
    assert found.incomparable.startswith(f"not comparable: {words}")
    assert "\n" not in found.incomparable
    assert not found.lines


def test_across_machines_speedups_are_compared(base, tmp_path):
    other = {"environment": {"device": "Intel Xeon"}, "device": "xeon-8c"}
    equal = compared(
        base, starts(tmp_path / "equal", LAUNCHES, seed=2, **other), across_machines=True
    )
    assert exit_code(equal) == 0
    assert {line.format for line in equal.lines} == {"csr16", "macko"}
    slower = starts(tmp_path / "slower", LAUNCHES, 1.06, seed=2, **other)
    found = compared(base, slower, across_machines=True)
    assert exit_code(found) == 1
    assert all(line.ratio == pytest.approx(1.06, rel=0.02) for line in found.lines)


def test_across_machines_another_precision_or_order_of_sums_is_no_change_but_a_size_is(
    base, tmp_path
):
    other = {"environment": {"device": "NVIDIA H200"}, "y_dtype": "float16", "max_error": 0.5}
    new = starts(tmp_path / "new", LAUNCHES, seed=2, **other)
    assert exit_code(compared(base, new, across_machines=True)) == 0
    larger = starts(tmp_path / "larger", LAUNCHES, seed=2, packed_bytes=1001, **other)
    assert exit_code(compared(base, larger, across_machines=True)) == 1


def test_across_machines_other_baselines_are_no_comparison(base, tmp_path):
    other = starts(tmp_path / "new", LAUNCHES, baseline="dense-torch")
    found = compared(base, other, across_machines=True)
    assert verdicts(found) == {"missing"}


def test_two_devices_on_one_side_cannot_be_joined_across_machines(base, tmp_path):
    other = starts(tmp_path / "new", 1, environment={"device": "Intel Xeon"})
    with pytest.raises(ResultsError, match="name the folder of one"):
        compared([*base, *other], base, across_machines=True)


def test_what_both_have_is_compared_and_what_one_has_is_named(base, tmp_path):
    other = starts(tmp_path / "other", 1, experiment="other")
    found = compared([*base, *other], base)
    assert len(found.lines) == 12
    assert found.notes == ["only base has other on AMD EPYC [amd-2c]: not compared"]


def test_what_differs_between_the_environments_is_named_but_for_the_source(base, tmp_path):
    environment = {"libraries": {"numpy": "2.5"}, "commit": "b", "system": "Linux 7"}
    new = starts(tmp_path / "new", LAUNCHES, environment=environment, protocol="2-def")
    assert compared(base, new).notes == [
        "environments differ: numpy 2.4 -> 2.5, system Linux -> Linux 7",
        "timing settings differ (column protocol)",
    ]


def test_a_side_of_two_sources_is_named(base, tmp_path):
    old = starts(tmp_path / "old", 2, environment={"source_hash": "old"})
    young = starts(tmp_path / "young", 4, environment={"source_hash": "young"})
    (note,) = compared([*old, *young], young).notes
    assert note.startswith("base mixes rows of 2 sources")


def test_a_matrix_that_grew_in_any_start_is_worse_and_one_unavailable_start_is_none(base, tmp_path):
    nowhere = {"status": "unavailable", "median_us": None, "packed_bytes": None, "y_dtype": "x"}
    gone = starts(tmp_path / "gone", 1, **nowhere)
    assert exit_code(compared([*base, *gone], [*base, *gone])) == 0
    grown = starts(tmp_path / "grown", 1, packed_bytes=2000)
    assert exit_code(compared(base, [*grown, *base])) == 1


def test_a_folder_without_environments_is_compared_by_the_slug(tmp_path):
    sides = [starts(tmp_path / name, 3) for name in ("base", "new")]
    for folder in (*sides[0], *sides[1]):
        (folder / "environment.json").unlink()
    assert exit_code(compared(*sides)) == 0


def test_nothing_to_read_is_one_line(tmp_path):
    write(tmp_path / "empty", [])
    with pytest.raises(ResultsError, match="no rows in any records.csv"):
        read_side([tmp_path / "empty"])

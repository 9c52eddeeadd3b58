"""Cutting records into comparable parts, curves against density, and where they cross 1."""

import numpy as np
import pandas as pd
import pytest
import synthetic

from spmvbench.curves import against, as_one_place, baselines, crossover, curve, parts, shapes
from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS


def only(records):
    (part,) = parts(records)
    return part


def test_the_crossing_is_where_a_straight_line_through_the_logarithms_is_zero():
    found = crossover([0.1, 0.3], [4.0, 0.5])
    assert found.density == pytest.approx(0.1 + 0.2 * 2 / 3)
    assert found.kind == "below"


def test_a_measured_density_with_speed_up_1_is_the_crossing():
    assert crossover([0.1, 0.2, 0.3], [2.0, 1.0, 0.5]).density == pytest.approx(0.2)


def test_order_of_densities_does_not_matter():
    assert crossover([0.3, 0.1], [0.5, 4.0]) == crossover([0.1, 0.3], [4.0, 0.5])


def test_always_and_never_have_no_density():
    assert crossover([0.1, 0.2], [3.0, 1.01]).kind == "always"
    assert crossover([0.1, 0.2], [0.9, 1.0]).kind == "never"
    assert np.isnan(crossover([0.1, 0.2], [3.0, 1.01]).density)


def test_a_noisy_curve_counts_only_as_far_as_it_stays_above_1_all_the_way_down():
    found = crossover([0.1, 0.2, 0.3, 0.4], [2.0, 0.5, 2.0, 0.5])
    assert found.kind == "several"
    assert found.density == pytest.approx(0.15)
    assert found.crossings == pytest.approx((0.15, 0.25, 0.35))


def test_a_format_that_is_slower_at_the_lowest_density_has_no_density_to_stay_below():
    found = crossover([0.1, 0.2, 0.3], [0.5, 2.0, 0.5])
    assert found.kind == "several"
    assert np.isnan(found.density)
    assert crossover([0.1, 0.2], [0.5, 2.0]).kind == "above"


def test_missing_densities_are_bridged():
    assert crossover([0.1, 0.2, 0.3], [4.0, np.nan, 0.25]).density == pytest.approx(0.2)


def test_nothing_measured_is_unknown():
    assert crossover([0.1], [np.nan]).kind == "unknown"


def test_parts_never_mix_conditions():
    records = pd.concat(
        [
            synthetic.records(synthetic.SHAPES[:1], (0.5,), cache="cold"),
            synthetic.records(synthetic.SHAPES[:1], (0.5,), cache="hot"),
            synthetic.records(synthetic.SHAPES[:1], (0.5,), threads=1),
            synthetic.records(synthetic.SHAPES[:1], (0.5,), dtype="bfloat16"),
            synthetic.records(synthetic.SHAPES[:1], (0.5,), pattern="2:4"),
            synthetic.records(synthetic.SHAPES[:1], (0.5,), batch=8),
            synthetic.records(synthetic.SHAPES[:1], (0.5,), source="a.safetensors"),
        ]
    )
    found = list(parts(records))
    assert len(found) == 7
    assert len({part.condition.slug for part in found}) == 7
    assert all(len(part.timed) == 8 for part in found)


def test_a_part_over_batches_has_all_of_them():
    records = pd.concat(
        [synthetic.records(synthetic.SHAPES[:1], (0.5,), batch=b) for b in (1, 2, 4)]
    )
    (part,) = parts(records, over="batch")
    assert part.condition.batch is None
    assert set(part.timed["batch"]) == {1, 2, 4}


def test_two_files_of_the_same_name_are_two_conditions():
    records = pd.concat(
        [synthetic.records(synthetic.SHAPES[:1], (0.5,), source=f"{d}/w.npy") for d in "ab"]
    )
    assert len({part.condition.slug for part in parts(records)}) == 2


def test_rows_without_a_time_are_apart_and_unverified_ones_nowhere():
    records = synthetic.records(synthetic.SHAPES[:1], (0.5,))
    records = synthetic.fail(records, records["format"] == "macko", "crashed", "signal 11")
    records.loc[records["format"] == "bitmap", "status"] = "unverified"
    part = only(records)
    assert list(part.others["format"]) == ["macko"]
    assert set(part.timed["format"]) == set(synthetic.CPU) - {"macko", "bitmap"}


def test_the_baseline_is_1_even_where_its_own_row_does_not_say_so():
    records = synthetic.records(synthetic.SHAPES[:1], (0.5,))
    itself = records["format"] == "dense-f16"
    records.loc[itself, ["speedup", "speedup_low", "speedup_high"]] = np.nan
    part = only(records)
    assert part.timed.loc[part.timed["format"] == "dense-f16", "speedup_high"].item() == 1
    assert baselines(part.timed) == ["dense-f16"]


def test_a_curve_of_one_problem_carries_its_interval_and_gaps_stay_gaps():
    records = synthetic.by_hand({"macko": [(2, 1.9, 2.2), None, (1.2, 1.1, 1.3)]})
    part = only(records)
    found = curve(part.timed[part.timed["format"] == "macko"], "speedup", part.timed)
    np.testing.assert_allclose(found.value, [2, np.nan, 1.2])
    np.testing.assert_allclose(found.low, [1.9, np.nan, 1.1])
    assert found.complete.tolist() == [True, False, True]


def test_the_interval_of_a_bandwidth_share_is_that_of_the_time():
    timed = only(synthetic.by_hand({"macko": [2.0]})).timed
    own = timed[timed["format"] == "macko"]
    found = curve(own, "bandwidth_share", timed)
    share, us = own["bandwidth_share"].item(), own["median_us"].item()
    assert found.low[0] == pytest.approx(share * us / own["ci_high_us"].item())
    assert found.high[0] == pytest.approx(share * us / own["ci_low_us"].item())


def test_a_curve_of_several_problems_is_the_median_between_the_extremes():
    records = synthetic.records(synthetic.SHAPES, (0.5,), noise=0.05)
    timed = only(records).timed
    own = timed[timed["format"] == "macko"]
    found = curve(own, "speedup", timed)
    assert found.value[0] == own["speedup"].median()
    assert (found.low[0], found.high[0]) == (own["speedup"].min(), own["speedup"].max())


def test_shapes_go_from_small_to_large():
    records = synthetic.records(((4096, 11008), (512, 512), (4096, 4096)), (0.5,))
    assert shapes(only(records).timed) == ["512 x 512", "4096 x 4096", "4096 x 11008"]


def test_no_rows_are_an_error_of_one_line():
    with pytest.raises(ResultsError, match=r"^results: there are no rows.*$"):
        list(parts(pd.DataFrame(columns=list(COLUMNS))))


# Rows of several environments


MINE = "mine.py:Mine"


def in_two(formats, *outside):
    """Rows of two formats, one in each environment, and what these are."""
    records = synthetic.by_hand({name: [2.0] for name in formats})
    records["environment"] = "first"
    records.loc[records["format"] == formats[1], "environment"] = "second"
    entries = [{"device": "d", "outside": files} for files in outside]
    return records, dict(zip(("first", "second"), entries, strict=True))


def test_an_edit_of_a_format_from_outside_leaves_one_environment():
    records, known = in_two(("macko", MINE), {MINE: "1"}, {MINE: "2"})
    assert as_one_place(records, known)["environment"].nunique() == 1


def test_rows_of_two_versions_of_a_format_are_of_two_environments():
    records, known = in_two(("macko", MINE), {MINE: "1"}, {MINE: "2"})
    records.loc[0, ["format", "environment"]] = [MINE, "first"]
    assert as_one_place(records, known)["environment"].nunique() == 2


@pytest.mark.parametrize(
    "second", [{"weights.npy": "2"}, {"package:w/a.npy": "2"}], ids=["file", "package"]
)
def test_other_files_of_matrices_are_other_environments(second):
    records, known = in_two(("macko", "csr16"), {}, second)
    assert as_one_place(records, known)["environment"].nunique() == 2


def test_another_driver_is_another_environment_and_an_unknown_one_stays():
    records, known = in_two(("macko", MINE), {MINE: "1"}, {MINE: "1"})
    known["second"]["driver"] = "new"
    assert as_one_place(records, known)["environment"].nunique() == 2
    assert set(as_one_place(records, {})["environment"]) == {"first", "second"}


def test_a_dense_format_named_after_16_bits_is_said_to_store_float32_where_it_does():
    records = synthetic.by_hand({"macko": [2.0]}).assign(baseline="dense-f16")
    assert against(records.assign(dtype="float16")) == "dense-f16"
    assert against(records.assign(dtype="float32")) == "dense-f16 in float32"
    assert against(records.assign(baseline="")) == ""

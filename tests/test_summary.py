"""What the closing words say, and what they must not say."""

import io

import numpy as np
import pandas as pd
import pytest
import synthetic
from rich.console import Console

from spmvbench import summary
from spmvbench.errors import ResultsError
from spmvbench.record import COLUMNS

DEVICE = "amd-epyc-9b14-2c"


def printed(records, width=100):
    file = io.StringIO()
    summary.closing_table(records, Console(file=file, width=width))
    return file.getvalue()


def smaller(records, sizes):
    """The same records with these effective densities, {format: value}."""
    found = records.copy()
    for name, size in sizes.items():
        found.loc[found["format"] == name, "packed_bytes"] = size * found["dense_bytes"]
    return found


def test_the_sentence_names_runs_of_densities_with_one_winner():
    records = synthetic.by_hand(
        {"csr16": [4.0, 3.1, 0.9, 0.5], "bitmap": [1.5, 1.5, 0.8, 0.6]},
        densities=[0.05, 0.1, 0.3, 0.5],
    )
    records = smaller(records, {"csr16": 0.9, "bitmap": 0.3})
    assert summary.sentence(records) == (
        f"On {DEVICE}, csr16 is fastest up to density 0.1 (4.00x dense-f16 at 0.05) and dense-f16 "
        "from 0.3; bitmap is the smallest at every density measured (0.05 to 0.5)."
    )


def test_the_sentence_claims_no_win_whose_interval_includes_1():
    records = synthetic.by_hand({"macko": [3.0, (1.01, 0.97, 1.04)]})
    said = summary.sentence(smaller(records, {"macko": 0.5}))
    assert "no clear winner at 0.2 (macko 0.97-1.04x dense-f16)" in said
    assert "macko is fastest at density 0.1 (3.00x dense-f16)" in said


def test_the_sentence_can_begin_with_no_clear_winner():
    said = summary.sentence(synthetic.by_hand({"macko": [(1.01, 0.97, 1.04), 0.5]}))
    assert said.startswith(f"On {DEVICE}, there is no clear winner at density 0.1 (macko 0.97-1.04")
    assert "and dense-f16 is fastest at 0.2" in said


def test_a_missing_interval_is_said_and_nothing_claimed():
    said = summary.sentence(synthetic.by_hand({"macko": [(2.0, None, None)]}))
    assert "no clear winner at density 0.1 (macko 2.00x, no interval, dense-f16)" in said


def test_formats_that_cannot_be_told_apart_share_the_win():
    said = summary.sentence(synthetic.by_hand({"macko": [2.0], "csr16": [2.0]}))
    assert "csr16 or macko is fastest at density 0.1 (2.00x dense-f16)" in said


def test_one_density_is_not_called_a_range():
    said = summary.sentence(synthetic.by_hand({"macko": [2.0]}))
    assert "macko is fastest at density 0.1 (2.00x dense-f16)" in said
    assert "up to" not in said


def test_only_one_format_gives_a_sentence_without_rivals():
    said = summary.sentence(synthetic.by_hand({"dense-f16": [1.0, 1.0]}))
    assert said == f"On {DEVICE}, dense-f16 is fastest at every density measured (0.1 to 0.2)."


def test_without_dense_the_sentence_says_what_to_add():
    records = synthetic.records(synthetic.SHAPES[:1], (0.1, 0.5), formats=("macko", "csr16"))
    said = summary.sentence(records)
    assert "no speed-ups: no dense row of float16; add dense-f16" in said
    assert "x " not in said.replace("csr16", "")


def test_a_dense_format_that_failed_is_named_with_its_reason():
    records = synthetic.records(synthetic.SHAPES[:1], (0.1,), formats=("macko", "dense-f16"))
    records = synthetic.fail(records, records["format"] == "dense-f16", "crashed", "signal 11")
    for name in ("baseline", "speedup", "speedup_low", "speedup_high"):
        records[name] = np.nan
    assert "no speed-ups: dense-f16 is crashed: signal 11" in summary.sentence(records)


def test_when_all_crashed_the_sentence_says_so():
    records = synthetic.records(synthetic.SHAPES[:1], (0.1,), formats=("macko",))
    records = synthetic.fail(records, records["format"] == "macko", "crashed", "signal 11")
    assert summary.sentence(records) == (
        f"On {DEVICE}, nothing was timed: 1 crashed: macko: signal 11."
    )
    assert summary.winners(records).empty
    assert "1 crashed: macko: signal 11" in printed(records)


def test_several_conditions_get_a_line_each_that_names_them():
    records = pd.concat(
        [
            synthetic.records(synthetic.SHAPES[:1], (0.1,), cache="cold"),
            synthetic.records(synthetic.SHAPES[:1], (0.1,), cache="hot"),
        ]
    )
    cold, hot = summary.sentence(records).splitlines()
    assert "cold cache" in cold
    assert "hot cache" in hot


def test_winners_stand_per_shape_up_to_three_shapes():
    found = summary.winners(synthetic.records(synthetic.SHAPES, (0.1, 0.9)))
    assert set(found["shape"]) == {"4096 x 4096", "4096 x 11008", "11008 x 4096"}
    assert len(found) == 6


def test_winners_of_more_shapes_are_summed_up():
    shapes = [(512 * n, 1024) for n in range(1, 6)]
    found = summary.winners(synthetic.records(shapes, (0.1, 0.9)))
    assert found["shape"].tolist() == ["", ""]
    assert found["problems"].tolist() == [5, 5]


def test_unverified_times_are_in_a_table_of_their_own_and_in_no_other():
    records = synthetic.by_hand({"macko": [2.0], "external:rival": [9.0]})
    external = records["format"] == "external:rival"
    records["reason"] = records["reason"].astype(object)
    records.loc[external, ["status", "reason", "median_us"]] = ["unverified", "its own", 98.9]
    *others, claims = summary.render.tables(records)
    assert not any("external" in cell for t in others for row in t.rows for cell in row)
    assert claims.rows == [["external:rival (unverified)", "0.1", "98.9 µs"]]
    assert "nor what was in the cache" in claims.title


def test_unverified_rows_are_no_winners():
    records = synthetic.by_hand({"macko": [2.0], "sputnik": [9.0]})
    external = records["format"] == "sputnik"
    records["reason"] = records["reason"].astype(object)
    records.loc[external, ["status", "reason"]] = ["unverified", "an external program"]
    assert summary.winners(records)["format"].tolist() == ["macko"]
    assert "sputnik" not in summary.sentence(records)
    assert set(summary.crossovers(records)["format"]) == {"macko"}
    assert summary.leftovers(records) == []


def test_lossy_formats_are_no_winners_but_have_a_crossover():
    records = synthetic.by_hand({"macko": [2.0, 0.5], "lossy-thing": [9.0, 9.0]})
    records.loc[records["format"] == "lossy-thing", "lossless"] = False
    assert set(summary.winners(records)["format"]) == {"macko", "dense-f16"}
    assert set(summary.crossovers(records)["format"]) == {"macko", "lossy-thing"}


def test_lossy_formats_that_beat_every_lossless_one_are_named_with_their_densities():
    speedups = {"macko": [4.0, 2.0, 1.1], "dense-int8": [1.9, 1.9, 1.9], "dense-int4": [3.0] * 3}
    records = synthetic.by_hand(speedups)
    records.loc[records["format"].str.contains("int"), "lossless"] = False
    said = "; faster still, but lossy: dense-int4 from 0.2 and dense-int8 at 0.3; "
    assert said in summary.sentence(records)
    assert said.strip("; ") in summary.markdown(records)


def test_a_lossy_format_that_beats_nothing_is_not_called_faster():
    records = synthetic.by_hand({"macko": [5.0, 4.0], "dense-int8": [1.9, 1.9]})
    records.loc[records["format"] == "dense-int8", "lossless"] = False
    assert "faster still" not in summary.sentence(records)


def test_auto_wins_nothing_because_it_is_one_of_the_others():
    records = synthetic.by_hand({"macko": [2.0, 2.0], "auto": [2.1, 2.1]})
    records["layout"] = np.where(records["format"] == "auto", "macko", "")
    assert "auto" not in summary.sentence(records)
    assert set(summary.winners(records)["format"]) == {"macko"}


def test_crossovers_are_interpolated_with_their_interval():
    records = synthetic.by_hand(
        {"macko": [(2.0, 2.0, 4.0), (0.5, 0.25, 0.5)], "bitmap": [3.0, 2.0], "csr16": [0.4, 0.2]}
    )
    found = summary.crossovers(records).set_index("format")
    row = found.loc["macko"]
    assert (row["density"], row["low"], row["high"]) == pytest.approx((0.15, 0.4 / 3, 0.5 / 3))
    assert row["text"] == "0.15 (0.13-0.17)"
    assert found["text"]["bitmap"] == "at every one measured"
    assert found["text"]["csr16"] == "at none measured"


def test_noisy_crossovers_are_called_noisy():
    records = synthetic.by_hand({"macko": [2.0, 0.5, 2.0, 0.5], "bitmap": [0.5, 2.0, 0.5, 0.5]})
    text = summary.crossovers(records).set_index("format")["text"]
    assert text["macko"].endswith("; noisy, crosses at 0.15, 0.25, 0.35")
    assert text["macko"].startswith("0.15 (")
    assert text["bitmap"] == "not at 0.1; noisy, crosses at 0.15, 0.25"


def test_a_format_that_wins_only_above_a_density_is_said_to():
    text = summary.crossovers(synthetic.by_hand({"macko": [0.5, 2.0]}))["text"]
    assert text.tolist() == ["not below but above 0.15"]


def test_matrices_taken_as_stored_have_winners_but_no_crossover():
    records = synthetic.by_hand({"macko": [2.0, 0.5]})
    records["key"] = ["1000x1000/dstored/float16/uniform/b1/s47/w.npy#"] * len(records)
    assert summary.crossovers(records).empty
    assert summary.winners(records)["format"].tolist() == ["macko", "dense-f16"]


def test_a_missing_row_leaves_the_other_densities_alone():
    records = synthetic.by_hand({"macko": [4.0, None, 0.25]})
    assert summary.crossovers(records)["density"].item() == pytest.approx(0.2)
    assert summary.winners(records)["format"].tolist() == ["macko", "dense-f16", "dense-f16"]


def test_leftovers_count_by_format_with_the_first_reason():
    records = synthetic.records(synthetic.SHAPES, (0.1,), formats=("macko", "dense-f16", "csr-mkl"))
    records = synthetic.fail(records, records["format"] == "csr-mkl", "unavailable", "no mkl")
    wrong = records["format"] == "macko"
    records = synthetic.fail(records, wrong, "wrong", "row 3")
    records.loc[records.index[wrong][0], "reason"] = "row 7"
    assert summary.leftovers(records) == [
        "3 wrong: macko: row 7 (and 1 more reasons)",
        "3 unavailable: csr-mkl: no mkl",
    ]


def test_markdown_is_a_table_that_survives_pipes_in_names():
    records = synthetic.by_hand({"odd|name": [2.0, 0.5]})
    lines = summary.markdown(records).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert table[0].startswith("| density | fastest | speed-up over dense-f16 | 95 % interval |")
    assert "odd\\|name" in table[2]
    assert table[2].replace("\\|", "").count("|") == table[0].count("|")


def test_the_closing_table_shows_dense_wins_like_any_other():
    text = printed(smaller(synthetic.by_hand({"macko": [2.0, 0.5]}), {"macko": 0.25}))
    rows = {line.split()[0]: line.split()[1:4] for line in text.splitlines() if line[:7].strip()}
    assert rows["0.1"] == ["macko", "2.00x", "1.98-2.02x"]
    assert rows["0.2"] == ["dense-f16", "1.00x", "1.00-1.00x"]
    assert "75 %" in text
    assert "Faster than dense-f16 below density" in text


def test_the_closing_table_says_when_a_row_has_no_clear_winner():
    text = printed(synthetic.by_hand({"macko": [(1.0, 0.9, 1.1)]}))
    assert "macko or dense-f16" in text
    assert "the intervals overlap" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_cell_of_the_closing_table_is_cut_off(width):
    shapes = [(512 * n, 1024) for n in range(1, 6)]
    assert "…" not in printed(synthetic.records(shapes), width)


def test_flags_are_counted_below_the_tables_and_say_what_to_measure_again():
    records = synthetic.by_hand({"macko": [2.0, 1.5, 0.5]})
    records["flags"] = ["contended:9%", np.nan, "drift", "contended:44%;drift", "", "drift"]
    expected = (
        "flags: contended in 2 of 6 rows (up to 44 %, at density 0.2): "
        "measure those again on an idle machine; drift in 3"
    )
    assert expected in printed(records, 200)
    assert expected in summary.markdown(records)


def test_flags_that_an_idle_machine_does_not_mend_are_only_counted():
    records = synthetic.by_hand({"macko": [2.0]})
    records["flags"] = ["mostly-overhead", "mostly-overhead;above-bandwidth"]
    text = summary.markdown(records)
    assert "flags: mostly-overhead in 2 of 2 rows; above-bandwidth in 1" in text
    assert "idle" not in text


def test_a_busy_core_asks_for_an_idle_machine():
    records = synthetic.by_hand({"macko": [2.0]})
    records["flags"] = ["busy-core", "drift"]
    expected = "flags: busy-core in 1 of 2 rows: measure those again on an idle machine; drift in 1"
    assert expected in summary.markdown(records)


def test_without_flags_there_is_no_line_of_flags():
    assert "flags" not in summary.markdown(synthetic.by_hand({"macko": [2.0]}))


def test_a_header_is_whole_where_every_name_is_shorter():
    assert "fastest" in printed(synthetic.by_hand({"macko": [2.0], "csr16": [3.0]}))


def test_where_the_measurement_cannot_tell_the_better_median_stands_first():
    records = smaller(synthetic.by_hand({"csr16": [(0.88, 0.79, 1.03)]}), {"csr16": 0.4})
    assert "| 0.1 | dense-f16 or csr16 | 1.00x | 1.00-1.00x | 0 % |" in summary.markdown(records)
    assert "no clear winner at density 0.1 (csr16 0.79-1.03x dense-f16)" in summary.sentence(
        records
    )
    records = synthetic.by_hand({"csr16": [(1.02, 0.97, 1.05)]})
    assert "csr16 or dense-f16 | 1.02x | 0.97-1.05x" in summary.markdown(records)


STRANGER = "/a/long/path/to/some/folder/coordinate_format.py:Coo"


def test_the_name_of_a_strangers_format_is_its_file_and_class():
    records = synthetic.by_hand({STRANGER: [2.0, 0.5]})
    for text in (printed(records), summary.markdown(records)):
        assert "/a/long" not in text
        assert text.count("coordinate_format.py:Coo") >= 2


@pytest.mark.parametrize("shapes", [1, 2, 3])
def test_a_narrow_console_loses_columns_before_words(shapes):
    formats = ("macko", "csr16", "dense-f16", STRANGER)
    records = synthetic.records([(4096 * n, 11008) for n in range(1, shapes + 1)], formats=formats)
    text = printed(records, 60)
    assert "…" not in text
    for word in ("density", "coordinate_format.py:Coo", "speed-up", "9.01-9.19x"):
        assert word in text
    assert all(len(line) <= 60 for line in text.splitlines())


def test_markup_in_a_name_is_printed_as_it_is():
    assert "[bold]x[/bold]" in printed(synthetic.by_hand({"[bold]x[/bold]": [2.0]}))


def test_no_rows_are_an_error_of_one_line():
    nothing = pd.DataFrame(columns=list(COLUMNS))
    for function in (summary.sentence, summary.markdown, summary.winners, summary.crossovers):
        with pytest.raises(ResultsError, match=r"^results: there are no rows[^\n]*$"):
            function(nothing)

"""Figures: which are drawn from what, that they show something, and that they never mix."""

import logging

import matplotlib
import numpy as np
import pandas as pd
import pytest
import synthetic
from matplotlib.figure import Figure
from matplotlib.image import imread

from spmvbench.curves import parts
from spmvbench.errors import ResultsError
from spmvbench.plots import FIGURES, draw
from spmvbench.plots.sheet import ratio_axis
from spmvbench.plots.style import RC
from spmvbench.record import COLUMNS

ONE = synthetic.SHAPES[:1]
FEW = (0.1, 0.5, 0.9)
LINES = ("macko", "csr-scipy", "dense-f16")


def names(files, suffix=".png"):
    return {file.stem for file in files if file.suffix == suffix}


def figure(name, records):
    """The figure of that name of the only condition, or the reason why there is none."""
    (part,) = parts(records)
    with matplotlib.rc_context(RC):
        return FIGURES[name](part)


def texts(drawn):
    found = (t.get_text() for t in drawn.findobj(matplotlib.text.Text))
    return [" ".join(text.split()) for text in found if text]


def is_blank(file):
    return np.ptp(imread(file)[..., :3]) == 0


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """31 shapes, 11 densities, 8 formats, some rows missing: the largest sweep we ship."""
    shapes = [(256 * (i + 8), 256 * (40 - i)) for i in range(31)]
    records = synthetic.records(shapes, noise=0.05)
    lost = (records["format"] == "csr-mkl") & (records["rows"] < 3000)
    records = synthetic.fail(records, lost, "crashed", "signal 11")
    return draw(records, tmp_path_factory.mktemp("plots"))


def test_every_promised_figure_is_there_as_png_and_svg(many):
    kinds = {name.partition("_float16")[0] for name in names(many)}
    assert kinds == {"speedup", "time", "effective_density", "bandwidth", "winners", "shapes"}
    assert names(many, ".png") == names(many, ".svg")


def test_pictures_are_large_and_not_blank(many):
    for file in many:
        assert file.stat().st_size > 10_000, file
        if file.suffix == ".png":
            height, width = imread(file).shape[:2]
            assert width > 1000, file
            assert height > 600, file
            assert not is_blank(file), file


def test_nothing_else_is_left_in_the_folder(many):
    assert {f.name for f in many[0].parent.iterdir()} == {f.name for f in many}


def test_no_picture_has_ink_on_its_edge(many):
    for file in many:
        if file.suffix == ".png":
            picture = imread(file)[..., :3]
            border = (picture[:2], picture[-2:], picture[:, :2], picture[:, -2:])
            assert min(edge.min() for edge in border) == 1, file


def test_the_same_records_give_the_same_svg_bytes(tmp_path):
    records = synthetic.records(ONE, FEW, LINES)
    one = draw(records, tmp_path / "one")
    other = draw(records, tmp_path / "other")
    assert [f.read_bytes() for f in one] == [f.read_bytes() for f in other]


def test_batches_get_a_figure_when_there_are_two(tmp_path):
    records = pd.concat([synthetic.records(ONE, (0.1, 0.5), LINES, batch=b) for b in (1, 8)])
    assert "batch_float16_uniform_cold_2t" in names(draw(records, tmp_path))


def test_conditions_get_files_of_their_own(tmp_path):
    records = pd.concat(
        [
            synthetic.records(ONE, (0.1, 0.5), LINES, cache="cold"),
            synthetic.records(ONE, (0.1, 0.5), LINES, cache="hot", threads=1),
        ]
    )
    found = names(draw(records, tmp_path))
    assert "speedup_float16_uniform_b1_cold_2t" in found
    assert "speedup_float16_uniform_b1_hot_1t" in found
    assert "bandwidth_float16_uniform_b1_hot_1t" not in found


def test_devices_get_files_of_their_own(tmp_path):
    cpu = synthetic.records(ONE, (0.1, 0.5), ("macko", "dense-f16"))
    gpu = synthetic.records(ONE, (0.1, 0.5), ("macko", "dense-cublas"), machine=synthetic.GPU)
    found = names(draw(pd.concat([cpu, gpu]), tmp_path))
    assert "sparsity_sweep_nvidia-h200_speedup_float16_uniform_b1_cold_2t" in found
    assert "sparsity_sweep_amd-epyc-9b14-2c_speedup_float16_uniform_b1_cold_2t" in found


def test_what_is_not_drawn_is_told_in_one_line_each(tmp_path):
    told = []
    draw(synthetic.records(ONE, (0.1, 0.5), LINES), tmp_path, tell=told.append)
    assert told == [
        "winners: not drawn for float16_uniform_b1_cold_2t: it compares shapes, there is one",
        "shapes: not drawn for float16_uniform_b1_cold_2t: it compares shapes, there is one",
        "batch: not drawn for float16_uniform_cold_2t: there is one batch",
    ]


def test_what_is_not_drawn_is_logged_when_nobody_asks(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        draw(synthetic.records(ONE, (0.1, 0.5), LINES), tmp_path)
    assert "batch: not drawn" in caplog.text


def test_one_row_draws_nothing_and_does_not_crash(tmp_path):
    told = []
    records = synthetic.records(ONE, (0.5,), ("dense-f16",))
    assert draw(records, tmp_path, tell=told.append) == []
    assert len(told) == len(FIGURES) + 1


def test_no_rows_are_an_error_of_one_line(tmp_path):
    with pytest.raises(ResultsError, match=r"^results: there are no rows[^\n]*$"):
        draw(pd.DataFrame(columns=list(COLUMNS)), tmp_path)


def test_rows_without_any_time_are_an_error_that_counts_them(tmp_path):
    records = synthetic.records(ONE, (0.5,))
    records = synthetic.fail(records, records["format"] != "", "crashed", "signal 11")
    with pytest.raises(ResultsError, match=r"no row has a time \(8 crashed\)"):
        draw(records, tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResultsError, match=r"^[^\n]*file[^\n]*choose another folder[^\n]*$"):
        draw(synthetic.records(ONE, (0.1, 0.5), LINES), tmp_path / "file")


def test_a_full_disk_leaves_no_half_picture(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ResultsError, match="No space left on device"):
        draw(synthetic.records(ONE, (0.1, 0.5), LINES), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    before = dict(matplotlib.rcParams)
    draw(synthetic.records(ONE, (0.1, 0.5), ("macko", "dense-f16")), tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_unverified_rows_are_in_no_figure():
    records = synthetic.records(ONE, FEW, ("macko", "dense-f16", "sputnik"))
    records.loc[records["format"] == "sputnik", "status"] = "unverified"
    for name in ("speedup", "time", "effective_density", "bandwidth"):
        assert "sputnik" not in texts(figure(name, records))


def test_the_headline_names_the_baseline_at_1_and_the_crossovers():
    found = texts(figure("speedup", synthetic.by_hand({"macko": [2.0, 0.5]})))
    assert "Speed-up over dense-f16 against density" in found
    assert {"dense-f16", "= 1", "0.15"} <= set(found)
    assert found.count("dense-f16") == 1


def test_the_legend_says_who_stores_another_precision_and_who_is_lossy():
    formats = ("macko", "csr-scipy", "dense-cublas", "dense-int8")
    found = texts(figure("speedup", synthetic.records(ONE, FEW, formats)))
    assert {"stores float32", "stores int8, lossy"} <= set(found)
    assert any("Dashed: stores another precision." in t and "Dotted: lossy." in t for t in found)


def test_break_even_is_explained_only_where_a_line_crosses_1():
    crossing = texts(figure("speedup", synthetic.by_hand({"macko": [2.0, 0.5]})))
    ahead = texts(figure("speedup", synthetic.by_hand({"macko": [2.0, 1.5]})))
    assert any("break-even" in t for t in crossing)
    assert not any("break-even" in t for t in ahead)


def test_theory_names_its_values_and_a_count_of_columns_that_was_measured():
    two = synthetic.records([(512, 1000), (512, 3000)], FEW, ("macko", "dense-f16"))
    found = texts(figure("effective_density", two))
    assert "theory, float16 values" in found
    note = next(t for t in found if "Markers" in t)
    assert "float16 values and 1,000 columns (measured: 1,000 to 3,000)" in note
    one = synthetic.records([(512, 3000)], FEW, ("macko", "dense-f16"))
    note = next(t for t in texts(figure("effective_density", one)) if "Markers" in t)
    assert "float16 values and 3,000 columns." in note


def test_a_note_stands_behind_its_label_at_every_resolution():
    odd = "coordinate_format.py:Coo"
    records = synthetic.records(ONE, FEW, (odd, "dense-f16"))
    records.loc[records["format"] == odd, "effective_density"] = 1.5
    drawn = figure("effective_density", records)
    found = {t.get_text(): t for t in drawn.findobj(matplotlib.text.Text)}
    for dpi in (72, 150, 300):
        drawn.set_dpi(dpi)
        drawn.canvas.draw()
        gap = found["up to 1.5"].get_window_extent().x0 - found[odd].get_window_extent().x1
        assert 3 < gap * 72 / dpi < 8


@pytest.mark.parametrize("shapes", [1, 3])
def test_density_0_1_is_labelled_before_0_05(shapes):
    drawn = figure("speedup", synthetic.records(synthetic.SHAPES[:shapes]))
    labels = [t.get_text() for t in drawn.axes[0].get_xticklabels()]
    assert labels[1:] == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]


def test_speed_ups_along_x_have_so_few_ticks_that_their_labels_do_not_meet():
    axis = Figure().add_subplot()
    ratio_axis(axis, np.array([0.1, 5.0]), along="x")
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0.25x", "1x", "4x"]


def test_two_baselines_are_called_the_fastest_dense():
    records = synthetic.records(ONE, FEW, ("macko", "dense-f16", "dense-torch"))
    late = records["density"] == 0.9
    records.loc[late, "baseline"] = "dense-torch"
    assert "the fastest dense" in texts(figure("speedup", records))


def test_without_a_dense_row_there_is_no_speed_up_but_a_time():
    records = synthetic.records(ONE, FEW, ("macko", "csr16"))
    assert "no dense row" in figure("speedup", records)
    assert not isinstance(figure("time", records), str)


def test_a_line_that_leaves_the_axis_says_where_it_went():
    found = texts(figure("speedup", synthetic.by_hand({"macko": [1.0, 0.003]})))
    assert "0.003x" in found


def test_a_format_without_a_value_in_the_labelled_panel_still_has_a_label():
    records = synthetic.records(synthetic.SHAPES[:2], FEW, ("macko", "csr16", "dense-f16"))
    lost = (records["format"] == "csr16") & (records["cols"] == synthetic.SHAPES[1][1])
    records = synthetic.fail(records, lost, "crashed", "signal 11")
    assert "csr16" in texts(figure("speedup", records))


def test_intervals_that_are_missing_do_not_stop_a_figure():
    records = synthetic.records(ONE, FEW)
    records[["ci_low_us", "ci_high_us", "speedup_low", "speedup_high"]] = np.nan
    for name in ("speedup", "time"):
        assert not isinstance(figure(name, records), str)


def test_many_shapes_are_one_panel_of_medians_and_few_a_panel_each():
    few = figure("speedup", synthetic.records(synthetic.SHAPES, FEW))
    many = figure("speedup", synthetic.records([(256 * n, 512) for n in range(1, 7)], FEW))
    assert len(few.axes) == 3
    assert len(many.axes) == 1
    assert any("median over 6 shapes" in t for t in texts(many))


def test_incomplete_medians_are_marked_hollow():
    records = synthetic.records([(256 * n, 512) for n in range(1, 7)], FEW)
    lost = (records["format"] == "macko") & (records["rows"] == 256)
    found = texts(figure("speedup", synthetic.fail(records, lost, "oom", "too large")))
    assert any("Hollow: some problems have no value." in t for t in found)


def test_the_winner_map_writes_the_speed_up_of_each_cell():
    records = synthetic.records(synthetic.SHAPES[:2], (0.1,), ("macko", "dense-f16"), noise=0.01)
    expected = {f"{v:.2f}" for v in records.loc[records["format"] == "macko", "speedup"]}
    assert expected <= set(texts(figure("winners", records)))


def test_the_winner_map_greys_what_cannot_be_told_apart():
    records = synthetic.records(synthetic.SHAPES[:2], (0.1,), ("macko", "dense-f16"))
    own = records["format"] == "macko"
    records.loc[own, ["speedup", "speedup_low", "speedup_high"]] = [1.0, 0.9, 1.1]
    found = texts(figure("winners", records))
    assert "not clear" in found
    assert "2 of 2" in found


def test_without_dense_the_winner_map_shows_times():
    records = synthetic.records(synthetic.SHAPES[:2], (0.1,), ("macko", "csr16"))
    assert any("microseconds" in t for t in texts(figure("winners", records)))


def test_matrices_taken_as_stored_are_points_and_no_lines():
    two = synthetic.SHAPES[:2]
    records = synthetic.records(two, (0.11, 0.27, 0.44), ("macko", "dense-f16"))
    records["key"] = records["key"].str.replace(r"d0.\d+", "dstored", regex=True)
    drawn = figure("speedup", records)
    assert any("A point is a matrix." in t for t in texts(drawn))
    assert "stored have a density each" in figure("winners", records)


def test_a_strange_name_is_written_as_it_is():
    odd = "$x$_{y}<&>ü"
    drawn = figure("speedup", synthetic.records(ONE, FEW, (odd, "dense-f16")))
    labels = [t for t in drawn.findobj(matplotlib.text.Text) if t.get_text() == odd]
    assert [label.get_parse_math() for label in labels] == [False]


def test_the_time_of_many_shapes_is_that_of_four():
    drawn = figure("time", synthetic.records([(256 * n, 512) for n in range(1, 7)], FEW))
    assert len(drawn.axes) == 4
    assert any("4 of 6 shapes" in t for t in texts(drawn))


def test_rows_measured_by_other_rules_are_named_in_the_subtitle():
    records = synthetic.records(ONE, FEW, ("macko", "dense-f16"))
    records["protocol"] = np.where(records["density"] == 0.1, "1-aaaa", "1-bbbb")
    assert any("2 protocols" in t for t in texts(figure("speedup", records)))


def test_figures_by_shape_show_at_most_forty_from_the_smallest_to_the_largest():
    records = synthetic.records([(256 * n, 512) for n in range(1, 52)], FEW, LINES)
    for name in ("winners", "shapes"):
        drawn = figure(name, records)
        labels = [t.get_text() for t in drawn.axes[0].get_yticklabels()]
        assert any("(40 of 51 shapes)" in t for t in texts(drawn)), name
        assert len(labels) == 40, name
        assert {"256 x 512", "13056 x 512"} == {labels[0], labels[-1]}, name


def conditions(count):
    """Records of as many conditions, those of later ones fewer."""
    several = [
        synthetic.records(ONE, FEW[: 3 - (i > 0)], LINES, threads=i + 1) for i in range(count)
    ]
    return pd.concat(several, ignore_index=True)


def test_of_many_conditions_the_largest_has_all_figures_and_two_the_headline(tmp_path):
    said = []
    drawn = draw(conditions(9), tmp_path, everything=False, left_out=said.append)
    kinds = [name.split("_")[0] for name in names(drawn) if name.endswith("_1t")]
    assert sorted(kinds) == ["bandwidth", "effective", "speedup", "time"]
    others = names(drawn) - {name for name in names(drawn) if name.endswith("_1t")}
    assert others == {f"speedup_float16_uniform_b1_cold_{n}t" for n in (2, 3)}
    assert said == [
        "57 rows: drew only speed-ups of float16_uniform_b1_cold_2t, float16_uniform_b1_cold_3t, "
        "nothing of 6 conditions; 'spmvbench plot --all' draws all"
    ]


@pytest.mark.parametrize(("count", "everything"), [(8, False), (9, True)])
def test_all_figures_are_drawn_of_few_conditions_and_when_asked_for(
    tmp_path, monkeypatch, count, everything
):
    asked = []
    monkeypatch.setattr("spmvbench.plots.FIGURES", {"time": lambda part: asked.append(part) or ""})
    draw(conditions(count), tmp_path, everything=everything, left_out=pytest.fail)
    assert len(asked) == count


def test_of_many_rows_the_same_holds(tmp_path, monkeypatch):
    monkeypatch.setattr("spmvbench.plots.choice.MOST_ROWS", 14)
    said = []
    draw(conditions(2), tmp_path, everything=False, left_out=said.append)
    assert said == [
        "15 rows: drew only speed-ups of float16_uniform_b1_cold_2t; "
        "'spmvbench plot --all' draws all"
    ]

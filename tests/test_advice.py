"""Whether sparse weights pay: sums, verdicts and what they need, from records made by hand."""

from __future__ import annotations

import json

import pytest

from spmvbench.advice.answer import DENSE, Bound, Quality, answer
from spmvbench.advice.model import Layer, Model, Scenario
from spmvbench.advice.picture import picture
from spmvbench.advice.plain import plain, plain_bound
from spmvbench.advice.tables import tables
from spmvbench.advice.words import bound_sentence, sentences
from spmvbench.record import Record
from spmvbench.summary.layout import to_markdown

LOSSY = {"dense-int8": "int8", "dense-int4": "int4"}
SIZE = {"dense-f16": 1.0, "dense-int8": 0.5, "dense-int4": 0.27}


def row(key, name, us, *, noise=0.01, share=0.6, **changes):
    """A record of a 1000 x 1000 float16 matrix."""
    packed = int(2e6 * SIZE.get(name, share))
    return Record(
        **{
            "key": key,
            "format": name,
            "status": "ok",
            "dtype": "float16",
            "value_dtype": LOSSY.get(name, "float16"),
            "dense": name.startswith("dense"),
            "lossless": name not in LOSSY,
            "median_us": us,
            "ci_low_us": us * (1 - noise),
            "ci_high_us": us * (1 + noise),
            "packed_bytes": packed,
            "dense_bytes": 2_000_000,
            "effective_density": packed / 2e6,
            "bandwidth_share": 0.9,
        }
        | changes
    )


def layer(key, density, count=1):
    return Layer(key, 1000, 1000, "float16", count, density)


def model(*scenarios):
    return Model("toy", 1, tuple(scenarios))


def one_density(records, *layers, density=None):
    return answer(model(Scenario(density, layers)), "cpu", records).outcomes[0]


def sweep(sparse, *, dense=100.0, int8=55.0, int4=30.0, noise=0.001):
    """An answer over densities: {density: time of macko}."""
    scenarios = [Scenario(d, (layer(f"k{d}", d),)) for d in sorted(sparse, reverse=True)]
    times = {"dense-f16": dense, "dense-int8": int8, "dense-int4": int4}
    records = [
        row(f"k{density}", name, us, noise=noise)
        for density, macko in sparse.items()
        for name, us in {**times, "macko": macko}.items()
        if us is not None
    ]
    return answer(model(*scenarios), "cpu", records)


# Sums


def test_a_total_is_the_sum_over_layers_as_often_as_they_are():
    records = [row("a", "macko", 10), row("b", "macko", 40)]
    found = one_density(records, layer("a", 0.5, 3), layer("b", 0.5, 2)).formats["macko"]
    assert found.us.value == 3 * 10 + 2 * 40
    assert found.nbytes == 5 * 1_200_000


def test_errors_of_a_kind_add_up_and_those_of_kinds_are_independent():
    records = [row("a", "macko", 10, noise=0.1), row("b", "macko", 10, noise=0.1)]
    found = one_density(records, layer("a", 0.5, 3), layer("b", 0.5, 4)).formats["macko"]
    assert found.us.value - found.us.low == pytest.approx(5)  # 3 and 4 squared
    assert found.us.high - found.us.value == pytest.approx(5)


def test_each_layer_gets_its_fastest_lossless_format():
    records = [
        *(row("a", n, us) for n, us in {"macko": 10, "bitmap": 12, "dense-f16": 20}.items()),
        *(row("b", n, us) for n, us in {"macko": 30, "bitmap": 25, "dense-f16": 20}.items()),
        row("a", "dense-int4", 1),
        row("b", "dense-int4", 1),
    ]
    found = one_density(records, layer("a", 0.3), layer("b", 0.9))
    assert [r.format for r in found.best.rows] == ["macko", "dense-f16"]
    assert not found.dense_wins


def test_where_dense_is_faster_on_every_layer_the_fastest_sparse_one_is_shown():
    found = one_density([row("a", "macko", 30), row("a", "dense-f16", 20)], layer("a", 0.9))
    assert found.dense_wins
    assert [r.format for r in found.best.rows] == ["macko"]
    assert found.verdict(DENSE).pays is False


def test_auto_is_one_of_the_others_and_counts_for_none():
    records = [row("a", "auto", 1, layout="macko"), row("a", "macko", 10)]
    assert one_density(records, layer("a", 0.5)).best.us.value == 10


def test_a_dense_format_that_stores_another_type_is_no_rival():
    records = [row("a", "macko", 10), row("a", "dense-numpy", 5, value_dtype="float32")]
    assert DENSE not in one_density(records, layer("a", 0.5)).rivals


def test_a_layer_without_a_time_leaves_no_total_and_says_why():
    wrong = row("b", "macko", 1, median_us=None, status="wrong", reason="row 3")
    records = [row("a", "macko", 10), wrong]
    found = answer(model(Scenario(0.5, (layer("a", 0.5), layer("b", 0.5)))), "cpu", records)
    assert found.outcomes[0].best is None
    assert not found.pays
    assert sentences(found) == [
        "pruned to 0.5 (50.0 % zeros): not measured, macko is wrong: row 3."
    ]


# Verdicts


@pytest.mark.parametrize(("us", "pays"), [(50, True), (100.5, None), (150, False)])
def test_it_pays_where_the_interval_of_the_ratio_is_above_one(us, pays):
    verdict = sweep({0.5: us}, noise=0.01).outcomes[0].verdict(DENSE)
    assert verdict.pays is pays
    assert verdict.faster.value == pytest.approx(100 / us)
    assert verdict.faster.low < verdict.faster.value < verdict.faster.high
    assert verdict.smaller == pytest.approx(1 / 0.6)


def test_the_zeros_needed_are_interpolated_between_densities():
    need = sweep({0.6: 55 * 1.25, 0.2: 55 / 1.25}).need("int8")
    assert need.kind == "below"
    assert need.zeros == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("times", "kind"),
    [({0.5: 60, 0.3: 50}, "below"), ({0.5: 60, 0.3: 58}, "never"), ({0.5: 60}, "one density")],
)
def test_what_is_needed_is_only_said_where_it_was_measured(times, kind):
    assert sweep(times).need("int8").kind == kind


def test_the_sentence_says_where_it_pays_and_what_it_takes():
    (first, second) = sentences(sweep({0.6: 80, 0.2: 40}))
    assert first == (
        "pruned to 0.6 (40.0 % zeros): pays against 16-bit dense (1.25x faster, 1.67x smaller); "
        "does not against int8 (1.45x slower, 1.20x larger; needs >= 62 % zeros); "
        "does not against int4 (2.67x slower, 2.22x larger; not at 80.0 % zeros either, the most "
        "measured)."
    )
    assert second.startswith("pruned to 0.2 (80.0 % zeros): pays against 16-bit dense (2.50x")
    assert "pays against int8 (1.38x faster, 1.20x larger)" in second


def test_a_rival_without_a_row_is_said_to_be_not_measured():
    (said,) = sentences(sweep({0.5: 80}, int4=None))
    assert "int4 was not measured (no row of it)" in said


def test_with_one_density_the_need_is_not_guessed():
    (said,) = sentences(sweep({0.5: 80}))
    assert "what it needs was not measured, add --density" in said


# Quality


def test_the_fastest_density_within_the_bound_on_quality_is_found():
    found = sweep({0.7: 80, 0.5: 60, 0.3: 40})
    bound = Bound(Quality("perplexity", {0.7: 5.6, 0.5: 6.1, 0.3: 12.0}), 7)
    assert bound_sentence(bound, found) == (
        "With perplexity of at most 7: pruned to 0.5 (50.0 % zeros) is the fastest, "
        "0.06 ms/token at perplexity 6.1."
    )
    assert plain_bound(bound, found)["best"] == {"density_asked": 0.5, "value": 6.1}


def test_without_a_density_within_the_bound_it_says_so():
    bound = Bound(Quality("perplexity", {0.5: 6.1}), 5)
    assert bound_sentence(bound, sweep({0.5: 60})) == (
        "No density measured has perplexity of at most 5."
    )


# Forms


def test_the_tables_have_a_row_per_layer_and_per_choice():
    layers, totals = tables(sweep({0.5: 80}))
    assert layers.rows == [
        ["1000 x 1000", "1", "50.0 %", "macko", "80", "90 %", "1.2 MB", "60.0 %"]
    ]
    names = [line[0] for line in totals.rows]
    assert names == ["best of each layer", "all macko", "16-bit dense", *NAMES_OF_LOSSY]
    assert totals.rows[0][1] == "0.08"
    assert "| macko |" in to_markdown(layers)


def test_what_needs_more_bytes_than_dense_saves_none():
    density = Scenario(None, (layer("k", 0.9),))
    records = [row("k", "macko", 80, share=1.06), row("k", "dense-f16", 100)]
    _, totals = tables(answer(model(density), "cpu", records))
    assert [line[-1] for line in totals.rows][:3] == ["6.0 % more", "6.0 % more", "0.0 %"]


NAMES_OF_LOSSY = ["int8 dense, lossy", "int4 dense, lossy"]


def test_json_has_what_the_tables_have():
    found = json.loads(json.dumps(plain(sweep({0.5: 80, 0.3: 50}))))
    assert found["pays"] is True
    first = found["scenarios"][0]
    assert first["best"]["us"] == 80
    assert first["rivals"][DENSE]["us"] == 100
    assert first["verdicts"]["int8"]["pays"] is False
    assert first["layers"][0]["format"] == "macko"
    assert found["needs_zeros"]["int8"]["zeros"] == pytest.approx(0.66, abs=0.01)
    assert found["needs_zeros"]["int4"] == {"kind": "never", "zeros": None}


def test_the_picture_has_a_line_per_format_a_level_per_rival_and_the_limit(tmp_path):
    files = picture(sweep({0.5: 80, 0.3: 50}), tmp_path, "advice")
    assert {file.name for file in files} == {"advice.png", "advice.svg"}
    drawn = (tmp_path / "advice.svg").read_text()
    for words in ("macko", "dense-int8", "dense-int4", "16-bit dense", "limit of the bytes"):
        assert f"<!-- {words} -->" in drawn


def test_of_one_density_there_is_no_picture(tmp_path):
    assert picture(sweep({0.5: 80}), tmp_path, "advice") == []
    assert not list(tmp_path.iterdir())

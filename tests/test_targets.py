"""Verdicts on results folders whose samples have known ratios."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from spmvbench.claim import BEST_16_BIT, BEST_16_BIT_DENSE, Claim, Targets
from spmvbench.errors import ResultsError
from spmvbench.problems.base import Problem
from spmvbench.record import Record
from spmvbench.records import Results, load
from spmvbench.stats import Interval
from spmvbench.targets import VERDICTS, Line, judge, print_lines, sentence, to_markdown

DENSE_US = 100.0
ROW = Record(
    experiment="e",
    device="some-cpu-2c",
    environment="here",
    dtype="float16",
    value_dtype="float16",
    pattern="uniform",
    cache="cold",
    threads=1,
    block=0,
    status="ok",
    read_gbps=20.0,
    samples=60,
    bandwidth_share=0.5,
)
SCALE = {"avx512": 1.0, "avx2": 0.5, "generic": 0.0}
BITMAP = Claim("bitmap", "dense-f16", at_least=1.5)


@pytest.fixture
def noise():
    """One factor per block that all formats share, as a slow second does."""
    return np.exp(np.random.default_rng(0).normal(0, 0.3, 60))


class Folder:
    """A results folder to write rows into and to judge."""

    def __init__(self, path: Path, noise: np.ndarray) -> None:
        self.path, self._noise = path, noise
        self.environment({"simd": "avx512", "cores": 2})

    def environment(self, entry):
        with Results(self.path) as results:
            results.note_environment("here", entry)

    def add(self, name, factor, *, density=0.5, shape=(64, 32), **columns):
        """A format that takes `factor` times as long as dense, give or take 5 % per sample."""
        own = np.random.default_rng(len(name)).normal(1, 0.05, 60)
        times = DENSE_US * factor * self._noise * own
        times *= DENSE_US * factor / np.median(times)
        median = DENSE_US * factor
        row = replace(
            ROW,
            format=name,
            key=Problem(*shape, density).key,
            rows=shape[0],
            cols=shape[1],
            density=density,
            median_us=median,
            ci_low_us=median * 0.9,
            ci_high_us=median * 1.25,
        )
        with Results(self.path) as results:
            results.append(replace(row, **columns), times.astype("<f4").tobytes())
        return self

    def fail(self, name, status, reason):
        """A row without a time."""
        return self.add(
            name, 1.0, status=status, reason=reason, median_us=None, value_dtype="", samples=None
        )

    def judge(self, *claims, scale=SCALE):
        return judge(load([self.path]), Targets(claims, scale), self.path)


@pytest.fixture
def folder(tmp_path, noise):
    return Folder(tmp_path, noise)


@pytest.fixture
def pair(folder):
    """Bitmap twice as fast as dense."""
    return folder.add("bitmap", 0.5).add("dense-f16", 1.0, dense=True)


def printed(lines, width=100, scale=SCALE):
    file = io.StringIO()
    targets = Targets((), scale)
    print_lines(lines, targets, "some-cpu-2c", Console(file=file, width=width))
    return file.getvalue()


def test_the_ratio_is_that_of_the_medians_with_an_interval_around_it(pair):
    (line,) = pair.judge(BITMAP)
    assert line.measured.value == pytest.approx(2, rel=1e-5)
    assert 1.8 < line.measured.low < 2 < line.measured.high < 2.2


@pytest.mark.parametrize(
    ("at_least", "beyond", "verdict"),
    [
        (1.5, None, "met"),
        (1.5, 2.5, "met"),
        (1.5, 1.9, "beyond"),
        (2.01, 3.0, "short"),
        (3.0, 4.0, "missed"),
    ],
)
def test_a_verdict_is_by_the_ratio_and_where_it_is_below_by_the_interval(
    pair, at_least, beyond, verdict
):
    (line,) = pair.judge(replace(BITMAP, at_least=at_least, beyond=beyond))
    assert line.verdict == verdict


def test_a_ratio_of_exactly_the_target_meets_it():
    line = Line(BITMAP, at_least=1.5, measured=Interval(1.5, 1.4, 1.6))
    assert line.verdict == "met"


def test_every_verdict_stands_in_the_dictionary_of_the_results():
    text = (Path(__file__).parent.parent / "results" / "README.md").read_text()
    assert [n for n, what in VERDICTS.items() if f"| `{n}` | {what} |" not in text] == []


def test_a_cpu_with_avx2_is_asked_for_half(pair):
    pair.environment({"simd": "avx2", "cores": 2})
    claim = replace(BITMAP, at_least=3.6, beyond=3.9)
    (line,) = pair.judge(claim)
    assert (line.at_least, line.beyond, line.verdict) == (1.8, 1.95, "beyond")
    assert "judged for avx2: 0.5 of each ratio is asked" in printed([line])


def test_a_generic_cpu_is_asked_for_right_products_only(pair):
    pair.environment({"simd": "generic", "cores": 2})
    pair.fail("macko", "wrong", "row 3")
    claim = replace(BITMAP, at_least=9, beyond=10)
    fine, wrong = pair.judge(claim, replace(claim, format="macko"))
    assert (fine.verdict, wrong.verdict) == ("met", "not measured")
    assert "judged for generic: no ratio is, only right products are asked" in printed([fine])


def test_a_machine_whose_tier_was_not_noted_is_asked_for_all_and_the_table_says_so(pair):
    pair.environment({"cores": 2})
    lines = pair.judge(BITMAP)
    assert lines[0].at_least == 1.5
    assert "the SIMD tier was not noted" in printed(lines)
    assert "SIMD" not in printed(pair.judge(BITMAP), scale={})


def test_the_tier_judged_for_stands_in_the_title(pair):
    assert "Targets · some-cpu-2c · avx512" in printed(pair.judge(BITMAP))


def test_the_best_dense_is_the_fastest_lossless_dense_format_of_16_bits(pair):
    pair.add("dense-numpy", 0.7, dense=True, value_dtype="float32")
    pair.add("dense-int8", 0.6, dense=True, value_dtype="int8", lossless=False)
    pair.add("dense-lossy", 0.6, dense=True, lossless=False)
    pair.add("csr16", 0.4)
    (line,) = pair.judge(replace(BITMAP, than=BEST_16_BIT_DENSE))
    assert line.rival == "dense-f16"
    pair.add("dense-torch", 0.9, dense=True, value_dtype="bfloat16")
    (line,) = pair.judge(replace(BITMAP, than=BEST_16_BIT_DENSE))
    assert line.rival == "dense-torch"


def test_the_best_of_16_bits_may_be_sparse_but_not_the_claimed_format_itself(pair):
    pair.add("csr16", 0.8)
    (line,) = pair.judge(replace(BITMAP, than=BEST_16_BIT))
    assert line.rival == "csr16"


def test_of_several_the_fastest_that_has_a_time_counts(pair):
    pair.add("csr16", 0.8)
    pair.fail("macko", "unavailable", "why")
    several = replace(BITMAP, than=("dense-f16", "csr16", "macko", "slab4"))
    (line,) = pair.judge(several)
    assert line.rival == "csr16"
    row = next(x for x in to_markdown([line], Targets(), "d").splitlines() if "1.60x" in x)
    assert row.startswith("| bitmap / best of 4 formats |")
    assert "| csr16 |" in row


def test_of_several_one_that_was_timed_beside_it_counts_first(pair):
    pair.add("csr16", 0.8, block=1)
    (line,) = pair.judge(replace(BITMAP, than=("csr16", "dense-f16")))
    assert line.rival == "dense-f16"


def test_several_of_which_none_has_a_time_are_not_measured(pair):
    pair.fail("macko", "unavailable", "why")
    (line,) = pair.judge(replace(BITMAP, than=("macko", "a/b/c.py:Slow")))
    assert (line.verdict, line.reason) == ("not measured", "none of macko, c.py:Slow has a time")


def test_a_rival_that_is_not_installed_is_not_measured_and_no_pass(pair):
    pair.fail("csr-mkl", "unavailable", "csr-mkl: MKL is not installed")
    (line,) = pair.judge(replace(BITMAP, than="csr-mkl"))
    assert (line.verdict, line.reason) == (
        "not measured",
        "csr-mkl is unavailable: MKL is not installed",
    )
    assert "1 not measured: csr-mkl is unavailable" in printed([line])


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        (replace(BITMAP, than="csr-scipy"), "csr-scipy has no row"),
        (replace(BITMAP, format="macko"), "macko is wrong: row 3"),
        (
            Claim("dense-f16", BEST_16_BIT_DENSE, 1.0),
            "no lossless dense format of 16 bits beside dense-f16",
        ),
    ],
)
def test_what_has_no_time_is_not_measured_for_a_reason(pair, claim, reason):
    pair.fail("macko", "wrong", "row 3")
    (line,) = pair.judge(claim)
    assert (line.verdict, line.reason) == ("not measured", reason)


@pytest.mark.parametrize(
    "apart", [{"block": 1}, {"read_gbps": 20.1}, {"samples": 50}, {"environment": "there"}]
)
def test_formats_that_were_not_timed_together_are_not_compared(pair, apart):
    pair.add("csr16", 2.0, **apart)
    (line,) = pair.judge(replace(BITMAP, than="csr16"))
    assert line.verdict == "not measured"
    assert line.reason.startswith("bitmap and csr16 were not timed together")


def test_a_density_is_the_same_however_it_is_written(folder):
    folder.add("bitmap", 0.5, density=0.3).add("dense-f16", 1.0, density=0.3, dense=True)
    (line,) = folder.judge(replace(BITMAP, densities=(0.1 + 0.2,)))
    assert line.verdict == "met"


def test_without_densities_and_shapes_all_that_were_measured_are_judged(folder):
    for density in (0.1, 0.5):
        for shape in ((64, 32), (32, 64)):
            folder.add("bitmap", 0.5, density=density, shape=shape)
            folder.add("dense-f16", 1.0, density=density, shape=shape, dense=True)
    found = [(x.where["rows x cols"], x.where["density"]) for x in folder.judge(BITMAP)]
    assert found == [("64 x 32", "0.1"), ("64 x 32", "0.5"), ("32 x 64", "0.1"), ("32 x 64", "0.5")]
    assert len(folder.judge(replace(BITMAP, shapes=((32, 64),), densities=(0.1,)))) == 1


@pytest.mark.parametrize("asked", [{"densities": (0.9,)}, {"shapes": ((9, 9),)}, {"threads": (2,)}])
def test_what_is_asked_for_by_name_and_has_no_row_is_not_dropped(pair, asked):
    (line,) = pair.judge(replace(BITMAP, **asked))
    assert line.verdict == "not measured"
    assert line.reason.startswith("the run has no such row")


def test_all_threads_are_the_cores_of_the_machine_that_measured(folder):
    folder.add("bitmap", 0.5, threads=2).add("dense-f16", 1.0, threads=2, dense=True)
    (line,) = folder.judge(replace(BITMAP, threads=("all",)))
    assert (line.verdict, line.where["threads"]) == ("met", "2")


def test_a_share_of_the_bandwidth_has_the_interval_of_its_time(pair):
    (line,) = pair.judge(Claim("bitmap", None, 0.45, 0.9))
    assert line.measured == Interval(0.5, pytest.approx(0.4), pytest.approx(0.5 / 0.9))
    assert line.verdict == "met"
    assert "| bitmap, share of bandwidth | 64 x 32 | 0.5 | 1 | 50 % (40-56) | 45 % | 90 % |" in (
        to_markdown([line], Targets(), "some-cpu-2c")
    )


def test_a_share_of_an_unknown_bandwidth_is_not_measured(folder):
    folder.add("bitmap", 0.5, bandwidth_share=None)
    (line,) = folder.judge(Claim("bitmap", None, 0.45))
    assert line.reason == "the read bandwidth is not known"


def test_samples_that_are_gone_are_one_line(pair):
    (pair.path / "samples.bin").unlink()
    with pytest.raises(ResultsError, match=r"samples\.bin: has no samples 60 to 120, .*restore"):
        pair.judge(BITMAP)


def lines_of(*measured):
    return [
        Line(BITMAP, at_least=1.5, beyond=2.0, measured=value and Interval(*value), reason="why")
        for value in measured
    ]


def test_the_sentence_counts_each_verdict():
    lines = lines_of((1.6, 1.5, 1.7), (2.1, 2, 2.2), (1.4, 1.3, 1.6), (1, 0.9, 1.1), None)
    said = "2 of 5 targets met, 1 of them beyond; 1 short, 1 missed, 1 not measured"
    assert sentence(lines) == said


def test_the_sentence_of_a_good_run_is_short():
    assert sentence(lines_of((1.6, 1.5, 1.7))) == "1 of 1 targets met"


def test_the_table_says_what_was_measured_asked_and_compared_with(pair):
    lines = pair.judge(replace(BITMAP, than=BEST_16_BIT_DENSE, beyond=1.9))
    row = next(x for x in to_markdown(lines, Targets(), "d").splitlines() if "bitmap" in x)
    assert row.startswith("| bitmap / best 16-bit dense | 64 x 32 | 0.5 | 1 | 2.00x (1.")
    assert row.endswith("| 1.50x | 1.90x | dense-f16 | beyond |")


def test_conditions_have_columns_where_they_differ(pair):
    assert "cache" not in to_markdown(pair.judge(BITMAP), Targets(), "d")
    pair.add("bitmap", 0.5, cache="hot").add("dense-f16", 1.0, cache="hot", dense=True)
    text = to_markdown(pair.judge(BITMAP), Targets(), "d")
    assert "| cold |" in text
    assert "| hot |" in text


def test_the_names_of_strangers_formats_are_their_file_and_class(folder):
    names = ("/a/long/path/coo.py:Coo", "/a/long/path/coo.py:Slow")
    folder.add(names[0], 0.5).add(names[1], 1.0)
    text = printed(folder.judge(Claim(*names, at_least=1.5)))
    assert "coo.py:Coo / coo.py:Slow" in text
    assert "/a/long" not in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_cell_of_the_table_is_cut_off(pair, width):
    pair.fail("csr-mkl", "unavailable", "MKL is not installed")
    claims = [replace(BITMAP, than=than, beyond=9) for than in (BEST_16_BIT_DENSE, "csr-mkl")]
    text = printed(pair.judge(*claims), width)
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())
    assert "2.00x" in text


def test_a_target_stands_once_above_its_lines_on_a_console_of_80(pair):
    pair.add("bitmap", 0.5, density=0.1).add("dense-f16", 1.0, density=0.1, dense=True)
    text = printed(pair.judge(BITMAP), 80)
    assert text.count("bitmap") == 1
    assert text.count("met") == 3  # two lines and the sentence

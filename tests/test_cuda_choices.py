"""The table of times on GPUs, and the times between those of the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import sqrt

import pytest

from spmvbench.cuda import BATCHES
from spmvbench.cuda.choices import Line, Product, family, table, times_us
from spmvbench.formats.auto import ON_CUDA

LINE = Line("gpu-a", 100, 16, 1, "macko", 1000, 1000, 0.5, 20.0, "predicted")
ASKED = Product("gpu-a", 100, 16, 1, 1000, 1000, 0.5)


def time_us(lines, **asked):
    (found,) = times_us(replace(ASKED, **asked), lines).values()
    return found


def curve(*points, **columns):
    """Lines of one shape: (density, microseconds)."""
    return [replace(LINE, density=d, median_us=us, **columns) for d, us in points]


def test_formats_are_in_the_order_of_their_times():
    times = {"a": 3.0, "b": 1.0, "c": 2.0}
    lines = [replace(LINE, format=name, median_us=us) for name, us in times.items()]
    assert list(times_us(ASKED, lines)) == ["b", "c", "a"]


def test_a_time_of_the_table_is_given_as_it_is():
    lines = [*curve((0.1, 7), (0.5, 20), (1, 90)), *curve((0.5, 5), rows=10, cols=10)]
    assert time_us(lines) == pytest.approx(20)


def test_between_densities_time_is_linear():
    assert time_us(curve((0.2, 10), (0.6, 30)), density=0.3) == pytest.approx(15)


@pytest.mark.parametrize(("density", "us"), [(0, 10), (1, 30)])
def test_beyond_the_densities_of_the_table_time_is_constant(density, us):
    assert time_us(curve((0.2, 10), (0.6, 30)), density=density) == pytest.approx(us)


def test_between_shapes_times_are_a_power_of_the_elements():
    lines = [*curve((0.5, 4), rows=100, cols=100), *curve((0.5, 64), rows=10_000, cols=10_000)]
    assert time_us(lines, rows=1000, cols=1000) == pytest.approx(16)


def test_above_the_largest_shape_time_grows_as_elements_do_and_below_the_smallest_not():
    lines = curve((0.5, 4), rows=1000, cols=1000)
    assert time_us(lines, rows=2000, cols=2000) == pytest.approx(16)
    assert time_us(lines, rows=10, cols=10) == pytest.approx(4)


def test_shapes_of_as_many_elements_are_one():
    lines = [*curve((0.5, 2), rows=4000, cols=1000), *curve((0.5, 8), rows=8000, cols=500)]
    assert time_us(lines, rows=4000, cols=1000) == pytest.approx(sqrt(2 * 8))


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((2000, 1000), "tall"),
        ((1999, 1000), "square"),
        ((1000, 1999), "square"),
        ((1000, 2000), "wide"),
        ((1, 1), "square"),
        ((0, 8), "wide"),
    ],
)
def test_a_family_is_by_rows_and_columns(shape, name):
    assert family(shape) == name


def test_only_shapes_of_the_family_count():
    lines = [*curve((0.5, 5), rows=4000, cols=1000), *curve((0.5, 9), rows=1000, cols=4000)]
    assert time_us(lines, rows=4000, cols=1000) == pytest.approx(5)
    assert time_us(lines, rows=1000, cols=4000) == pytest.approx(9)


def test_a_format_without_a_shape_of_the_family_has_those_of_all():
    assert time_us(curve((0.5, 5), rows=4000, cols=1000), rows=2000, cols=2000) == pytest.approx(5)


def test_a_known_device_has_its_own_times():
    lines = [LINE, replace(LINE, device="gpu-b", median_us=1)]
    assert time_us(lines) == pytest.approx(20)


@pytest.mark.parametrize(("multiprocessors", "us"), [(4, 20), (140, 20), (142, 1), (5000, 1)])
def test_an_unknown_device_has_those_of_the_one_with_the_nearest_multiprocessors(
    multiprocessors, us
):
    lines = [LINE, replace(LINE, device="gpu-b", multiprocessors=200, median_us=1)]
    found = time_us(lines, device="gpu-c", multiprocessors=multiprocessors)
    assert found == pytest.approx(us)


def test_of_two_devices_as_much_alike_the_measured_one_counts():
    lines = [LINE, replace(LINE, device="gpu-b", median_us=1, origin="measured auto_cuda 1f")]
    assert time_us(lines, device="gpu-c") == pytest.approx(1)


@pytest.mark.parametrize(("batch", "us"), [(1, 1), (2, 4), (3, 4), (4, 4), (8, 4)])
def test_the_nearest_batch_counts_and_of_two_the_larger(batch, us):
    lines = [replace(LINE, median_us=1), replace(LINE, batch=4, median_us=4)]
    assert time_us(lines, batch=batch) == pytest.approx(us)


def test_other_types_have_no_times():
    assert times_us(replace(ASKED, bits=32), [LINE]) == {}


def test_a_device_without_the_type_has_the_times_of_one_that_has_it():
    lines = [LINE, replace(LINE, device="gpu-b", bits=32, median_us=1)]
    assert time_us(lines, bits=32) == pytest.approx(1)


def test_the_table_has_one_line_of_each_product():
    places = Counter(replace(line, median_us=0, origin="") for line in table())
    assert [place for place, count in places.items() if count > 1] == []


def test_every_line_of_the_table_is_possible():
    for line in table():
        assert line.format in ON_CUDA
        assert line.bits in (16, 32)
        assert line.batch in BATCHES
        assert min(line.rows, line.cols, line.multiprocessors, line.median_us) > 0
        assert 0 < line.density <= 1
        assert line.origin == "predicted" or line.origin.startswith("measured ")


def test_a_device_of_the_table_has_one_number_of_multiprocessors():
    pairs = {(line.device, line.multiprocessors) for line in table()}
    assert len(pairs) == len({device for device, _ in pairs})


def test_every_device_and_type_of_the_table_has_dense_times_to_compare_with():
    have = {(line.device, line.bits, line.batch) for line in table()}
    dense = {(x.device, x.bits, x.batch) for x in table() if x.format == "dense-f16"}
    assert have == dense


def test_the_table_is_for_one_and_several_vectors_of_16_bits_and_one_of_32():
    known = {(line.bits, line.batch) for line in table()}
    assert {(16, batch) for batch in BATCHES} | {(32, 1)} <= known

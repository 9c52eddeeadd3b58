"""Colours and markers: fixed, unique, apart for colour-blind eyes; labels that do not overlap."""

import itertools

import numpy as np
import pytest

from spmvbench.plots.ends import spread
from spmvbench.plots.style import RESERVE_COLORS, RESERVE_MARKERS, STYLES, order, short, style

TOGETHER = {
    "cpu": "macko bitmap csr16 dense-f16 dense-numpy csr-scipy csr-mkl dense-torch "
    "dense-int8 dense-int4",
    "gpu": "macko macko-fast slab4 slab5 slab6 slab-bitmap bitmap dense-cublas dense-gemv "
    "csr-cusparse-spmv csr-cusparse-spmm sputnik dasp",
    "quantised": "macko macko-fast slab4 slab-bitmap dense-cublas dense-int8 dense-int4 auto",
}

APART = 15
"""Distance in CIE L*a*b*: 2.3 is just noticeable side by side, and lines are thin."""

# Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(color):
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def lab(color, eye):
    """CIE L*a*b* of what that eye sees."""
    seen = np.clip(np.array(EYES[eye]) @ linear(color), 0, 1)
    white = TO_XYZ @ seen / [0.95047, 1, 1.08883]
    x, y, z = np.where(white > 0.008856, np.cbrt(white), 7.787 * white + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("group", TOGETHER)
def test_formats_that_meet_in_a_figure_differ_for_every_eye(group, eye):
    for one, other in itertools.combinations(TOGETHER[group].split(), 2):
        apart = np.linalg.norm(lab(style(one).color, eye) - lab(style(other).color, eye))
        assert apart > APART, f"{one} and {other}: {apart:.0f}"


@pytest.mark.parametrize("eye", EYES)
def test_a_strangers_colour_is_near_no_known_one(eye):
    for color, name in itertools.product(RESERVE_COLORS, TOGETHER["cpu"].split()):
        assert np.linalg.norm(lab(color, eye) - lab(style(name).color, eye)) > APART, (color, name)


@pytest.mark.parametrize("color", [*(s.color for s in STYLES.values()), *RESERVE_COLORS])
def test_colours_stand_out_from_white(color):
    assert TO_XYZ[1] @ linear(color) < 0.6


def test_no_two_formats_share_a_colour():
    assert len({s.color for s in STYLES.values()}) == len(STYLES)
    assert not {s.color for s in STYLES.values()} & set(RESERVE_COLORS)


@pytest.mark.parametrize("group", TOGETHER)
def test_formats_that_meet_in_a_figure_have_different_markers(group):
    names = TOGETHER[group].split()
    assert len({style(name).marker for name in names}) == len(names)


def test_a_strangers_marker_is_no_known_one():
    assert not {s.marker for s in STYLES.values()} & set(RESERVE_MARKERS)


def test_a_stranger_always_looks_the_same():
    assert style("zigzag.py:ZigZag") == style("zigzag.py:ZigZag")
    assert (style("zigzag").color, style("zigzag").marker) == ("#7a7aff", "8")


def test_strangers_do_not_all_look_alike():
    assert len({style(f"format-{i}") for i in range(50)}) > 15


def test_the_colours_of_our_formats_are_what_they_always_were():
    ours = {name: STYLES[name].color for name in ("macko", "bitmap", "csr16", "dense-f16")}
    assert ours == {
        "macko": "#d55e00",
        "bitmap": "#0072b2",
        "csr16": "#009e73",
        "dense-f16": "#000000",
    }


def test_strangers_come_after_the_known_in_a_legend():
    assert order(["zeta", "dense-f16", "alpha", "macko"]) == ["macko", "dense-f16", "alpha", "zeta"]


def test_a_path_is_shortened_to_what_tells_it_apart():
    assert short("/home/someone/formats/zigzag.py:ZigZag") == "zigzag.py:ZigZag"
    assert len(short("a" * 100)) == 24


def test_labels_with_room_stay_where_they_are():
    np.testing.assert_allclose(spread(np.array([0.0, 50, 100]), 10, 0, 100), [0, 50, 100])


def test_labels_that_would_overlap_move_apart_evenly_and_keep_their_order():
    np.testing.assert_allclose(spread(np.array([52.0, 50, 48]), 10, 0, 100), [60, 50, 40])


@pytest.mark.parametrize("seed", range(20))
def test_labels_never_overlap_and_never_leave_the_axis(seed):
    wanted = np.random.default_rng(seed).normal(50, 20, 8)
    found = spread(wanted, 10, 0, 100)
    assert np.diff(np.sort(found)).min() >= 10 - 1e-9
    assert found.min() >= 0
    assert found.max() <= 100
    assert (np.argsort(found) == np.argsort(wanted)).all()


def test_more_labels_than_fit_share_the_room():
    found = spread(np.zeros(5), 50, 0, 100)
    np.testing.assert_allclose(found, [0, 20, 40, 60, 80])

"""What the gate finds and does not claim, on a fake clock: 200 cases whose truth is known."""

from __future__ import annotations

import functools

import pytest
import simulated
from simulated import MACHINES, Machine, gated, in_order


@functools.cache
def found(way, name, planted):
    """Of two sessions on a machine of that name: every way of measuring once."""
    return simulated.found(WAYS[way], MACHINES[name], planted, range(2))


WAYS = {"gate": gated, "sequential": in_order("aaaaaabbbbbb"), "in turn": in_order("abba" * 3)}


@pytest.mark.parametrize("name", MACHINES)
def test_of_200_cases_that_are_equal_at_most_1_percent_is_called_slower(name):
    assert found("gate", name, 0.0).alarms <= 0.01


@pytest.mark.parametrize("name", MACHINES)
def test_of_cases_5_percent_slower_95_percent_are_found_and_of_their_equals_none(name):
    five = found("gate", name, 0.05)
    assert five.slower >= 0.95
    assert five.alarms <= 0.01


@pytest.mark.parametrize("name", MACHINES)
def test_of_cases_2_percent_slower_70_percent_are_found(name):
    assert found("gate", name, 0.02).slower >= 0.7


def test_one_side_after_the_other_takes_a_machine_that_slows_down_for_a_change():
    name = "3 % slower after 6 launches"
    assert found("sequential", name, 0.0).alarms > 0.5
    assert found("in turn", name, 0.0).alarms <= 0.01


def test_the_pace_taken_out_a_drift_hides_no_change():
    name = "5 % slower at the end"
    assert found("in turn", name, 0.02).slower < 0.3
    assert found("gate", name, 0.02).slower >= 0.7


def test_more_noise_finds_less_and_alarms_no_more():
    loud = simulated.found(gated, Machine(noise=0.05, launch_effect=0.05), 0.02, range(1))
    assert loud.slower < 0.1
    assert loud.alarms <= 0.01

"""What NVML tells of a GPU, from a stand-in for its library."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from spmvbench.devices.base import Telemetry
from spmvbench.devices.nvml import Nvml


class NVMLError(Exception):
    pass


class Library:
    """Answers from a table; what is not there is not supported."""

    NVMLError = NVMLError
    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU = 1, 0

    def __init__(self, **answers):
        self.answers = answers

    def __getattr__(self, name):
        if not name.startswith("nvml"):
            raise AttributeError(name)

        def function(*arguments):
            if name not in self.answers:
                raise NVMLError(f"{name}: not supported")
            return self.answers[name]

        return function


def seen_by(**answers):
    with Nvml(Library(**answers), "handle").watched() as seen:
        pass
    return seen()


def process(pid):
    return SimpleNamespace(pid=pid)


def test_clock_power_heat_and_throttling_are_seen():
    assert seen_by(
        nvmlDeviceGetClockInfo=1980,
        nvmlDeviceGetPowerUsage=312_500,
        nvmlDeviceGetTemperature=61,
        nvmlDeviceGetCurrentClocksEventReasons=0x4 | 0x20 | 0x1,
    ) == Telemetry(1980.0, 312.5, 61.0, "power-cap+thermal")


def test_an_idle_card_and_a_clock_set_by_the_user_are_no_throttling():
    assert seen_by(nvmlDeviceGetCurrentClocksEventReasons=0x1 | 0x2).throttle == ""


def test_older_drivers_are_asked_by_the_older_name():
    assert seen_by(nvmlDeviceGetCurrentClocksThrottleReasons=0x40).throttle == "hardware-thermal"


def test_what_the_driver_does_not_tell_stays_empty():
    assert seen_by() == Telemetry()


@pytest.mark.parametrize(
    ("pids", "share"),
    [
        ([], 0.0),
        ([os.getpid()], 0.0),
        ([4_000_000], 0.0),  # in a container we are there by another number
        ([os.getpid(), 4_000_000], 0.3),
        ([4_000_000, 4_000_001], 0.3),
    ],
)
def test_what_others_use_of_the_card_counts(pids, share):
    used = [SimpleNamespace(pid=4_000_000, smUtil=30), SimpleNamespace(pid=os.getpid(), smUtil=70)]
    nvml = Nvml(
        Library(
            nvmlDeviceGetComputeRunningProcesses=[process(pid) for pid in pids],
            nvmlDeviceGetProcessUtilization=used,
        ),
        "handle",
    )
    assert nvml.foreign_share() == share


def test_others_count_in_full_where_their_share_is_not_told():
    others = [process(os.getpid()), process(4_000_000)]
    assert Nvml(Library(nvmlDeviceGetComputeRunningProcesses=others), "h").foreign_share() == 1.0


def test_facts_leave_out_what_is_not_told():
    library = Library(
        nvmlSystemGetDriverVersion=b"580.159.04",
        nvmlDeviceGetPowerManagementLimit=700_000,
        nvmlDeviceGetEccMode=(1, 1),
    )
    assert Nvml(library, "handle").facts() == {
        "driver": "580.159.04",
        "power_limit_w": 700.0,
        "ecc": 1,
    }


def test_without_the_library_there_is_nothing_to_ask(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pynvml", None)
    assert Nvml.of("GPU-0") is None

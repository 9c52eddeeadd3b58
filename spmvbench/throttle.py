"""Why a GPU's clocks are below their most: NVML's bits, by the names that rows have."""

from __future__ import annotations

_REASONS = {
    0x4: "power-cap",
    0x8: "hardware-slowdown",
    0x10: "sync-boost",
    0x20: "thermal",
    0x40: "hardware-thermal",
    0x80: "power-brake",
}
"""Idle (1) and a setting by the user (2) are no throttling.

Source: NVML, nvmlClocksEventReasons.
"""


def reasons(bits: int) -> list[str]:
    """The names of those that are set."""
    return [name for bit, name in _REASONS.items() if bits & bit]

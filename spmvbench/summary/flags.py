"""One line on the flags of rows: which times to doubt, and which to measure again."""

from __future__ import annotations

import re

import pandas as pd

from spmvbench.curves import text

DISTURBED = ("contended", "busy-core")
"""Something else ran on the machine: an idle one gives another time."""

AGAIN = ": measure those again on an idle machine"


def flags(rows: pd.DataFrame) -> str:
    """How many of the rows carry which flag; "" when none does.

    `flags: contended in 6 of 66 rows (up to 44 %, at density 0.3): measure those again on an idle
    machine; drift in 8`.
    """
    own = rows.assign(flag=text(rows["flags"]).str.split(";")).explode("flag", ignore_index=True)
    own = own.assign(flag=own["flag"].str.strip())
    own = own[own["flag"] != ""]
    if own.empty:
        return ""
    names = own["flag"].str.partition(":")[0]
    found = sorted(names.unique(), key=lambda n: (n not in DISTURBED, -(names == n).sum(), n))
    said = {name: f"{name} in {(names == name).sum()}" for name in found}
    said[found[0]] += f" of {len(rows)} row{'s' * (len(rows) != 1)}"
    for name in found:
        said[name] += _worst(own[names == name])
    disturbed = ", ".join(said[name] for name in found if name in DISTURBED)
    others = [said[name] for name in found if name not in DISTURBED]
    return f"flags: {'; '.join([*([disturbed + AGAIN] if disturbed else []), *others])}"


def _worst(own: pd.DataFrame) -> str:
    """` (up to 44 %, at density 0.3)` of flags with a share, "" of others."""
    shares = {i: re.search(r":\s*(\d+)\s*%", flag) for i, flag in enumerate(own["flag"])}
    known = {i: int(share[1]) for i, share in shares.items() if share}
    if not known:
        return ""
    worst = max(known, key=lambda i: known[i])
    return f" (up to {known[worst]} %, at density {own['density'].iloc[worst]:g})"

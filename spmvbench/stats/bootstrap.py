"""Intervals of statistics without a formula, from drawing the samples anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spmvbench.stats.dependence import block_length
from spmvbench.stats.interval import CONFIDENCE, Samples

DRAWS = 999
_BATCH = 100


def block_bootstrap(
    statistic: Callable[[list[Samples]], Samples], *samples: Samples, draws: int = DRAWS
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of lists of samples, paired place by place.

    Runs of neighbours are drawn, the end joined to the beginning, as long as the correlation of
    the samples lasts (`block_length`, of the list where it lasts longest). Seeded: the same
    samples give the same interval. `statistic` gets each list drawn anew, shape (draws, n).
    """
    n = len(samples[0])
    length = max(map(block_length, samples))
    rng = np.random.default_rng(0)
    values = []
    for start in range(0, draws, _BATCH):
        size = (min(_BATCH, draws - start), -(-n // length), 1)
        places = (rng.integers(0, n, size) + np.arange(length)).reshape(size[0], -1)[:, :n] % n
        values.append(statistic([one[places] for one in samples]))
    low, high = np.quantile(np.concatenate(values), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)

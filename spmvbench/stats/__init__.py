"""What a list of samples says: pure functions, times in any one unit, samples in time order."""

from spmvbench.stats.bootstrap import block_bootstrap
from spmvbench.stats.dependence import CORRELATED, block_length, effective_samples
from spmvbench.stats.interval import CONFIDENCE, Interval, Samples, median, over_launches, student
from spmvbench.stats.pairs import LogRatio, log_ratio, ratio_of_medians, speedup
from spmvbench.stats.shape import OUTLIER_SHARE, bimodal, drifts, outlier_share
from spmvbench.stats.stopping import stop_reason

__all__ = [
    "CONFIDENCE",
    "CORRELATED",
    "OUTLIER_SHARE",
    "Interval",
    "LogRatio",
    "Samples",
    "bimodal",
    "block_bootstrap",
    "block_length",
    "drifts",
    "effective_samples",
    "log_ratio",
    "median",
    "outlier_share",
    "over_launches",
    "ratio_of_medians",
    "speedup",
    "stop_reason",
    "student",
]

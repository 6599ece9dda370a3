"""Means over photographs, with intervals, and rank correlations."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
GRID = 20_001  # angles at which Student's distribution is summed: its quantiles come to 1e-6


@dataclass(frozen=True)
class Interval:
    """A mean of `count` numbers, and where the mean of all that they were drawn from may lie.

    `low` and `high` are NaN for fewer than two numbers, and so is `mean` for none.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def sign(self) -> int:
        """1 where the whole interval lies above 0, -1 where it lies below, 0 where it holds 0."""
        return int(self.low > 0) - int(self.high < 0)

    def show(self, digits: int, signed: bool = False) -> str:
        """Write it as "0.12 (0.10 to 0.14)", or as the mean alone where there is no interval."""
        form = f"{'+' if signed else ''}.{digits}f"
        if math.isnan(self.low):
            return f"{self.mean:{form}}"
        return f"{self.mean:{form}} ({self.low:{form}} to {self.high:{form}})"


def mean_interval(values: Iterable[float]) -> Interval:
    """Average numbers, with Student's interval of `CONFIDENCE` for the mean; NaN are left out."""
    x = np.array([value for value in values if not math.isnan(value)], dtype=float)
    n = len(x)
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(x.mean())
    if n < 2:
        return Interval(mean, math.nan, math.nan, n)
    half = student_quantile((1 + CONFIDENCE) / 2, n - 1) * float(x.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def student_quantile(share: float, freedom: int) -> float:
    """Return the number below which a share of Student's distribution lies.

    `freedom` are its degrees. With t = sqrt(freedom) tan(a), the density of a is in proportion to
    cos(a)^(freedom - 1).
    """
    angles = np.linspace(-math.pi / 2, math.pi / 2, GRID)
    density = np.cos(angles) ** (freedom - 1)
    sums = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    angle = float(np.interp(share, sums / sums[-1], angles))
    return math.sqrt(freedom) * math.tan(angle)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Compute Spearman's correlation of pairs; NaN where fewer than three, or one does not vary.

    Pairs with a NaN are left out; equal numbers share the mean of their ranks.
    """
    pairs = np.array([(x, y) for x, y in zip(a, b, strict=True) if not math.isnan(x + y)])
    if len(pairs) < 3:
        return math.nan
    x, y = (_ranks(column) - (len(pairs) - 1) / 2 for column in pairs.T)
    scale = math.sqrt((x @ x) * (y @ y))
    return float(x @ y) / scale if scale else math.nan


def _ranks(x: np.ndarray) -> np.ndarray:
    """Ranks from 0, equal numbers having the mean of theirs."""
    return ((x[:, None] > x).sum(1) + (x[:, None] >= x).sum(1) - 1) / 2

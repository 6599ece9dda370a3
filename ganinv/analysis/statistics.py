"""Means over photographs, with intervals, rank correlations, and recipes compared in pairs.

A recipe is run on several photographs, and on each from several restarts. Photographs are what is
drawn: a verdict is on photographs like these, so the intervals here are over them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
TAILS = (0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2)
Values = Mapping[str, Sequence[float | None]]  # photograph: a number for each restart


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

    def shift(self, by: float) -> "Interval":
        """Move it by a constant."""
        return Interval(self.mean + by, self.low + by, self.high + by, self.count)

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
    half = float(stats.t.ppf(TAILS[1], n - 1) * x.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def rank_correlation(a: Sequence[float], b: Sequence[float]) -> float:
    """Compute Spearman's correlation of pairs; NaN where fewer than three, or one does not vary.

    Pairs with a NaN are left out; equal numbers share the mean of their ranks.
    """
    pairs = np.array([(x, y) for x, y in zip(a, b, strict=True) if not math.isnan(x + y)])
    if len(pairs) < 3 or not np.ptp(pairs, axis=0).all():
        return math.nan
    return float(stats.spearmanr(*pairs.T).statistic)


@dataclass(frozen=True)
class Paired:
    """Two recipes, a and b, compared on the same photographs.

    `difference` is the mean over `n` photographs of a's mean over restarts minus b's, `low` and
    `high` the bounds of its interval of `CONFIDENCE`; `p` is of Wilcoxon's signed-rank test over
    photographs, `sign_p` of the sign test, both two-sided; `wins` are the photographs on which a is
    better. What cannot be computed is NaN.
    """

    difference: float
    low: float
    high: float
    p: float
    sign_p: float
    wins: int
    n: int

    @property
    def interval(self) -> Interval:
        """The difference with its bounds."""
        return Interval(self.difference, self.low, self.high, self.n)


def compare(a: Values, b: Values, *, higher: bool, seed: int = 0, draws: int = 10_000) -> Paired:
    """Compare two recipes, photograph by photograph: {photograph: a number for each restart}.

    `higher` says that more is better. None and what is not finite is left out, and so is a
    photograph that is missing in one of the two. Both tests leave out photographs without a
    difference. The bounds need two photographs.

    The interval is a percentile bootstrap over photographs, with the restarts of each drawn anew
    (one index draws both, for they share their seed), scaled about the difference: its deviation
    becomes the standard error over photographs, times Student's quantile by the normal one
    (Hesterberg 2015, doi 10.1080/00031305.2015.1089789, widens it so for few photographs; here the
    scaling also takes back that restarts, which the means of photographs vary with already, are
    drawn a second time).

    Of simulated comparisons of 4, 8, 12, 20 and 24 photographs it holds the true difference in 94
    to 96 % where photographs differ normally, and in 88 to 95 % where they differ exponentially,
    fewest at 4 photographs with single restarts. The plain percentile bootstrap over photographs
    holds it in 80, 88, 92, 93 and 93 % of normal differences, widened by sqrt(n / (n - 1)) alone in
    84, 90, 93, 94 and 94 %, BCa in as few as the plain one. Bootstrap-t holds it in 95 %, but at 4
    photographs some of its bounds are infinite.
    """
    rows = [(_finite(a[key]), _finite(b[key])) for key in a if key in b]
    rows = [(x, y) for x, y in rows if len(x) and len(y)]
    n = len(rows)
    if not n:
        nan = math.nan
        return Paired(nan, nan, nan, nan, nan, 0, 0)
    each = np.array([x.mean() - y.mean() for x, y in rows])
    difference, wins = float(each.mean()), int(((each > 0) if higher else (each < 0)).sum())
    moved = each[each != 0]
    p = sign_p = 1.0
    if len(moved):
        p = float(stats.wilcoxon(moved).pvalue)
        sign_p = float(stats.binomtest(int((moved > 0).sum()), len(moved)).pvalue)
    low = high = math.nan
    if n > 1:
        low, high = _bounds(rows, each, np.random.default_rng(seed), draws)
    return Paired(difference, low, high, p, sign_p, wins, n)


def _finite(values: Sequence[float | None]) -> np.ndarray:
    x = np.array([math.nan if value is None else value for value in values], dtype=float)
    return x[np.isfinite(x)]


def _bounds(rows, each, rng, draws):
    """The interval of `compare`: rows are (a, b) of each photograph, `each` their differences."""
    n, longest = len(rows), max(len(x) for row in rows for x in row)
    photos = rng.integers(n, size=(draws, n))
    places = rng.random((draws, n, longest))
    a, b = (_draw([row[side] for row in rows], photos, places) for side in (0, 1))
    means = (a - b).mean(1)  # (draws,)
    mean, error = each.mean(), each.std(ddof=1) / math.sqrt(n)
    spread = means.std()
    if not spread:
        return float(mean), float(mean)
    scale = stats.t.ppf(TAILS[1], n - 1) / stats.norm.ppf(TAILS[1]) * error / spread
    low, high = mean + scale * (np.quantile(means, TAILS) - mean)
    return float(low), float(high)


def _draw(rows, photos, places):
    """The means of restarts drawn anew: of photographs (draws, n), at places (draws, n, longest).

    Places lie in [0, 1); of a photograph with fewer restarts than others the first count.
    """
    counts = np.array([len(row) for row in rows])
    table = np.zeros((len(rows), places.shape[2]))
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    count = counts[photos][..., None]  # (draws, n, 1)
    drawn = table[photos[..., None], (places * count).astype(int)]  # (draws, n, longest)
    used = np.arange(places.shape[2]) < count
    return (drawn * used).sum(2) / counts[photos]


@dataclass(frozen=True)
class Spreads:
    """The standard deviation of a measure between photographs, and over restarts within one."""

    photographs: float
    restarts: float


def spreads(values: Values) -> Spreads:
    """Split the spread of {photograph: a number for each restart} in two.

    By the variance components of one-way random effects (Searle, Casella & McCulloch 1992, section
    3.6, for unequal counts): that over restarts is pooled, NaN where no photograph has two; that
    between photographs is without the part of their means' spread that restarts bring, at least 0,
    and NaN for fewer than two photographs. With single restarts that part cannot be told, and
    stays in it. None and what is not finite is left out.
    """
    rows = [x for x in map(_finite, values.values()) if len(x)]
    counts = np.array([len(x) for x in rows])
    total, n = int(counts.sum()), len(rows)
    within = math.nan
    if total > n:
        within = sum(float(np.square(x - x.mean()).sum()) for x in rows) / (total - n)
    if n < 2:
        return Spreads(math.nan, math.sqrt(within))
    means = np.array([x.mean() for x in rows])
    grand = (counts * means).sum() / total
    between = (counts * np.square(means - grand)).sum() / (n - 1)
    size = (total - np.square(counts).sum() / total) / (n - 1)  # restarts of a typical photograph
    own = max(0.0, float(between - (0.0 if math.isnan(within) else within)) / float(size))
    return Spreads(math.sqrt(own), math.sqrt(within))


def compare_restarts(a: Values, b: Values) -> float:
    """Test whether restarts lie as far apart under both: the p, two-sided, of an F test.

    It compares the variances over restarts, pooled over photographs as in `spreads`, and takes
    restarts for normal (Snedecor & Cochran 1989, section 6.12). NaN where one of the two has no
    photograph with two restarts, or does not vary.
    """
    variances, free = [], []
    for values in (a, b):
        rows = [x for x in map(_finite, values.values()) if len(x)]
        free.append(sum(len(x) for x in rows) - len(rows))
        variances.append(spreads(values).restarts ** 2)
    if not all(free) or not all(x > 0 for x in variances):
        return math.nan
    lower = float(stats.f.cdf(variances[0] / variances[1], *free))
    return 2 * min(lower, 1 - lower)

"""Intervals and rank correlations, against printed tables and closed forms."""

import math

import numpy as np
import pytest

from ganinv.analysis.statistics import mean_interval, rank_correlation, student_quantile


@pytest.mark.parametrize(
    ("share", "freedom", "wanted"),
    [
        (0.975, 1, 12.7062),  # printed tables
        (0.975, 2, 4.30265),
        (0.975, 7, 2.36462),
        (0.95, 9, 1.83311),
        (0.975, 30, 2.04227),
        (0.5, 4, 0.0),
        (0.025, 7, -2.36462),
    ],
)
def test_quantiles_are_those_of_printed_tables(share, freedom, wanted):
    assert student_quantile(share, freedom) == pytest.approx(wanted, abs=2e-4)


def test_an_interval_is_students():
    found = mean_interval([1.0, 2.0, 3.0, 4.0, math.nan])
    half = 3.18245 * math.sqrt(5 / 3) / 2  # of 3 degrees of freedom; variance 5/3, 4 numbers
    assert (found.mean, found.count) == (2.5, 4)
    assert (found.low, found.high) == pytest.approx((2.5 - half, 2.5 + half), abs=1e-4)


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    draws = np.random.default_rng(0).normal(3.0, 2.0, (2000, 8))
    held = [i.low < 3.0 < i.high for i in map(mean_interval, draws)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)  # three standard errors


@pytest.mark.parametrize(
    ("values", "sign"), [([1, 1.1, 0.9], 1), ([-1, -1.1, -0.9], -1), ([1, -1, 0.5], 0), ([1], 0)]
)
def test_the_sign_is_that_of_a_whole_interval(values, sign):
    assert mean_interval(values).sign == sign


def test_few_numbers_have_no_interval():
    assert mean_interval([2.0]).show(1) == "2.0"
    assert mean_interval([math.nan]).count == 0 and math.isnan(mean_interval([]).mean)
    assert mean_interval([1.0, 1.0]).show(1, signed=True) == "+1.0 (+1.0 to +1.0)"


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 1000], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, -9], -1.0),
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8),  # 1 - 6 * 4 / (5 * 24)
        ([1, 2, 2, 3], [1, 2, 2, 3], 1.0),
        ([1, 2, math.nan, 3], [3, 2, 7, 1], -1.0),
        ([1, 2], [1, 2], math.nan),
        ([1, 1, 1], [1, 2, 3], math.nan),
    ],
)
def test_rank_correlations_are_spearmans(a, b, wanted):
    assert rank_correlation(a, b) == pytest.approx(wanted, nan_ok=True)

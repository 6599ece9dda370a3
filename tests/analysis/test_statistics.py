"""Intervals, correlations and paired comparisons, against tables, closed forms, simulations."""

import math

import numpy as np
import pytest

from ganinv.analysis.statistics import (
    compare,
    compare_restarts,
    mean_interval,
    rank_correlation,
    spreads,
)


@pytest.mark.parametrize(
    ("count", "quantile"), [(2, 12.7062), (3, 4.30265), (8, 2.36462), (31, 2.04227)]
)
def test_intervals_have_the_width_of_printed_tables(count, quantile):
    x = np.arange(count, dtype=float)
    error = math.sqrt(count * (count + 1) / 12 / count)  # of 0, 1, …: variance n (n + 1) / 12
    found = mean_interval(x)
    assert found.high - found.mean == pytest.approx(quantile * error, rel=1e-5)
    assert found.mean - found.low == pytest.approx(quantile * error, rel=1e-5)


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


# --- two recipes on the same photographs ----------------------------------------------------------


def recipe(values):
    """{photograph: a number for each restart}, of a sequence with one number or several for each"""
    return {f"p{i}": np.atleast_1d(x).tolist() for i, x in enumerate(values)}


def made_up(rng, n, restarts=3, effect=0.0):
    """Two recipes that differ by `effect`, more on some photographs and restarts than on others."""
    own = rng.normal(size=(2, n, restarts)) * 0.7
    own[0] += effect + rng.normal(size=(n, 1))
    return recipe(own[0]), recipe(own[1])


@pytest.mark.parametrize(
    ("differences", "p", "sign_p"),
    [
        ([1, 2, 3, 4, 5], 2 / 32, 2 / 32),
        ([1, 2, 3, 4, -5], 20 / 32, 12 / 32),  # 10 of 32 signs bring ranks of 5 or less
        ([-1, -2, -3, -4, 5, 0, 0], 20 / 32, 12 / 32),
        ([0, 0], 1.0, 1.0),
    ],
)
def test_both_tests_give_what_counting_gives(differences, p, sign_p):
    found = compare(recipe(differences), recipe([0.0] * len(differences)), higher=True)
    assert (found.p, found.sign_p) == pytest.approx((p, sign_p))


def test_wins_are_the_photographs_on_which_a_is_better():
    a, b = recipe([[3, 5], 2, 2, 1]), recipe([1, [1, 1], 2, [5, 7]])
    found = compare(a, b, higher=True)
    assert (found.difference, found.wins, found.n) == (pytest.approx((3 + 1 + 0 - 5) / 4), 2, 4)
    assert compare(a, b, higher=False).wins == 1


def test_a_comparison_turned_round_is_its_negative():
    a, b = made_up(np.random.default_rng(2), 7)
    b["p3"] = b["p3"][:1]
    there, back = compare(a, b, higher=True), compare(b, a, higher=True)
    assert back.difference == pytest.approx(-there.difference)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert (back.p, back.sign_p, back.wins) == pytest.approx(
        (there.p, there.sign_p, 7 - there.wins)
    )


def test_a_comparison_moves_with_its_numbers_and_has_their_scale():
    a, b = made_up(np.random.default_rng(3), 6)
    plain = compare(a, b, higher=True)
    moved = compare({k: [10 + x for x in v] for k, v in a.items()}, b, higher=True)
    wider = compare(*({k: [4 * x for x in v] for k, v in r.items()} for r in (a, b)), higher=True)
    assert (moved.low, moved.high) == pytest.approx((plain.low + 10, plain.high + 10))
    assert (wider.low, wider.high) == pytest.approx((4 * plain.low, 4 * plain.high))


def test_a_comparison_is_the_same_with_the_same_seed():
    a, b = made_up(np.random.default_rng(4), 6)
    assert compare(a, b, higher=True) == compare(a, b, higher=True)
    assert compare(a, b, higher=True).low != compare(a, b, higher=True, seed=1).low


def test_what_was_not_measured_is_left_out():
    a = {"p": [1.0, None, 3.0], "q": [math.nan], "r": [4.0], "s": [math.inf], "t": [7.0]}
    b = {"p": [1.0], "q": [0.0], "r": [1.0, math.nan], "s": [1.0], "u": [0.0]}
    found = compare(a, b, higher=True)
    assert (found.difference, found.n, found.wins) == (2.0, 2, 2)
    one, none = (compare({k: a[k] for k in ks}, b, higher=True) for ks in (("p",), ("q", "t")))
    assert (one.difference, one.n) == (1.0, 1) and math.isnan(one.low) and math.isnan(one.high)
    assert none.n == 0 and math.isnan(none.difference) and math.isnan(none.p)


def test_recipes_that_always_differ_alike_have_no_width():
    found = compare(recipe([3.0, 4.0, 5.0]), recipe([1.0, 2.0, 3.0]), higher=True)
    assert (found.low, found.difference, found.high) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("photographs", [5, 20])
def test_bounds_hold_the_true_difference_as_often_as_they_say(photographs):
    rng = np.random.default_rng(0)
    pairs = [made_up(rng, photographs, effect=2.0) for _ in range(300)]
    found = [compare(a, b, higher=True, draws=300) for a, b in pairs]
    held = np.mean([c.low < 2.0 < c.high for c in found])
    assert held == pytest.approx(0.95, abs=0.038)  # three standard errors


def variances(values):
    found = spreads(values)
    return found.photographs**2, found.restarts**2


def test_spreads_are_variance_components():
    assert variances({"a": [1, 3], "b": [5, 7]}) == pytest.approx((7, 2))  # (16 - 2) / 2, 2
    unequal = {"a": [1, 3], "b": [6, None], "c": [math.nan]}
    assert variances(unequal) == pytest.approx((6.5, 2))  # (32 / 3 - 2) / (4 / 3)
    assert variances({"a": [1, 9], "b": [2, 8]}) == pytest.approx((0, 25))  # the means are alike
    single, alone = variances({"a": [1], "b": [3]}), variances({"a": [1, 3]})
    assert single[0] == pytest.approx(2) and math.isnan(single[1])
    assert alone[1] == pytest.approx(2) and math.isnan(alone[0])


def test_spreads_are_those_that_numbers_were_drawn_with():
    rng = np.random.default_rng(1)
    values = recipe(2.0 * rng.normal(size=(4000, 1)) + 0.5 * rng.normal(size=(4000, 3)))
    found = spreads(values)
    assert (found.photographs, found.restarts) == pytest.approx((2.0, 0.5), rel=0.04)


def test_restarts_are_compared_by_an_f_test():
    # F(10, 10) is above 2.978 in 5 % of samples, as tables have it
    one = {str(k): [0.0, 1.0] for k in range(10)}
    other = {str(k): [0.0, 2.978**0.5] for k in range(10)}
    assert compare_restarts(other, one) == pytest.approx(0.1, abs=1e-3)
    assert compare_restarts(one, other) == pytest.approx(0.1, abs=1e-3), "two-sided"


@pytest.mark.parametrize("other", [{"p": [1.0]}, {"p": [1.0, 1.0]}, {}])
def test_restarts_that_are_single_or_equal_compare_to_nothing(other):
    assert math.isnan(compare_restarts({"p": [1.0, 2.0]}, other))

"""Schedules and optimizers against formulas and torch's own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganinv.inversion.optimizers import (
    LBFGS,
    LINE_SEARCH_LIMIT,
    SCHEDULES,
    Adam,
    Rates,
    constant,
    make_rates,
    ramp,
)
from ganinv.inversion.params import SearchParams

CURVATURE = torch.tensor([1.0, 4.0, 25.0, 100.0], dtype=torch.float64)
MINIMUM = torch.tensor([3.0, -2.0, 0.5, 1.0], dtype=torch.float64)


def quadratic(x):
    return (CURVATURE * (x - MINIMUM).square()).sum() / 2


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


class Problem:
    """A function to minimize, with what an optimizer here expects: a latent and evaluate()."""

    def __init__(self, function, start):
        self.function = function
        self.latent = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        self.evaluations = 0

    def evaluate(self):
        self.evaluations += 1
        self.latent.grad = None
        loss = self.function(self.latent)
        loss.backward()
        return loss.detach()


# --- schedules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "factor"),
    [(0, 0), (25, 0.5), (50, 1), (51, 1), (500, 1), (750, 1), (875, 0.5), (1000, 0)],
)
def test_ramp_at_key_points(step, factor):
    """Up over the first 5 %, flat, and a half cosine down over the last 25 %."""
    assert ramp(step, 1000) == pytest.approx(factor, abs=1e-12)


def test_ramp_is_the_formula_of_the_baselines():
    t = np.arange(1000) / 1000
    down = np.where(t < 0.75, 1.0, 0.5 - 0.5 * np.cos(np.pi * (1 - t) / 0.25))
    up = np.where(t < 0.05, t / 0.05, 1.0)
    assert [ramp(step, 1000) for step in range(1000)] == pytest.approx((down * up).tolist())


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n - 1), st.just(n))))
def test_ramp_stays_between_0_and_1(case):
    assert 0 <= ramp(*case) <= 1


def test_a_ramp_need_not_rise():
    """For a start that is near: at the full rate from the first step, and down as ever."""
    rates = Rates(0.1, "ramp", 100, rampup=0.0)
    usual = Rates(0.1, "ramp", 100)
    assert [rates.rate(step) for step in range(1, 77)] == [0.1] * 76
    assert [rates.rate(step) for step in range(6, 101)] == [usual.rate(k) for k in range(6, 101)]
    assert usual.rate(1) == 0 and usual.rate(2) == pytest.approx(0.02)
    slow = Rates(0.1, "ramp", 100, rampup=0.2)
    assert [slow.rate(step) for step in (1, 11, 21)] == pytest.approx([0, 0.05, 0.1])


def test_a_search_takes_its_rampup():
    params = SearchParams(lr_rampup=0.0, lr=0.2, steps=40)
    assert make_rates(params).rate(1) == 0.2 and make_rates(SearchParams()).rate(1) == 0


def test_constant_is_one():
    assert SCHEDULES["ramp"] is ramp and SCHEDULES["constant"] is constant
    assert {constant(step, 10) for step in range(10)} == {1.0}


# --- Adam ---------------------------------------------------------------------------------------


def test_adam_follows_torchs_own():
    ours, reference = Problem(quadratic, [0.0] * 4), Problem(quadratic, [0.0] * 4)
    step = Adam([ours.latent]).step
    theirs = torch.optim.Adam([reference.latent], lr=1.0, betas=(0.9, 0.999))
    for k in range(50):
        rate = 0.1 * ramp(k, 50)
        step(ours.evaluate, rate)
        theirs.param_groups[0]["lr"] = rate
        reference.evaluate()
        theirs.step()
        assert torch.equal(ours.latent, reference.latent)
    assert ours.evaluations == 50
    assert quadratic(ours.latent) < quadratic(torch.zeros(4, dtype=torch.float64)) / 2


def test_adams_first_step_is_lr_along_the_sign():
    problem = Problem(quadratic, [0.0] * 4)
    Adam([problem.latent]).step(problem.evaluate, 0.25)
    assert torch.allclose(problem.latent, 0.25 * MINIMUM.sign(), atol=1e-6)


# --- L-BFGS -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.05, 1.0])
def test_lbfgs_reaches_the_minimum_of_a_quadratic(lr):
    problem = Problem(quadratic, [0.0] * 4)
    step = LBFGS([problem.latent]).step
    for _ in range(60):
        step(problem.evaluate, lr)
    assert torch.allclose(problem.latent, MINIMUM, atol=1e-6)


def test_lbfgs_reaches_the_minimum_of_rosenbrock():
    problem = Problem(rosenbrock, [-1.2, 1.0])
    step = LBFGS([problem.latent]).step
    for _ in range(60):
        step(problem.evaluate, 1.0)
    assert torch.allclose(problem.latent, torch.ones(2, dtype=torch.float64), atol=1e-5)


@pytest.mark.parametrize(("function", "start"), [(quadratic, [0.0] * 4), (rosenbrock, [-1.2, 1.0])])
def test_lbfgs_follows_torchs_own_with_fewer_evaluations(function, start):
    ours, reference = Problem(function, start), Problem(function, start)
    step = LBFGS([ours.latent], history_size=5).step
    theirs = torch.optim.LBFGS(
        [reference.latent],
        lr=0.5,
        max_iter=1,
        max_eval=LINE_SEARCH_LIMIT,
        history_size=5,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    steps = 12
    for _ in range(steps):
        step(ours.evaluate, 0.5)
        theirs.step(reference.evaluate)
        assert torch.equal(ours.latent, reference.latent)
    assert function(ours.latent) < function(torch.tensor(start, dtype=torch.float64)) / 5
    assert ours.evaluations <= reference.evaluations - (steps - 2)


def test_lbfgs_never_goes_up():
    problem = Problem(rosenbrock, [-1.2, 1.0])
    step = LBFGS([problem.latent]).step
    values = []
    for _ in range(40):
        step(problem.evaluate, 1.0)
        values.append(rosenbrock(problem.latent).item())
    assert all(b <= a for a, b in zip(values, values[1:], strict=False))


def test_lbfgs_stays_at_a_minimum():
    problem = Problem(quadratic, MINIMUM.tolist())
    step = LBFGS([problem.latent]).step
    for _ in range(3):
        step(problem.evaluate, 1.0)
    assert torch.equal(problem.latent, MINIMUM)


def test_lbfgs_tries_lr_first():
    """The first point of a line search lies at lr times the direction."""
    moves = {}
    for lr in (1.0, 0.25):
        problem = Problem(quadratic, [0.0] * 4)
        step = LBFGS([problem.latent]).step
        step(problem.evaluate, 1.0)  # from here both stand at the same point
        start, tried = problem.latent.detach().clone(), []

        def watched(problem=problem, tried=tried):
            tried.append(problem.latent.detach().clone())
            return problem.evaluate()

        step(watched, lr)
        moves[lr] = next(point for point in tried if not torch.equal(point, start)) - start
    assert moves[1.0].norm() > 0
    assert torch.allclose(moves[0.25], 0.25 * moves[1.0])


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_lbfgs_renders_at_most_so_often_a_step_and_still_falls(limit):
    problem = Problem(rosenbrock, [-1.2, 1.0])
    step = LBFGS([problem.latent], line_search=limit).step
    values, counts = [rosenbrock(problem.latent).item()], []
    for _ in range(30):
        before = problem.evaluations
        step(problem.evaluate, 1.0)
        counts.append(problem.evaluations - before)
        values.append(rosenbrock(problem.latent).item())
    assert max(counts) <= limit
    assert all(b <= a for a, b in zip(values, values[1:], strict=False))
    if limit > 1:
        assert values[-1] < values[0] / 2


def test_several_tensors_are_searched_as_one():
    """The halves of a latent, as two variables, move as the whole does."""
    for make in (Adam, LBFGS):
        whole = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        parts = [torch.zeros(2, dtype=torch.float64, requires_grad=True) for _ in range(2)]

        def evaluate(variables):
            for x in variables:
                x.grad = None
            loss = quadratic(torch.cat(variables))
            loss.backward()
            return loss.detach()

        one, two = make([whole]).step, make(parts).step
        for _ in range(5):
            one(lambda: evaluate([whole]), 0.1)  # noqa: B023
            two(lambda: evaluate(parts), 0.1)  # noqa: B023
        assert torch.allclose(torch.cat(parts), whole, atol=1e-12)

"""Adam and L-BFGS behind one step(), and learning-rate schedules.

An optimizer here is a function `step(evaluate, lr)`: it calls `evaluate()`, which renders, sets
the variables' gradients and returns the loss, as often as it needs to, and moves the variables.
"""

import math

import torch

LINE_SEARCH_LIMIT = 25  # evaluations after which torch's strong-Wolfe search gives up
FAR = 10.0  # times the first loss of a step: what points beyond the limit pass for
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # the shares of the steps in which a ramp rises and falls


def ramp(step, steps, *, rampdown=RAMP_DOWN, rampup=RAMP_UP):
    """Factor on the learning rate: linear up over the first 5 %, cosine down over the last 25 %.

    Karras et al. 2020 (arXiv 1912.04958), appendix D; `step` counts from 0.
    """
    t = step / steps
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / rampdown))
    return down * min(1.0, t / rampup)


def constant(step, steps):
    """The learning rate as it is, at every step."""
    return 1.0


SCHEDULES = {"ramp": ramp, "constant": constant}


def adam(variables, *, betas=(0.9, 0.999)):
    """Adam (arXiv 1412.6980) on a list of tensors: one evaluation a step."""
    optimizer = torch.optim.Adam(variables, betas=betas)

    def step(evaluate, lr):
        optimizer.param_groups[0]["lr"] = lr
        evaluate()
        optimizer.step()

    return step


def lbfgs(variables, *, history_size=10, line_search=LINE_SEARCH_LIMIT):
    """L-BFGS with a strong-Wolfe line search (Nocedal and Wright, algorithms 7.5 and 3.5).

    `lr` is the first step length tried. Each step is one direction and its line search, hence
    several evaluations, `line_search` at most. Points of the last line search are remembered: torch
    asks again for the one it accepted, and that answer is then free.
    """
    optimizer = torch.optim.LBFGS(
        variables,
        max_iter=1,
        max_eval=LINE_SEARCH_LIMIT,
        history_size=history_size,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    seen = []

    def step(evaluate, lr):
        optimizer.param_groups[0]["lr"] = lr
        earlier = list(seen)
        seen.clear()
        evaluations = 0

        def closure():
            nonlocal evaluations
            point = [x.detach().clone() for x in variables]
            known = next((row for row in earlier if _equal(row[0], point)), None)
            if known is not None:
                loss = known[1]
                _set_gradients(variables, known[2])
            elif evaluations < line_search:
                loss = evaluate()
                evaluations += 1
            else:  # the line search settles for the best point it has
                return FAR * seen[0][1].abs()
            seen.append((point, loss, [x.grad.clone() for x in variables]))
            return loss

        optimizer.step(closure)

    return step


def _equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def _set_gradients(variables, gradients):
    for x, gradient in zip(variables, gradients, strict=True):
        x.grad = gradient.clone()

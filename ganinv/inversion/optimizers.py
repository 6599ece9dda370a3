"""Adam and L-BFGS behind one `step`, and the learning rate of each step.

An optimizer moves a list of tensors: `step(evaluate, lr)` calls `evaluate()`, which renders, sets
the tensors' gradients and returns the loss, as often as it needs to.
"""

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ganinv.inversion.params import SearchParams

LINE_SEARCH_LIMIT = 25  # evaluations after which torch's strong-Wolfe search gives up
FAR = 10.0  # times the first loss of a step: what points beyond the limit pass for
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # the shares of the steps in which a ramp rises and falls


def ramp(step: int, steps: int, *, rampdown: float = RAMP_DOWN, rampup: float = RAMP_UP) -> float:
    """Factor on the learning rate: linear up over the first 5 %, cosine down over the last 25 %.

    Karras et al. 2020 (arXiv 1912.04958), appendix D; `step` counts from 0.
    """
    t = step / steps
    return fall(1 - t, rampdown) * (min(1.0, t / rampup) if rampup else 1.0)


def fall(left: float, share: float) -> float:
    """Factor on the learning rate where so much is `left` of the steps, as a part of them.

    It is 1 until the last `share`, and falls to 0 by a cosine in it.
    """
    return 0.5 - 0.5 * math.cos(math.pi * min(1.0, left / share))


def constant(step: int, steps: int, *, rampup: float = 0.0) -> float:
    """Leave the learning rate as it is, at every step."""
    return 1.0


SCHEDULES = {"ramp": ramp, "constant": constant}


class Rates:
    """The learning rate of each step, from 1 to `last`.

    `end_early` lets the rate fall from now on as at the end of the schedule; a constant one ends at
    once.
    """

    def __init__(self, lr: float, schedule: str, steps: int, *, rampup: float = RAMP_UP):
        self.lr, self.factor, self.last = lr, SCHEDULES[schedule], steps
        self.rampup = rampup

    def share(self, step: int) -> float:
        """Return the share of the steps that lie before this one."""
        return (step - 1) / self.last

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return self.lr * self.factor(step - 1, self.last, rampup=self.rampup)

    def end_early(self, step: int) -> None:
        """Let what is left after `step` be the fall alone."""
        risen = 1.0 if self.factor is constant else 1 - RAMP_DOWN
        self.last = min(self.last, math.ceil(step / risen))


class Optimizer(Protocol):
    """What moves the tensors of a search."""

    def step(self, evaluate: Callable[[], Tensor], lr: float) -> None:
        """Evaluate, once or more, and move."""


class Adam:
    """Adam (arXiv 1412.6980): one evaluation a step."""

    def __init__(self, variables: Sequence[Tensor], *, betas: tuple[float, float] = (0.9, 0.999)):
        self.adam = torch.optim.Adam(variables, betas=betas)

    def step(self, evaluate: Callable[[], Tensor], lr: float) -> None:
        """Evaluate once and move by the rate `lr`."""
        self.adam.param_groups[0]["lr"] = lr
        evaluate()
        self.adam.step()


class LBFGS:
    """L-BFGS with a strong-Wolfe line search (Nocedal and Wright, algorithms 7.5 and 3.5).

    Each step is one direction and its line search, hence several evaluations, `line_search` at
    most. Points of the last line search are remembered: torch asks again for the one it accepted,
    and that answer is then free.
    """

    def __init__(
        self,
        variables: Sequence[Tensor],
        *,
        history_size: int = 10,
        line_search: int = LINE_SEARCH_LIMIT,
    ):
        self.variables, self.line_search = list(variables), line_search
        self.seen: list[tuple[list[Tensor], Tensor, list[Tensor]]] = []  # point, loss, gradients
        self.lbfgs = torch.optim.LBFGS(
            self.variables,
            max_iter=1,
            max_eval=LINE_SEARCH_LIMIT,
            history_size=history_size,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

    def step(self, evaluate: Callable[[], Tensor], lr: float) -> None:
        """Search along one direction; `lr` is the first step length tried."""
        self.lbfgs.param_groups[0]["lr"] = lr
        earlier, self.seen = self.seen, []
        evaluations = 0

        def closure() -> Tensor:
            nonlocal evaluations
            point = [x.detach().clone() for x in self.variables]
            known = next((row for row in earlier if _equal(row[0], point)), None)
            if known is not None:
                loss = known[1]
                for x, gradient in zip(self.variables, known[2], strict=True):
                    x.grad = gradient.clone()
            elif evaluations < self.line_search:
                loss = evaluate()
                evaluations += 1
            else:  # the line search settles for the best point it has
                return FAR * self.seen[0][1].abs()
            gradients = [x.grad.clone() for x in self.variables if x.grad is not None]
            self.seen.append((point, loss, gradients))
            return loss

        self.lbfgs.step(closure)


def _equal(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def make_optimizer(variables: Sequence[Tensor], params: SearchParams) -> Optimizer:
    """Return the optimizer that the parameters name."""
    if params.optimizer == "lbfgs":
        return LBFGS(variables, line_search=params.line_search)
    return Adam(variables)


def make_rates(params: SearchParams) -> Rates:
    """Return the rates of a search; L-BFGS's line search finds its own step lengths."""
    schedule = "constant" if params.optimizer == "lbfgs" else params.lr_schedule
    return Rates(params.lr, schedule, params.steps, rampup=params.lr_rampup)

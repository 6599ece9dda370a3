"""Adam and L-BFGS behind one step(), and learning-rate schedules.

An optimizer here is a function `step(evaluate, lr)`: it calls `evaluate()`, which renders, sets
the latent's gradient and returns the loss, as often as it needs to, and moves the latent.
"""

import math

import torch

LINE_SEARCH_LIMIT = 25  # evaluations after which torch's strong-Wolfe search gives up


def ramp(step, steps, *, rampdown=0.25, rampup=0.05):
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


def adam(latent, *, betas=(0.9, 0.999)):
    """Adam (arXiv 1412.6980): one evaluation a step."""
    optimizer = torch.optim.Adam([latent], betas=betas)

    def step(evaluate, lr):
        optimizer.param_groups[0]["lr"] = lr
        evaluate()
        optimizer.step()

    return step


def lbfgs(latent, *, history_size=10):
    """L-BFGS with a strong-Wolfe line search (Nocedal and Wright, algorithms 7.5 and 3.5).

    `lr` is the first step length tried. Each step is one direction and its line search, hence
    several evaluations. Points of the last line search are remembered: torch asks again for the
    one it accepted, and that answer is then free.
    """
    optimizer = torch.optim.LBFGS(
        [latent], max_iter=1, max_eval=LINE_SEARCH_LIMIT, history_size=history_size,
        tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe",
    )  # fmt: skip
    seen = []

    def step(evaluate, lr):
        optimizer.param_groups[0]["lr"] = lr
        earlier = list(seen)
        seen.clear()

        def closure():
            known = next((row for row in earlier if torch.equal(row[0], latent)), None)
            if known is None:
                loss = evaluate()
            else:
                loss, latent.grad = known[1], known[2].clone()
            seen.append((latent.detach().clone(), loss, latent.grad.clone()))
            return loss

        optimizer.step(closure)

    return step


OPTIMIZERS = {"adam": adam, "lbfgs": lbfgs}

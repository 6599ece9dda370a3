"""The state of one search: what moves, the best seen, the history."""

import math
import time
from dataclasses import dataclass

import torch

from ganinv.images.pixels import box_resize, to_uint8
from ganinv.inversion.noise_maps import autocorrelation, normalize, strengthened
from ganinv.inversion.optimizers import RAMP_DOWN, RAMP_UP, constant
from ganinv.inversion.spaces import expand

SNAPSHOT_SIZE = 256
INJECTED = 0.75  # the share of the steps in which noise is added to the latent
PLATEAU = 0.01  # a loss that fell by less than this share stands still


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite."""


@dataclass(frozen=True)
class Found:
    """The best so far, with what it had cost: latent (num_ws, w_dim) and noise on the device."""

    evaluations: int
    seconds: float
    latent: torch.Tensor
    noise: dict


class Search:
    """Moves a latent (1 or num_ws, w_dim), from `start`, and, where they are given, noise maps.

    `axes` are those of `style_axes`: what is moved is then the way from the start along them.
    `noise` are normal maps (see `noise`); their penalty, times `noise_regularizer`, has a gradient
    but no say in which latent is the best. `noise_injection` is the spread of the noise added to
    the latent at first, as a share of w_std: it falls as (1 - t / 0.75)^2 over the share t of the
    steps (Karras et al. 2020, arXiv 1912.04958, appendix D). While it lasts, losses are those of
    another latent, and the best is the last.
    """

    def __init__(
        self,
        generator,
        start,
        render,
        objective,
        *,
        axes,
        noise,
        noise_regularizer,
        noise_injection,
        rng,
        snapshot_every,
        trace_at,
    ):
        self.generator, self.render, self.objective = generator, render, objective
        self.start, self.axes = start, axes
        self.moved = (start.clone() if axes is None else torch.zeros_like(start)).requires_grad_()
        self.noise = {name: x.requires_grad_(True) for name, x in noise.items()}
        self.noise_regularizer, self.noise_injection = noise_regularizer, noise_injection
        self.rng, self.spread = rng, 0.0
        self.snapshot_every, self.trace_at = snapshot_every, sorted(trace_at)
        self.best_loss, self.best_step, self.best_is_noisy = math.inf, 0, False
        self.step, self.evaluations, self.seconds = 0, 0, 0.0
        self._keep_best()
        # (loss, terms) of the best point evaluated in the current step and in the one before
        self.lowest, self.previous = None, None
        self.history, self.snapshots, self.trace, self.stopped = [], [], [], ""

    def run(self, make_optimizer, lr, schedule, steps, report, *, spent=0.0, plateau=0):
        """Search; `spent` are seconds that the start took, which count."""
        optimizer_step = make_optimizer([self.moved, *self.noise.values()])
        self.seconds, started = spent, time.perf_counter() - spent
        bests = []
        while self.step < steps:
            self.step += 1
            rate = lr * schedule(self.step - 1, steps)
            share = (self.step - 1) / steps
            self.spread = self.noise_injection * max(0.0, 1 - share / INJECTED) ** 2
            self.lowest = None
            try:
                optimizer_step(self.evaluate, rate)
            except NonFiniteLossError as error:
                self.stopped = f"{error} at step {self.step}; the best latent so far is kept"
                self.seconds = time.perf_counter() - started
                return
            normalize(self.noise)
            self.seconds = time.perf_counter() - started
            self.record(rate)
            report(self.history[-1])
            if share >= RAMP_UP:  # before, a rate of next to nothing would pass for a plateau
                bests.append(self.best_loss)
            if plateau and len(bests) > plateau and bests[-1] > (1 - PLATEAU) * bests[-1 - plateau]:
                # what is left is what a ramp falls in; a constant rate has nothing to wait for
                done = 1.0 if schedule is constant else 1 - RAMP_DOWN
                steps, plateau = min(steps, math.ceil(self.step / done)), 0

    def evaluate(self):
        """Render, compare, set the gradients; remember the latent if it is the best so far."""
        for x in (self.moved, *self.noise.values()):
            x.grad = None
        ws = expand(self._injected(), self.generator)[None]
        image = self.render(ws, strengthened(self.noise, self.generator) or "const")
        total, terms = self.objective(image, ws)
        value = total.item()
        self.evaluations += 1
        if not math.isfinite(value):
            raise NonFiniteLossError(f"the loss became {value}")
        if self.noise:
            terms = terms | {"noise": autocorrelation(self.noise)}
            (total + self.noise_regularizer * terms["noise"]).backward()
        else:
            total.backward()
        first = self.lowest is None
        if first or value < self.lowest[0]:
            self.lowest = value, {name: term.item() for name, term in terms.items()}
        if self.spread or self.best_is_noisy or value < self.best_loss:
            self.best_loss, self.best_step = value, self.step
            self.best_is_noisy = self.spread > 0
            self._keep_best()
        if first and self.snapshot_every and (self.step - 1) % self.snapshot_every == 0:
            self.keep_snapshot(self.step - 1, image[0])
        return total.detach()

    @property
    def latent(self):
        if self.axes is None:
            return self.moved
        return self.start + (self.moved[:, None] @ self.axes)[:, 0]  # (rows, w_dim)

    def _injected(self):
        if not self.spread:
            return self.latent
        drawn = torch.randn(self.start.shape, generator=self.rng).to(self.start)
        return self.latent + self.spread * self.generator.w_std * drawn

    def _keep_best(self):
        self.best_latent = self.latent.detach().clone()
        self.best_noise = {name: x.detach().clone() for name, x in self.noise.items()}

    def found(self):
        """The best so far."""
        return Found(
            evaluations=self.evaluations,
            seconds=self.seconds,
            latent=expand(self.best_latent, self.generator).clone(),
            noise=strengthened(self.best_noise, self.generator),
        )

    def keep_snapshot(self, step, image):
        """Keep a small picture of the state after `step` steps."""
        small = box_resize(image.detach()[None], SNAPSHOT_SIZE)[0]
        self.snapshots.append((step, to_uint8(small)))

    def record(self, lr):
        # L-BFGS that has converged evaluates nothing
        loss, terms = self.previous = self.lowest or self.previous
        row = dict(step=self.step, loss=loss, **terms, lr=lr, seconds=self.seconds)
        self.history.append(row | dict(evaluations=self.evaluations, best_step=self.best_step))
        if self.trace_at and self.evaluations >= self.trace_at[0]:
            self.trace_at = [count for count in self.trace_at if count > self.evaluations]
            self.trace.append(self.found())

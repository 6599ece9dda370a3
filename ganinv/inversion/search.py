"""The state of one search: what moves, the best seen, the history. The loop is in `invert`."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.inversion.noise_maps import strengthened
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import Refinement
from ganinv.inversion.spaces import SPACES
from ganinv.inversion.style_axes import style_axes

SNAPSHOT_SIZE = 256
EARLY = (5, 10)  # steps after which most has happened: they are shown besides
INJECTED = 0.75  # the share of the steps in which noise is added to the latent
CODE, REFINE = "code", "refine"  # the phases of a history
PLATEAU = 0.01  # a loss that fell by less than this share stands still


@dataclass(frozen=True)
class Found:
    """The best so far, with what it had cost: latent (num_ws, w_dim) and noise on the device.

    `refinement` is {} while the latent is looked for.
    """

    evaluations: int
    seconds: float
    latent: Tensor
    noise: dict[str, Tensor]
    refinement: Refinement = field(default_factory=dict)


@dataclass(frozen=True)
class Best:
    """The best so far: what moved, rows of the space (rows, w_dim), and normal noise maps.

    `noisy` is whether its loss is that of the latent with noise added. A search replaces it whole,
    so that an interrupt never leaves a latent with another's loss.
    """

    latent: Tensor
    noise: dict[str, Tensor]
    loss: float = math.inf
    step: int = 0
    noisy: bool = False


@dataclass(frozen=True)
class SearchState:
    """What a callback sees after a step; nothing that it changes reaches the search.

    `step` counts from 1 to `steps`, those of a refinement included; `phase` is code while the
    latent moves, then refine. `loss`, its `terms` (not weighted) and `lr` are the step's, by L-BFGS
    those of the best point that it evaluated; `seconds` counts from the start.
    """

    step: int
    steps: int
    loss: float
    terms: dict[str, float]
    lr: float
    seconds: float
    best_loss: float
    best_step: int
    phase: str
    _latent: Tensor = field(repr=False)
    _image: Tensor = field(repr=False)

    @property
    def latent(self) -> Tensor:
        """A copy of the best latent so far, (num_ws, w_dim) on the CPU."""
        return self._latent.to("cpu", copy=True, memory_format=torch.contiguous_format)

    @property
    def image(self) -> Tensor:
        """A copy of the step's image, (3, H, W) on the CPU, in about [-1, 1], not clamped."""
        return self._image.to("cpu", copy=True)

    def as_dict(self) -> dict[str, float]:
        """Return the numbers under flat names, the terms under their own, as loggers take them."""
        return dict(
            step=self.step,
            loss=self.loss,
            **self.terms,
            lr=self.lr,
            seconds=self.seconds,
            best_loss=self.best_loss,
            best_step=self.best_step,
        )


class Search:
    """What moves, from `start` (1 or num_ws, w_dim), and the best of it so far.

    Under `coordinates: style` what moves is the way from the start along `style_axes`. `noise` are
    normal maps (see `noise_maps`) that move too, {} for none; their penalty has a gradient but no
    say in which latent is the best. Under `noise_injection` the noise added to the latent falls as
    (1 - t / 0.75)^2 over the share t of the steps (Karras et al. 2020, arXiv 1912.04958, appendix
    D); while it lasts, losses are those of another latent, and the best is the last. After the
    evaluations `trace_at` the best so far is kept in `trace`.
    """

    def __init__(
        self,
        generator: Generator,
        start: Tensor,
        noise: dict[str, Tensor],
        params: SearchParams,
        *,
        rng: torch.Generator,
        trace_at: Iterable[int] = (),
    ):
        self.generator, self.params, self.space = generator, params, SPACES[params.space]
        self.start = self.space.from_start(start, generator)  # (rows, w_dim)
        styled = params.coordinates == "style"
        self.axes = style_axes(generator, self.space) if styled else None
        moved = torch.zeros_like(self.start) if styled else self.start.clone()
        self.moved = moved.requires_grad_()
        self.noise = {name: x.requires_grad_(True) for name, x in noise.items()}
        self.rng, self.trace_at = rng, sorted(trace_at)
        self.step, self.evaluations, self.seconds, self.spread = 0, 0, 0.0, 0.0
        self.best = Best(self.latent.detach().clone(), self._copied_noise())
        # (loss, terms) of the best point evaluated in the current step and in the one before
        self.lowest: tuple[float, dict[str, float]] | None = None
        self.previous: tuple[float, dict[str, float]] | None = None
        self.history: list[dict] = []
        self.bests: list[float] = []  # of the steps that may be a plateau
        self.snapshots: list[tuple[int, np.ndarray]] = []
        self.trace: list[Found] = []
        self.stopped, self.interrupted = "", False  # why the search ended early
        self.phase, self.refinement = CODE, Refinement()
        self.compiled: list[str] = []  # "on" or "off", of each function that rendered
        self.watched = False  # whether `state` will ask for the image of each step
        self.image: Tensor | None = None  # (3, H, W), of `lowest`

    @property
    def variables(self) -> list[Tensor]:
        """The tensors that an optimizer moves."""
        return [self.moved, *self.noise.values()]

    @property
    def latent(self) -> Tensor:
        """What moves, as rows of the space: (rows, w_dim)."""
        if self.axes is None:
            return self.moved
        return self.start + (self.moved[:, None] @ self.axes)[:, 0]  # (rows, w_dim)

    def start_clock(self) -> None:
        """Count seconds from now on, beside those that the start took."""
        self.started = time.perf_counter() - self.seconds

    def begin(self, step: int, share: float) -> None:
        """Begin a step; `share` of the steps lie before it."""
        self.step, self.lowest = step, None
        self.spread = self.params.noise_injection * max(0.0, 1 - share / INJECTED) ** 2
        self.may_rest = (
            share >= self.params.lr_rampup
        )  # before, a rate of next to nothing would pass for one

    def ws(self) -> Tensor:
        """What is to be rendered now: (1, num_ws, w_dim), with the noise of this step added."""
        latent = self.latent
        if self.spread:
            drawn = torch.randn(self.start.shape, generator=self.rng).to(self.start)
            latent = latent + self.spread * self.generator.w_std * drawn
        return self.space.to_ws(latent, self.generator)[None]

    def maps(self) -> dict[str, Tensor] | str:
        """The noise to render with: maps of the generator's strength, or "const"."""
        return strengthened(self.noise, self.generator) or "const"

    def keep(self, loss: float, terms: dict[str, Tensor], image: Tensor) -> None:
        """Note an evaluation: its loss, the latent if it is the best, a picture if one is due."""
        first = self.lowest is None
        if self.lowest is None or loss < self.lowest[0]:
            self.lowest = loss, {name: term.item() for name, term in terms.items()}
            self.image = image.detach() if self.watched else None
        if self.spread or self.best.noisy or loss < self.best.loss:
            latent, noise = self.latent.detach().clone(), self._copied_noise()
            self.best = Best(latent, noise, loss, self.step, self.spread > 0)
        if first and self._shows(self.step - 1):
            self.keep_snapshot(self.step - 1, image)

    def begin_refinement(self) -> None:
        """Let the latent be, and judge by another loss from now on."""
        self.phase, self.lowest, self.previous = REFINE, None, None
        self.spread, self.may_rest = 0.0, False
        self.start_clock()

    def is_best(self, loss: float) -> bool:
        """Whether a loss of the refinement is the lowest so far, or the first."""
        return self.lowest is None or loss < self.best.loss

    def note(
        self,
        step: int,
        loss: float,
        terms: dict[str, float],
        image: Tensor,
        refinement: Refinement | None,
    ) -> None:
        """Note a step of the refinement, which is given where it is the best so far.

        `image` is (3, H, W). What it was computed from is kept with its loss, so that an interrupt
        never leaves one with another's.
        """
        self.step, self.lowest = step, (loss, terms)
        self.evaluations += 1
        self.image = image.detach() if self.watched else None
        if self._shows(step - 1):
            self.keep_snapshot(step - 1, image)
        if refinement is not None:
            best = replace(self.best, loss=loss, step=step)
            self.best, self.refinement = best, refinement

    def _shows(self, step: int) -> bool:
        """Whether a picture is kept after so many steps: of the first ones more than of others."""
        every = self.params.snapshot_every
        return every > 0 and (step % every == 0 or (step in EARLY and step < every))

    def _copied_noise(self) -> dict[str, Tensor]:
        return {name: x.detach().clone() for name, x in self.noise.items()}

    def keep_snapshot(self, step: int, image: Tensor) -> None:
        """Keep a small picture of the state after `step` steps; `image` is (3, H, W)."""
        small = box_resize(image.detach()[None], SNAPSHOT_SIZE)[0]
        self.snapshots.append((step, to_uint8(small)))

    def record(self, lr: float) -> dict:
        """Write the step's row of the history, and return it."""
        self.seconds = time.perf_counter() - self.started
        # L-BFGS that has converged evaluates nothing
        self.previous = self.lowest or self.previous
        loss, terms = self.previous or (math.nan, {})
        row: dict = dict(step=self.step, loss=loss, **terms, lr=lr, seconds=self.seconds)
        row |= dict(evaluations=self.evaluations, best_step=self.best.step, phase=self.phase)
        self.history.append(row)
        if self.may_rest:
            self.bests.append(self.best.loss)
        if self.trace_at and self.evaluations >= self.trace_at[0]:
            self.trace_at = [count for count in self.trace_at if count > self.evaluations]
            self.trace.append(self.found())
        return self.history[-1]

    def state(self) -> SearchState:
        """Return what a callback may see of the step just recorded, where the search is watched."""
        row, (loss, terms) = self.history[-1], self.previous or (math.nan, {})
        assert self.image is not None  # a first step evaluates
        return SearchState(
            step=row["step"],
            steps=self.params.all_steps,
            loss=loss,
            terms=dict(terms),
            lr=row["lr"],
            seconds=row["seconds"],
            best_loss=self.best.loss,
            best_step=self.best.step,
            phase=self.phase,
            _latent=self.space.to_ws(self.best.latent, self.generator),
            _image=self.image,
        )

    def stands_still(self) -> bool:
        """Whether the best loss fell by less than 1 % in the last `plateau` steps."""
        steps = self.params.plateau
        if not steps or len(self.bests) <= steps:
            return False
        return self.bests[-1] > (1 - PLATEAU) * self.bests[-1 - steps]

    def found(self) -> Found:
        """Return the best so far."""
        return Found(
            evaluations=self.evaluations,
            seconds=self.seconds,
            latent=self.space.to_ws(self.best.latent, self.generator).clone(),
            noise=strengthened(self.best.noise, self.generator),
            refinement=self.refinement,
        )

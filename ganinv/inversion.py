"""The loop: look for the latent whose image is the target.

    latent* = argmin over the space of loss(G(latent), target)

One image at a time; the generator's weights are frozen. The search may run in bf16 and compiled
(see `fast`), but the result is rendered and measured in float32 by the plain generator.
"""

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ganinv.encoders import load_encoder
from ganinv.fast import make_renderer, render_result, resolve_compile, resolve_precision
from ganinv.generators.base import Generator
from ganinv.images import box_resize, quantize, to_uint8
from ganinv.latents import expand, fit_rows, image_rng, start_latent
from ganinv.losses import loss_weights, make_loss
from ganinv.memory import kept_memory
from ganinv.metrics import compute_metrics
from ganinv.optimizers import OPTIMIZERS, SCHEDULES, constant
from ganinv.params import Params, make_params
from ganinv.progress import make_reporter

SNAPSHOT_SIZE = 256
_DEFAULT = Params()


@dataclass(frozen=True)
class Inversion:
    """What a search found, on the CPU.

    `latent` (num_ws, w_dim) is the best seen and `best_step` the step that evaluated it; `image`
    and `target` are (3, H, W) in [-1, 1], `image` not clamped. `history` has one dict per step:
    step, loss, its terms, lr, seconds (an encoder's start included) and evaluations, both counted
    from the start, and best_step, the step that evaluated the best latent so far. `stopped` is the
    reason where the search ended early, else "". `settings` are the precision and whether the
    search was compiled, as it really ran.
    """

    latent: torch.Tensor
    image: torch.Tensor
    target: torch.Tensor
    history: list
    metrics: dict
    best_step: int
    best_loss: float
    evaluations: int
    seconds: float
    stopped: str
    settings: dict
    snapshots: list = field(repr=False, default_factory=list)  # (step, uint8 (h, w, 3))


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite."""


def invert(
    generator: Generator,
    target: torch.Tensor,
    *,
    space=_DEFAULT.space,
    loss=_DEFAULT.loss,
    lpips_net=_DEFAULT.lpips_net,
    loss_resolution=_DEFAULT.loss_resolution,
    init=_DEFAULT.init,
    encoder=_DEFAULT.encoder,
    optimizer=_DEFAULT.optimizer,
    lr=_DEFAULT.lr,
    lr_schedule=_DEFAULT.lr_schedule,
    steps=_DEFAULT.steps,
    seed=_DEFAULT.seed,
    image_id="",
    precision=_DEFAULT.precision,
    compile=_DEFAULT.compile,  # noqa: A002 (the parameter's name everywhere)
    log_every=_DEFAULT.log_every,
    snapshot_every=_DEFAULT.snapshot_every,
):
    """Invert one image (3, H, W) in [-1, 1] of the generator's resolution; return an `Inversion`.

    Parameters are those of `ganinv.Params`, which see; `encoder` may also be a callable (through
    which gradients flow, for the loss term domain), and `image_id` names the image in the progress
    and seeds it together with `seed`. A loss that is not finite ends the search with the best
    latent so far. Raises ValueError for a target of the wrong shape and for values that do not fit,
    TypeError for parameters that do not exist, WeightsError where LPIPS's weights are not here.
    """
    _check_target(generator, target)
    make_params(
        dict(
            space=space, loss=loss, lpips_net=lpips_net, loss_resolution=loss_resolution, init=init,
            optimizer=optimizer, lr=lr, lr_schedule=lr_schedule, steps=steps, seed=seed,
            precision=precision, compile=compile, log_every=log_every,
            snapshot_every=snapshot_every,
        )
    )  # fmt: skip
    target = quantize(target.to(generator.device))
    settings = dict(
        precision=resolve_precision(precision, generator.device),
        compile=resolve_compile(compile, generator, steps),
    )
    if needs_encoder(init, loss) and isinstance(encoder, (str, Path)):
        encoder = load_encoder(encoder, device=generator.device)
    started = time.perf_counter()
    start = start_latent(
        generator, space, init, target=target, rng=image_rng(seed, image_id), encoder=encoder
    )
    spent = time.perf_counter() - started if init == "encoder" else 0.0
    objective = make_loss(
        loss, target, lpips_net=lpips_net, loss_resolution=loss_resolution,
        precision=settings["precision"], encode=encoder and rows_encoder(encoder, generator),
    )  # fmt: skip
    render, settings["compile"] = make_renderer(
        generator, settings["precision"], settings["compile"], print if log_every else _silent
    )
    report, close = make_reporter(image_id or "inversion", steps, log_every)
    search = _Search(generator, start, render, objective, snapshot_every)
    schedule = SCHEDULES[lr_schedule] if optimizer == "adam" else constant
    try:
        with kept_memory(generator.device):
            search.run(OPTIMIZERS[optimizer], lr, schedule, steps, report, spent)
    finally:
        close()
    ws = expand(search.best_latent, generator)
    image = render_result(generator, ws)
    if search.snapshots:
        search.snapshots = [shot for shot in search.snapshots if shot[0] < len(search.history)]
        search.keep_snapshot(len(search.history), image)
    return Inversion(
        latent=ws.cpu().clone(), image=image.cpu(), target=target.cpu(), history=search.history,
        metrics=compute_metrics(image, target), best_step=search.best_step,
        best_loss=search.best_loss, evaluations=search.evaluations, seconds=search.seconds,
        stopped=search.stopped, settings=settings, snapshots=search.snapshots,
    )  # fmt: skip


def needs_encoder(init, loss):
    """Whether a search starts from an encoder or asks one at every step."""
    return init == "encoder" or bool(loss_weights(loss).get("domain"))


def rows_encoder(encoder, generator):
    """The encoder as a function of one image (1, 3, H, W) to the generator's rows of codes."""
    return lambda images: fit_rows(encoder(images)[0], generator)[None]


def _silent(text):
    pass


def _check_target(generator, target):
    wanted = (3, generator.resolution, generator.resolution)
    if tuple(target.shape) != wanted:
        raise ValueError(f"the target is {tuple(target.shape)}; this generator needs {wanted}")


class _Search:
    """The state of one search: the latent that moves, the best seen, the history."""

    def __init__(self, generator, start, render, objective, snapshot_every):
        self.generator, self.render, self.objective = generator, render, objective
        self.latent = start.clone().requires_grad_(True)
        self.snapshot_every = snapshot_every
        self.best_latent, self.best_loss, self.best_step = start.clone(), math.inf, 0
        self.step, self.evaluations, self.seconds = 0, 0, 0.0
        # (loss, terms) of the best point evaluated in the current step and in the one before
        self.lowest, self.previous = None, None
        self.history, self.snapshots, self.stopped = [], [], ""

    def run(self, make_optimizer, lr, schedule, steps, report, spent=0.0):
        """Search; `spent` are seconds that the start took, which count."""
        optimizer_step = make_optimizer(self.latent)
        self.seconds, started = spent, time.perf_counter() - spent
        for self.step in range(1, steps + 1):
            rate = lr * schedule(self.step - 1, steps)
            self.lowest = None
            try:
                optimizer_step(self.evaluate, rate)
            except NonFiniteLossError as error:
                self.stopped = f"{error} at step {self.step}; the best latent so far is kept"
                self.seconds = time.perf_counter() - started
                return
            self.seconds = time.perf_counter() - started
            self.record(rate)
            report(self.history[-1])

    def evaluate(self):
        """Render, compare, set the gradient; remember the latent if it is the best so far."""
        self.latent.grad = None
        ws = expand(self.latent, self.generator)[None]
        image = self.render(ws)
        total, terms = self.objective(image, ws)
        value = total.item()
        self.evaluations += 1
        if not math.isfinite(value):
            raise NonFiniteLossError(f"the loss became {value}")
        total.backward()
        first = self.lowest is None
        if first or value < self.lowest[0]:
            self.lowest = value, {name: term.item() for name, term in terms.items()}
        if value < self.best_loss:
            self.best_loss, self.best_step = value, self.step
            self.best_latent = self.latent.detach().clone()
        if first and self.snapshot_every and (self.step - 1) % self.snapshot_every == 0:
            self.keep_snapshot(self.step - 1, image[0])
        return total.detach()

    def keep_snapshot(self, step, image):
        """Keep a small picture of the state after `step` steps."""
        small = box_resize(image.detach()[None], SNAPSHOT_SIZE)[0]
        self.snapshots.append((step, to_uint8(small)))

    def record(self, lr):
        # L-BFGS that has converged evaluates nothing
        loss, terms = self.previous = self.lowest or self.previous
        row = dict(step=self.step, loss=loss, **terms, lr=lr, seconds=self.seconds)
        self.history.append(row | dict(evaluations=self.evaluations, best_step=self.best_step))

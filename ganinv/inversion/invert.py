"""The search: look for the latent whose image is the target.

    latent* = argmin over the space of loss(G(latent), target)

One image at a time; the generator's weights are frozen. The search may run in bf16 and compiled
(see `compute`), but the result is rendered and measured in float32 by the plain generator.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import resolve_precision
from ganinv.compute.memory import kept_memory
from ganinv.compute.render import make_renderer, render_result
from ganinv.generators.base import Generator
from ganinv.images.pixels import quantize
from ganinv.inversion.noise_maps import autocorrelation, normalize, start_maps
from ganinv.inversion.optimizers import make_optimizer, make_rates
from ganinv.inversion.params import SearchParams
from ganinv.inversion.progress import progress
from ganinv.inversion.search import Found, Search
from ganinv.inversion.spaces import check_space
from ganinv.inversion.starts import Codes, find_encoder, find_start, rows_encoder
from ganinv.losses.reconstruction import make_loss
from ganinv.measures.reconstruction import compute_metrics
from ganinv.seeds import image_rng

P = TypeVar("P", bound=SearchParams)
Renderer = Callable[[Tensor, Any], Tensor]  # ws, noise -> images
Comparison = Callable[[Tensor, Tensor], tuple[Tensor, dict[str, Tensor]]]  # images, ws -> loss


@dataclass(frozen=True)
class Inversion:
    """What a search found, on the CPU.

    `latent` (num_ws, w_dim) is the best seen and `best_step` the step that evaluated it; `noise`
    are the optimized maps that belong to it, {} where the generator's own do; `image` and `target`
    are (3, H, W) in [-1, 1], `image` not clamped. `history` has one dict per step:
    step, loss, its terms, lr, seconds (those of the start included) and evaluations, both counted
    from the start, and best_step, the step that evaluated the best latent so far. `stopped` is the
    reason where the search ended early, else "". `settings` are the precision and whether the
    search was compiled, as it really ran.
    """

    latent: Tensor
    noise: dict[str, Tensor]
    image: Tensor
    target: Tensor
    history: list[dict]
    metrics: dict[str, float]
    best_step: int
    best_loss: float
    evaluations: int
    seconds: float
    stopped: str
    settings: dict[str, str]
    snapshots: list[tuple[int, np.ndarray]] = field(repr=False, default_factory=list)
    trace: list[Found] = field(repr=False, default_factory=list)


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite."""


def invert(
    generator: Generator,
    target: Tensor,
    params: SearchParams | None = None,
    *,
    encoder: Codes | str | Path | None = None,
    image_id: str = "",
    trace_at: Iterable[int] = (),
    **changes: Any,
) -> Inversion:
    """Invert one image (3, H, W) in [-1, 1] of the generator's resolution.

    `params` and `changes` to them are those of `SearchParams`, which see. `encoder` may be a
    callable, through which gradients flow for the loss term domain, or a name or path in place of
    the parameter's. `image_id` names the image in the progress and seeds it together with `seed`.
    After the evaluations `trace_at` the best so far is kept. A loss that is not finite ends the
    search with the best latent so far. Raises ValueError for a target of the wrong shape and for
    parameters that do not exist or do not fit, WeightsError where weights are not here.
    """
    params = SearchParams.make(changes) if params is None else params.replace(**changes)
    params = resolve(params, generator)
    target = quantize(check_target(generator, target).to(generator.device))
    codes: Codes | None = find_encoder(params, generator, encoder)
    search = begin(generator, target, params, codes, image_id, trace_at)
    say = print if params.log_every else _silent
    render, compiled = make_renderer(
        generator, params.precision, params.compile, say, noise=search.maps()
    )
    compare = make_loss(
        params.loss,
        target,
        lpips_net=params.lpips_net,
        loss_resolution=params.loss_resolution,
        precision=params.precision,
        compiled=compiled,
        encode=None if codes is None else rows_encoder(codes, generator),
    )
    optimizer, rates = make_optimizer(search.variables, params), make_rates(params)
    label = image_id or "inversion"
    with kept_memory(generator.device), progress(label, params.steps, params.log_every) as report:
        search.start_clock()
        for step in range(1, params.steps + 1):
            search.begin(step, rates.share(step))
            lr = rates.rate(step)
            try:
                optimizer.step(lambda: evaluate(search, render, compare), lr)
            except NonFiniteLossError as error:
                search.stopped = f"{error} at step {step}; the best latent so far is kept"
                break
            normalize(search.noise)
            report(search.record(lr))
            if search.stands_still():
                rates.end_early(step)
            if step == rates.last:
                break
    return finish(search, target, dict(precision=params.precision, compile=compiled))


def begin(
    generator: Generator,
    target: Tensor,
    params: SearchParams,
    encoder: Codes | None,
    image_id: str,
    trace_at: Iterable[int] = (),
) -> Search:
    """Make the start of a search: its latent, its noise maps, its own random numbers."""
    check_space(params.space, generator)
    started = time.perf_counter()
    rng = image_rng(params.seed, image_id)
    start = find_start(generator, params.init, target=target, rng=rng, encoder=encoder)
    rng = image_rng(params.seed, f"{image_id}/search")
    noise = start_maps(params, generator, rng)
    search = Search(generator, start, noise, params, rng=rng, trace_at=trace_at)
    search.seconds = time.perf_counter() - started
    return search


def evaluate(search: Search, render: Renderer, compare: Comparison) -> Tensor:
    """Render, compare, set the gradients, keep the latent if it is the best; return the loss ().

    Raises NonFiniteLossError, before any gradient is set.
    """
    for x in search.variables:
        x.grad = None
    ws = search.ws()  # (1, num_ws, w_dim)
    image = render(ws, search.maps())  # (1, 3, H, W)
    loss, terms = compare(image, ws)
    value = loss.item()
    search.evaluations += 1
    if not math.isfinite(value):
        raise NonFiniteLossError(f"the loss became {value}")
    if search.noise:
        terms = terms | {"noise": autocorrelation(search.noise)}
        (loss + search.params.noise_regularizer * terms["noise"]).backward()
    else:
        loss.backward()
    search.keep(value, terms, image[0])
    return loss.detach()


@torch.no_grad()
def finish(search: Search, target: Tensor, settings: dict[str, str]) -> Inversion:
    """Render and measure the best that a search found, in float32, and bring it to the CPU."""
    found, params = search.found(), search.params
    kept = {} if params.noise_maps == "dropped" else found.noise
    image = render_result(search.generator, found.latent, kept)
    if search.snapshots:
        search.snapshots = [shot for shot in search.snapshots if shot[0] < len(search.history)]
        search.keep_snapshot(len(search.history), image)
    return Inversion(
        latent=found.latent.cpu(),
        noise={name: x.cpu() for name, x in kept.items()},
        image=image.cpu(),
        target=target.cpu(),
        history=search.history,
        metrics=compute_metrics(image, target),
        best_step=search.best_step,
        best_loss=search.best_loss,
        evaluations=search.evaluations,
        seconds=search.seconds,
        stopped=search.stopped,
        settings=settings,
        snapshots=search.snapshots,
        trace=search.trace,
    )


def resolve(params: P, generator: Generator) -> P:
    """Replace every `auto` of a search's parameters by what it means here."""
    resolved = {
        "precision": resolve_precision(params.precision, generator.device),
        "compile": resolve_compile(params.compile, generator, params.steps),
    }
    return params.model_copy(update=resolved)


def check_target(generator: Generator, target: Tensor) -> Tensor:
    """Return the target; raise ValueError unless it is (3, H, W) of the generator's resolution."""
    wanted = (3, generator.resolution, generator.resolution)
    if tuple(target.shape) != wanted:
        raise ValueError(f"the target is {tuple(target.shape)}; this generator needs {wanted}")
    return target


def _silent(text: str) -> None:
    pass

"""The loop: look for the latent whose image is the target.

    latent* = argmin over the space of loss(G(latent), target)

One image at a time; the generator's weights are frozen. The search may run in bf16 and compiled
(see `fast`), but the result is rendered and measured in float32 by the plain generator.
"""

import functools
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import resolve_precision
from ganinv.compute.memory import kept_memory
from ganinv.compute.render import make_renderer, render_result
from ganinv.encoders.load import load_encoder
from ganinv.generators.base import Generator
from ganinv.images.pixels import quantize
from ganinv.inversion.latent_files import load_noise
from ganinv.inversion.noise_maps import draw_maps, unstrengthened
from ganinv.inversion.optimizers import SCHEDULES, adam, constant, lbfgs
from ganinv.inversion.progress import make_reporter
from ganinv.inversion.search import Search
from ganinv.inversion.spaces import fit_rows, start_latent
from ganinv.inversion.style_axes import style_axes
from ganinv.losses.reconstruction import loss_weights, make_loss
from ganinv.measures.reconstruction import compute_metrics
from ganinv.params import Params, make_params
from ganinv.seeds import image_rng

_DEFAULT = Params()


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

    latent: torch.Tensor
    noise: dict
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
    trace: list = field(repr=False, default_factory=list)  # of `Found`, if asked for


def invert(
    generator: Generator,
    target: torch.Tensor,
    *,
    space=_DEFAULT.space,
    coordinates=_DEFAULT.coordinates,
    loss=_DEFAULT.loss,
    lpips_net=_DEFAULT.lpips_net,
    loss_resolution=_DEFAULT.loss_resolution,
    init=_DEFAULT.init,
    encoder=_DEFAULT.encoder,
    optimizer=_DEFAULT.optimizer,
    lr=_DEFAULT.lr,
    lr_schedule=_DEFAULT.lr_schedule,
    line_search=_DEFAULT.line_search,
    steps=_DEFAULT.steps,
    plateau=_DEFAULT.plateau,
    noise_injection=_DEFAULT.noise_injection,
    noise_maps=_DEFAULT.noise_maps,
    noise_regularizer=_DEFAULT.noise_regularizer,
    seed=_DEFAULT.seed,
    image_id="",
    precision=_DEFAULT.precision,
    compile=_DEFAULT.compile,  # noqa: A002 (the parameter's name everywhere)
    log_every=_DEFAULT.log_every,
    snapshot_every=_DEFAULT.snapshot_every,
    trace_at=(),
):
    """Invert one image (3, H, W) in [-1, 1] of the generator's resolution; return an `Inversion`.

    Parameters are those of `ganinv.Params`, which see; `encoder` may also be a callable (through
    which gradients flow, for the loss term domain), `image_id` names the image in the progress and
    seeds it together with `seed`, and after the evaluations `trace_at` the best so far is kept. A
    loss that is not finite ends the search with the best latent so far. Raises ValueError for a
    target of the wrong shape and for values that do not fit, TypeError for parameters that do not
    exist, WeightsError where LPIPS's weights are not here.
    """
    _check_target(generator, target)
    make_params(
        dict(
            space=space,
            coordinates=coordinates,
            loss=loss,
            lpips_net=lpips_net,
            loss_resolution=loss_resolution,
            init=init,
            optimizer=optimizer,
            lr=lr,
            lr_schedule=lr_schedule,
            line_search=line_search,
            steps=steps,
            plateau=plateau,
            noise_injection=noise_injection,
            noise_maps=noise_maps,
            noise_regularizer=noise_regularizer,
            seed=seed,
            precision=precision,
            compile=compile,
            log_every=log_every,
            snapshot_every=snapshot_every,
        )
    )
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
    axes = style_axes(generator, len(start)) if coordinates == "style" else None
    spent = time.perf_counter() - started
    rng = image_rng(seed, f"{image_id}/search")
    noise = start_maps(generator, init, rng, stored=noise_maps == "stored")
    render, settings["compile"] = make_renderer(
        generator,
        settings["precision"],
        settings["compile"],
        print if log_every else _silent,
        noise=noise or "const",
    )
    objective = make_loss(
        loss,
        target,
        lpips_net=lpips_net,
        loss_resolution=loss_resolution,
        precision=settings["precision"],
        compiled=settings["compile"],
        encode=encoder and rows_encoder(encoder, generator),
    )
    report, close = make_reporter(image_id or "inversion", steps, log_every)
    search = Search(
        generator,
        start,
        render,
        objective,
        axes=axes,
        noise=noise,
        noise_regularizer=noise_regularizer,
        noise_injection=noise_injection,
        rng=rng,
        snapshot_every=snapshot_every,
        trace_at=trace_at,
    )
    make_optimizer, schedule = adam, SCHEDULES[lr_schedule]
    if optimizer == "lbfgs":
        make_optimizer, schedule = functools.partial(lbfgs, line_search=line_search), constant
    try:
        with kept_memory(generator.device):
            search.run(make_optimizer, lr, schedule, steps, report, spent=spent, plateau=plateau)
    finally:
        close()
    found = search.found()
    kept = {} if noise_maps == "dropped" else found.noise
    image = render_result(generator, found.latent, kept)
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


def start_maps(generator, init, rng, *, stored):
    """The normal noise maps that a search begins with: a saved latent's, or drawn; {} if `stored`.

    Warns where a saved latent has maps and the search leaves them out.
    """
    saved = load_noise(init) if Path(init).is_file() else {}
    if stored:
        if saved:
            warnings.warn(
                f"{init} holds noise maps that noise_maps: stored leaves out; set noise_maps to "
                "optimized to go on from them",
                stacklevel=3,
            )
        return {}
    return unstrengthened(saved, generator) if saved else draw_maps(generator, rng)


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

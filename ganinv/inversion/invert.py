"""The search: look for the latent whose image is the target, then refine what it renders.

    latent* = argmin over the space of loss(G(latent), target)

One image at a time; the generator's weights are frozen. The search may run in bf16 and compiled
(see `compute`), but the result is rendered and measured in float32 by the plain generator.
"""

import functools
import math
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import resolve_precision
from ganinv.compute.memory import kept_memory
from ganinv.compute.render import make_renderer, render_result
from ganinv.errors import ParamsError
from ganinv.generators.base import Generator
from ganinv.images.pixels import quantize
from ganinv.images.targets import ImageLike, as_target
from ganinv.inversion.noise_maps import autocorrelation, normalize, start_maps
from ganinv.inversion.optimizers import make_optimizer, make_rates
from ganinv.inversion.params import SearchParams, losses_of
from ganinv.inversion.progress import progress
from ganinv.inversion.refine import Comparison, refine
from ganinv.inversion.refinement import (
    Refinement,
    beside,
    check_refine,
    is_of,
    render_refined,
)
from ganinv.inversion.result import Inversion
from ganinv.inversion.saved_code import CodeFile, restore_code, save_code
from ganinv.inversion.search import Search, SearchState
from ganinv.inversion.spaces import check_space
from ganinv.inversion.starts import Codes, find_encoder, find_start, own_start, rows_encoder
from ganinv.inversion.style_axes import resolve_coordinates
from ganinv.losses.reconstruction import make_loss
from ganinv.losses.terms import OwnTerm, check_own, name_own
from ganinv.measures.reconstruction import METRICS, measure
from ganinv.seeds import image_rng

P = TypeVar("P", bound=SearchParams)
Renderer = Callable[[Tensor, Any], Tensor]  # ws, noise -> images
KEPT = "the best latent so far is kept"


class NonFiniteLossError(ArithmeticError):
    """The loss became NaN or infinite; `whose` says by whom, where that is known."""

    def __init__(self, message: str, whose: str = "") -> None:
        super().__init__(message)
        self.whose = whose


def invert(
    generator: Generator,
    target: ImageLike,
    params: SearchParams | None = None,
    *,
    encoder: Codes | str | Path | None = None,
    image_id: str = "",
    trace_at: Iterable[int] = (),
    callback: Callable[[SearchState], object] | None = None,
    keep_interrupted: bool = False,
    code_file: CodeFile | None = None,
    **changes: Any,
) -> Inversion:
    """Invert one image: (3, H, W) in [-1, 1] of the generator's resolution, or an image file.

    `target` is anything that `images.targets.as_target` takes: a path, a PIL image, uint8, floats.
    `params` and `changes` to them are those of `SearchParams`, which see; `loss` may also be, or
    have among its keys, functions of one's own (images, target, ws) -> (), as `losses.terms` says.
    `encoder` may be a callable, through which gradients flow for the loss term domain, or a name or
    path in place of the parameter's. `image_id` names the image in the progress and seeds it
    together with `seed`. After the evaluations `trace_at` the best so far is kept. `callback` is
    called with a `SearchState` after every step. A loss that is not finite ends the search with the
    best latent so far, and so does a KeyboardInterrupt during the steps with `keep_interrupted`.
    A latent that is to be refined waits in `code_file`, and is taken from there, in place of the
    search, by a later call with the same key.
    Raises ValueError for a target that cannot be used and for parameters that do not exist or do
    not fit, WeightsError where weights are not here.
    """
    params, own = gather(params, changes)
    if callback is not None and not callable(callback):
        raise ParamsError(f"callback must be a function of the search's state; got {callback!r}")
    params = own_start(resolve(params, generator), image_id)
    align = getattr(params, "align", True)  # a parameter of runs
    image = as_target(target, generator.resolution, align=align, stacklevel=3)
    wanted = quantize(image.to(generator.device))
    codes: Codes | None = find_encoder(params, generator, encoder)
    begun = _begin_refinement(params, generator)
    search = begin(generator, wanted, params, codes, image_id, trace_at)
    search.watched = callback is not None
    encode = None if codes is None else rows_encoder(codes, generator)
    run = _plan(search, wanted, begun, encode, own, image_id, code_file, callback)
    _run(run, search, image_id or "inversion", keep_interrupted)
    compiled = "off" if "off" in search.compiled else params.compile
    return finish(search, wanted, dict(precision=params.precision, compile=compiled))


def _plan(
    search: Search,
    target: Tensor,
    begun: Refinement,
    encode: Codes | None,
    own: dict[str, OwnTerm],
    image_id: str,
    code_file: CodeFile | None,
    callback: Callable[[SearchState], object] | None,
) -> Callable[[Callable[[dict], None]], None]:
    """Make the function that takes the steps, of search and refinement, and reports each row.

    What takes long to make is made here.
    """
    params = search.params
    known = code_file is not None and restore_code(code_file, search)
    say = print if params.log_every else _silent
    render, compiled = _renderer(search, say, needed=params.steps > 0 and not known)
    compare_with = functools.partial(
        make_loss,
        lpips_net=params.lpips_net,
        precision=params.precision,
        compiled=compiled,
        encode=encode,
        own=own,
    )

    def run(report: Callable[[dict], None]) -> None:
        if render is not None:
            compare = compare_with(params.loss, target, loss_resolution=params.loss_resolution)
            descend(search, lambda: evaluate(search, render, compare), report, callback)
        if params.refine == "none" or search.stopped:
            return
        if code_file is not None and not known:
            save_code(code_file, search)
        compare_refined = functools.partial(
            compare_with, params.refine_loss, loss_resolution=params.refine_loss_resolution
        )
        noise = _kept_noise(search)
        rng = image_rng(params.seed, f"{image_id}/refine")
        refine(
            search,
            target,
            noise,
            begun,
            compare_with=compare_refined,
            compiled=compiled,
            rng=rng,
            say=say,
            report=report,
            callback=callback,
        )

    return run


def _run(
    run: Callable[[Callable[[dict], None]], None],
    search: Search,
    label: str,
    keep_interrupted: bool,
) -> None:
    """Call `run` with what reports its rows; an interrupt ends the search where it may."""
    params = search.params
    with (
        kept_memory(search.generator.device),
        progress(label, params.all_steps, params.log_every) as report,
    ):
        try:
            run(report)
        except KeyboardInterrupt:
            if not keep_interrupted:
                raise
            search.interrupted = True
            search.stopped = f"interrupted at step {search.step} of {params.all_steps}; {KEPT}"


def _renderer(
    search: Search, say: Callable[[str], object], needed: bool
) -> tuple[Renderer | None, str]:
    """What renders the steps of a search, and whether it is compiled; None where none is left."""
    params = search.params
    if not needed:
        return None, params.compile
    maps = search.maps()
    render, how = make_renderer(search.generator, params.precision, params.compile, say, noise=maps)
    search.compiled.append(how)
    return render, how


def _begin_refinement(params: SearchParams, generator: Generator) -> Refinement:
    path = beside(params.init)
    if params.refine == "none" and path and is_of(path, generator):
        warnings.warn(
            f"{path} holds a refinement that refine: none leaves out; set refine to what made it, "
            "to go on from it",
            stacklevel=3,  # the caller of `invert`
        )
    return check_refine(params, generator)


def _kept_noise(search: Search) -> dict[str, Tensor]:
    """The optimized noise maps that belong to the result; {} where the generator's own do."""
    return {} if search.params.noise_maps == "dropped" else search.found().noise


def gather(
    params: SearchParams | None, changes: dict[str, Any]
) -> tuple[SearchParams, dict[str, OwnTerm]]:
    """Return the parameters with changes, and the functions in the loss by their names own:NAME.

    Raises ParamsError for parameters that cannot be used, and for a term that is named so without
    its function.
    """
    own: dict[str, OwnTerm] = {}
    for field in ("loss", "refine_loss"):
        if field in changes:
            loss, own = name_own(changes[field], own)
            changes = changes | {field: loss}
    params = SearchParams.make(changes) if params is None else params.replace(**changes)
    for loss in losses_of(params):
        check_own(loss, own)
    return params, own


def descend(
    search: Search,
    evaluate: Callable[[], Tensor],
    report: Callable[[dict], None],
    callback: Callable[[SearchState], object] | None = None,
) -> None:
    """Take the steps of a search; `report` takes each row of the history."""
    params = search.params
    optimizer, rates = make_optimizer(search.variables, params), make_rates(params)
    search.start_clock()
    for step in range(1, params.steps + 1):
        search.begin(step, rates.share(step))
        lr = rates.rate(step)
        try:
            optimizer.step(evaluate, lr)
        except NonFiniteLossError as error:
            search.stopped = f"{error} at step {step}{error.whose}; {KEPT}"
            break
        normalize(search.noise)
        report(search.record(lr))
        if callback is not None:
            callback(search.state())
        if search.stands_still():
            rates.end_early(step)
        if step == rates.last:
            break


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
    start = find_start(
        generator,
        params.init,
        target=target,
        rng=rng,
        encoder=encoder,
        label=params.label,
        any_maker=params.init_any,
        spread=params.init_spread,
    )
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
        raise NonFiniteLossError(f"the loss became {value}", _whose(search, image))
    if search.noise:
        terms = terms | {"noise": autocorrelation(search.noise)}
        (loss + search.params.noise_regularizer * terms["noise"]).backward()
    else:
        loss.backward()
    if search.moved.grad is None:  # only terms of one's own can miss it
        raise ParamsError("the loss does not depend on the latent: use images or ws in its terms")
    search.keep(value, terms, image[0])
    return loss.detach()


def _whose(search: Search, image: Tensor) -> str:
    """Say that a loss is not finite because the generator's image of the start is not, or ""."""
    if search.evaluations > 1 or image.isfinite().all():
        return ""
    name = search.generator.name or "the generator"
    return f": {name} renders NaN or infinite values of the start; its weights may be damaged"


@torch.no_grad()
def finish(search: Search, target: Tensor, settings: dict[str, str]) -> Inversion:
    """Render and measure the best that a search found, in float32, and bring it to the CPU."""
    found, params, kept = search.found(), search.params, _kept_noise(search)
    image = code_image = render_result(search.generator, found.latent, kept)
    refinement = {name: x.half() for name, x in found.refinement.items()}  # as it is saved
    if refinement:
        image = render_refined(search.generator, found.latent, kept, refinement)
    if search.snapshots:
        search.snapshots = [shot for shot in search.snapshots if shot[0] < len(search.history)]
        search.keep_snapshot(len(search.history), image)
    return Inversion(
        latent=found.latent.cpu(),
        noise={name: x.cpu() for name, x in kept.items()},
        image=image.cpu(),
        target=target.cpu(),
        history=search.history,
        metrics=_measured(image, target),
        best_step=search.best.step,
        best_loss=search.best.loss,
        evaluations=search.evaluations,
        seconds=search.seconds,
        stopped=search.stopped,
        settings=settings,
        snapshots=search.snapshots,
        trace=search.trace,
        interrupted=search.interrupted,
        refinement={name: x.cpu() for name, x in refinement.items()},
        code_image=code_image.cpu() if refinement else None,
        code_metrics=_measured(code_image, target) if refinement else {},
        params=params,
        generator=search.generator.name,
        generator_sha256=search.generator.sha256,
    )


def _measured(image: Tensor, target: Tensor) -> dict[str, float]:
    if image.isnan().any():  # a generator that renders nothing else; `stopped` says it
        return dict.fromkeys(METRICS, math.nan)
    return measure(image, target)


def resolve(params: P, generator: Generator) -> P:
    """Replace every `auto` of a search's parameters by what it means here."""
    resolved = {
        "precision": resolve_precision(params.precision, generator.device),
        "compile": resolve_compile(params.compile, generator, params.all_steps),
        "coordinates": resolve_coordinates(params.coordinates, params.optimizer, generator),
    }
    return params.model_copy(update=resolved)


def _silent(text: str) -> None:
    pass

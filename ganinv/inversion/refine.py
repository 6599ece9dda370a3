"""Refinements: after the latent is found, what makes its image the photograph itself.

Each algorithm is one function of a `Task`. It makes what moves and a function that renders it, and
hands both to `descend`, which takes Adam's steps and keeps the best. The latent does not move.
"""

import copy
import math
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from skimage.segmentation import slic
from torch import Tensor

from ganinv.compute.device import autocast
from ganinv.compute.render import make_function
from ganinv.errors import ParamsError
from ganinv.generators.base import Flow, Generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.inversion.optimizers import fall
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import Refinement, tune
from ganinv.inversion.search import Search
from ganinv.losses.lpips import LPIPS_SIZE, load_lpips
from ganinv.losses.terms import loss_weights
from ganinv.weights.store import FEATURES, WEIGHTS

KEPT = "the best so far is kept"
RISE = 5  # steps in which a rate goes up
FALL = 0.5  # the share of the steps in which it comes down
FEATURES_LR, WEIGHTS_LR = 0.09, 3e-4  # as in DHR's settings, and PTI's
BOTH_SHARE = WEIGHTS_LR / FEATURES_LR  # of the rate of features, for the weights beside them
SEGMENTS = 200  # superpixels that are told apart, as by DHR
BALL = 30.0  # alpha of PTI's regularizer: how far from the latent its images lie

Comparison = Callable[[Tensor, Tensor], tuple[Tensor, dict[str, Tensor]]]  # images, ws -> loss
Group = tuple[list[Tensor], Callable[[int], float]]  # tensors that move, their rate at each step


@dataclass
class Task:
    """What an algorithm is given: a search that has ended, and how to compare and compute.

    `ws` (1, num_ws, w_dim) and `noise` are the code; `target` is (3, H, W). `begin` is a refinement
    to go on from. `compare_with` makes the loss to another target.
    """

    search: Search
    ws: Tensor
    noise: dict[str, Tensor] | str
    target: Tensor
    begin: Refinement
    compare: Comparison
    compare_with: Callable[[Tensor], Comparison]
    compiled: str
    say: Callable[[str], object]
    rng: torch.Generator
    report: Callable[[dict], object]
    callback: Callable[[Any], object] | None = None
    started: float = 0.0
    waited: float = 0.0  # seconds, for functions to be compiled

    @property
    def generator(self) -> Generator:
        """The generator, which stays as it is."""
        return self.search.generator

    @property
    def params(self) -> SearchParams:
        """The parameters of the search."""
        return self.search.params

    def rate(self, usual: float) -> Callable[[int], float]:
        """Return the rate at each step, from 1 on; `usual` is that of refine_lr: auto."""
        params = self.params
        lr = usual if params.refine_lr == "auto" else params.refine_lr
        if params.refine_lr_schedule == "constant":
            return lambda step: lr
        steps = params.refine_steps

        def rate(step: int) -> float:
            left = (steps - step + 1) / steps
            return lr * fall(left, FALL) * min(1.0, step / min(RISE, steps))

        return rate

    def fast(self, name: str, function: Callable[..., Tensor], *example: Any) -> Callable:
        """Make a function of the generator fast: compiled once, for all photographs."""
        precision, compiled = self.params.precision, self.compiled
        owner = getattr(function, "__self__", self.generator)
        started = time.perf_counter()
        render, how = make_function(owner, name, function, precision, compiled, self.say, example)
        self.search.compiled.append(how)
        self.waited += time.perf_counter() - started
        return render


def features(task: Task) -> None:
    """Move an offset to the features at one resolution; what lies below is computed once.

    As DHR (Zhu et al. 2023, arXiv 2301.12141) does outside of its domain, and like BDInvert (Kang
    et al. 2021, arXiv 2109.12999), which moves the features themselves.
    """
    generator, r = task.generator, task.params.refine_resolution
    with torch.no_grad():
        flow = generator.head(task.ws, r, task.noise)  # features (1, C, r, r)
    base = flow.features.contiguous(memory_format=torch.channels_last)
    offset = _start(task, r)

    def tail(features: Tensor, image: Tensor | None, ws: Tensor, noise: Any) -> Tensor:
        return generator.tail(Flow(features, image), ws, r, noise)

    rest = flow.image, task.ws, task.noise
    render = task.fast(f"tail {r}", tail, base.clone().requires_grad_(), *rest)
    descend(
        task,
        lambda: render(base + offset, *rest),
        [([offset], task.rate(FEATURES_LR))],
        lambda: {f"{FEATURES}{r}": offset.detach()[0].clone()},
    )


def weights(task: Task) -> None:
    """Move the weights of the synthesis network: Pivotal Tuning (Roich et al. 2021, 2106.05744).

    With `refine_locality` images near the latent are held as the generator made them (section 3.3):
    those of the latent moved by `BALL` towards a drawn one. Departures from its code: the draw is
    not truncated, and images have the noise of the result, there none.
    """
    tuned, moving = _tunable(task)
    render = task.fast("tuned", tuned.synthesis, task.ws, task.noise)
    weight = task.params.refine_locality
    descend(
        task,
        lambda: render(task.ws, task.noise),
        [(list(moving.values()), task.rate(WEIGHTS_LR))],
        lambda: _differences(task.generator, moving),
        (lambda step: weight * _locality(task, render)) if weight else None,
    )


def both(task: Task) -> None:
    """Move features where the code fails, and weights: after DHR (arXiv 2301.12141).

    The mask: superpixels of the photograph (SLIC) whose LPIPS to the code's image is above the mean
    are what weights should not learn. There an offset moves; weights move in the first half of the
    steps only, as in DHR's settings. Departures: one loss moves both; the mask's threshold is the
    mean; the weights' rate is that of `weights`, DHR's being five times as high; images near the
    latent may be held as by `weights`.
    """
    generator, r = task.generator, task.params.refine_resolution
    tuned, moving = _tunable(task)
    begun = _start(task, r).detach()
    moved = torch.zeros_like(begun).requires_grad_()
    with torch.no_grad(), autocast(task.ws.device, task.params.precision):
        image = generator.synthesis(task.ws, task.noise).float()[0]
    mask = find_failures(image, task.target, r)  # (1, 1, r, r)

    def synthesis(ws: Tensor, noise: Any, offset: Tensor) -> Tensor:
        return tuned.synthesis(ws, noise, {r: offset})

    example = begun.clone().requires_grad_()
    render = task.fast(f"both {r}", synthesis, task.ws, task.noise, example)
    # other images have no offset; without a gradient it would be compiled anew
    still = torch.zeros_like(begun).requires_grad_()

    def render_other(ws: Tensor, noise: Any) -> Tensor:
        return render(ws, noise, still)

    weight, half = task.params.refine_locality, task.params.refine_steps // 2
    rate = task.rate(FEATURES_LR)

    def penalty(step: int) -> Tensor | None:
        return weight * _locality(task, render_other) if weight and step <= half else None

    descend(
        task,
        lambda: render(task.ws, task.noise, begun + mask * moved),
        [
            ([moved], rate),
            (list(moving.values()), lambda step: BOTH_SHARE * rate(step) * (step <= half)),
        ],
        lambda: {
            f"{FEATURES}{r}": (begun + mask * moved).detach()[0],
            **_differences(generator, moving),
        },
        penalty,
    )


ALGORITHMS = {"features": features, "weights": weights, "both": both}


def refine(
    search: Search,
    target: Tensor,
    noise: dict[str, Tensor],
    begin: Refinement,
    *,
    compare_with: Callable[[Tensor], Comparison],
    compiled: str,
    rng: torch.Generator,
    say: Callable[[str], object],
    report: Callable[[dict], object],
    callback: Callable[[Any], object] | None = None,
) -> None:
    """Refine the best latent of a search by the algorithm that its parameters name.

    `target` is (3, H, W); `noise` are the optimized maps that belong to the latent, {} where the
    stored ones do; `begin` is a refinement to go on from. `compare_with` makes the loss to a
    target. The best goes to `search.refinement`, the steps to its history.
    """
    search.refinement = begin
    if not search.params.refine_steps:
        return
    # as a search leaves them, also where this code was searched by an earlier process: another
    # layout would be summed in another order, to other last bits
    search.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ws = search.space.to_ws(search.best.latent, search.generator)[None].contiguous()
    if compiled == "on":
        # nobody asks for its gradient, but without one inductor's loops on a CPU are twice as slow:
        # 0.86 s and 0.42 s for the student's tail from 64 pixels (one core, bf16, torch 2.15)
        ws = ws.detach().clone().requires_grad_()
    task = Task(
        search=search,
        ws=ws,  # (1, num_ws, w_dim)
        noise=noise or "const",
        target=target,
        begin=begin,
        compare=compare_with(target),
        compare_with=compare_with,
        compiled=compiled,
        say=say,
        rng=rng,
        report=report,
        callback=callback,
    )
    task.started = time.perf_counter()
    ALGORITHMS[search.params.refine](task)


def descend(
    task: Task,
    render: Callable[[], Tensor],
    groups: Sequence[Group],
    keep: Callable[[], Refinement],
    also: Callable[[int], Tensor | None] | None = None,
) -> None:
    """Take Adam's steps on what moves, and keep the best as `keep` gives it.

    `render` makes the image (1, 3, H, W) of what moves now; `also` makes the penalty () of a step,
    which does not say which is the best, or None. A loss that is not finite ends it, and
    `refine_stop`.
    """
    search, params = task.search, task.params
    adam = torch.optim.Adam([{"params": tensors} for tensors, _ in groups])
    search.seconds += time.perf_counter() - task.started - task.waited  # of what goes before
    search.begin_refinement()
    before, stop = len(search.history), _stop_term(params)
    for step in range(1, params.refine_steps + 1):
        for group, (_, rate) in zip(adam.param_groups, groups, strict=True):
            group["lr"] = rate(step)
        adam.zero_grad()
        image = render()
        loss, terms = task.compare(image, task.ws)
        values = {name: term.item() for name, term in terms.items()}
        if not math.isfinite(loss.item()):
            value = loss.item()
            search.stopped = f"the loss became {value} at step {before + step}; {KEPT}"
            return
        kept = keep() if search.is_best(loss.item()) else None
        search.note(before + step, loss.item(), values, image[0], kept)
        task.report(search.record(groups[0][1](step)))
        if task.callback is not None:
            task.callback(search.state())
        if step == params.refine_steps or (stop and values[stop] <= params.refine_stop):
            return
        penalty = None if also is None else also(step)
        (loss if penalty is None else loss + penalty).backward()
        if all(x.grad is None for tensors, _ in groups for x in tensors):
            raise ParamsError("refine_loss does not depend on the image: use images in its terms")
        adam.step()


def _stop_term(params: SearchParams) -> str:
    """The term that `refine_stop` looks at, "" for none."""
    if not params.refine_stop:
        return ""
    return next(name for name in loss_weights(params.refine_loss) if name.startswith("lpips"))


def _start(task: Task, r: int) -> Tensor:
    """The offset (1, C, r, r) that features begin with: the given one, or zero."""
    shape = task.generator.feature_shapes()[r]
    begun = task.begin.get(f"{FEATURES}{r}")
    offset = torch.zeros(shape) if begun is None else begun.float()
    offset = offset[None].to(task.ws.device, copy=True, memory_format=torch.channels_last)
    return offset.requires_grad_()


_copies: weakref.WeakKeyDictionary[Generator, Generator] = weakref.WeakKeyDictionary()


def _tunable(task: Task) -> tuple[Generator, dict[str, torch.nn.Parameter]]:
    """A copy of the generator, with the weights to begin with, and those of them that move.

    One copy serves all photographs, so that what is compiled of it does too.
    """
    generator = task.generator
    begun = tune(generator, task.begin)
    if generator not in _copies:
        tuned = copy.deepcopy(begun)
        tuned.__dict__.pop("_renderers", None)  # they hold the original, which could not be freed
        _copies[generator] = tuned
    tuned = _copies[generator].to(generator.device)
    tuned.load_state_dict(begun.state_dict())
    tuned.prepare()
    moving = tuned.synthesis_parameters()
    for weight in moving.values():
        weight.requires_grad_()
    return tuned, moving


def _differences(generator: Generator, moving: dict[str, torch.nn.Parameter]) -> Refinement:
    """What the weights that moved differ by from the generator's."""
    original = generator.synthesis_parameters()
    return {f"{WEIGHTS}{name}": (x - original[name]).detach() for name, x in moving.items()}


def _locality(task: Task, render: Callable[..., Tensor]) -> Tensor:
    """The refinement's loss between an image near the latent and what the generator made of it."""
    generator = task.generator
    with torch.no_grad():
        z = torch.randn(1, generator.z_dim, generator=task.rng).to(task.ws)
        labels = generator.random_labels(1, task.rng)
        way = generator.mapping(z, None if labels is None else labels.to(task.ws)) - task.ws
        near = (task.ws + BALL * way / way.norm()).contiguous()
        with autocast(near.device, task.params.precision):
            wanted = generator.synthesis(near, task.noise).float()[0]
    near.requires_grad_(task.ws.requires_grad)  # else it would be compiled anew
    return task.compare_with(wanted)(render(near, task.noise), near)[0]


@torch.no_grad()
def find_failures(image: Tensor, target: Tensor, resolution: int) -> Tensor:
    """Return where an image (3, H, W) is unlike the target: (1, 1, r, r), 1 there and 0 elsewhere.

    By superpixels of the target (SLIC): those whose mean LPIPS, by AlexNet, is above the mean. The
    mask is box-averaged to the resolution, so that values at borders lie between.
    """
    both = [box_resize(x[None], LPIPS_SIZE) for x in (image, target)]
    unlike = load_lpips("alex", image.device).map(*both)[0].cpu().numpy()  # (h, w)
    picture = to_uint8(both[1][0])
    segments = slic(picture, n_segments=SEGMENTS, start_label=0)
    failing = torch.zeros(unlike.shape)
    for segment in range(segments.max() + 1):
        inside = segments == segment
        failing[torch.from_numpy(inside)] = float(unlike[inside].mean() > unlike.mean())
    mask = failing[None, None].to(image)  # (1, 1, h, w)
    if resolution > mask.shape[-1]:
        return torch.nn.functional.interpolate(mask, size=resolution)
    return torch.nn.functional.adaptive_avg_pool2d(mask, resolution)

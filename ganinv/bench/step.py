"""`ganinv bench step`: one step of a search in W+, ours beside code as the projectors write it.

A step renders from the latent, box-averages to 256, computes the loss, goes back to the latent and
moves it by Adam. A batch holds different images, each with its own latent and target, and the loss
is summed, so that no image's gradient depends on the others.

Ours is the path of a long search: `make_renderer`, `make_loss`, `kept_memory`. Plain is eager
float32 as rosinality's projector and its descendants write it: StyleGAN2 by `plain_synthesis`, the
student by its `synthesis` in the default memory format, and both images through the lpips package
at every step. NVIDIA's projector keeps the target's features, as ours does. The package's module
is frozen here, which spares plain the gradients of LPIPS's own weights.
"""

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganinv.bench.generators import CONFIG_F, find_generator
from ganinv.bench.measure import (
    SEED,
    Isolate,
    compare,
    describe,
    draw_ws,
    fast_renderer,
    in_a_process,
    time_steps,
)
from ganinv.bench.plain import plain_synthesis
from ganinv.compute.compile import WORTH_COMPILING
from ganinv.compute.memory import kept_memory, reset_peak
from ganinv.files import write_json
from ganinv.generators.base import Generator
from ganinv.generators.stylegan2 import StyleGAN2
from ganinv.images.pixels import quantize
from ganinv.losses.lpips import LPIPS_SIZE, Lpips, package_lpips
from ganinv.losses.reconstruction import make_loss
from ganinv.runs.environment import describe_machine
from ganinv.weights.locate import locate

GENERATORS = ("ffhq-student", CONFIG_F)
LOSSES = ("l2", "lpips")
LR = 0.05
PLAIN, OURS = "plain", "ours"
KEPT = "plain, target kept"  # a third variant, for `quality`
AS_WRITTEN = {"precision": "float32", "compile": "off"}  # how plain code runs
Evaluate = Callable[[Tensor], Tensor]  # ws (N, num_ws, w_dim) -> the summed loss


@dataclass(frozen=True)
class Case:
    """A step to be timed; `resolution` is that of config-f, others have their own."""

    generator: str
    loss: str
    batch: int
    device: str
    variant: str
    resolution: int = 1024

    def __str__(self) -> str:
        return f"{self.generator}, {self.loss}, batch {self.batch}, {self.variant}"


def default_batches(device: str) -> tuple[int, ...]:
    """Return the batch sizes worth measuring on a device."""
    return (1, 4, 16) if torch.device(device).type == "cuda" else (1, 2)


def bench_step(
    generators: Sequence[str] = GENERATORS,
    losses: Sequence[str] = LOSSES,
    batches: Sequence[int] = (),
    *,
    steps: int = 5,
    resolution: int = 1024,
    device: str = "cpu",
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
    isolate: Isolate = in_a_process,
) -> dict[str, Any]:
    """Time plain and ours for each generator, loss and batch; `batches` () are the device's own.

    Returns a dict with `machine`, `rows` (one per variant), `ratios` (one per pair) and `failed`
    (pairs that do not fit into memory), which is written to `out` (a JSON file) after every pair.
    `resolution` is that of config-f.
    """
    for name in generators:
        if name != CONFIG_F:
            locate(name, "generator")  # raises where it is not here, before anything is timed
    machine = describe_machine(device) | {"seed": SEED}
    result: dict[str, Any] = {"machine": machine, "rows": [], "ratios": [], "failed": []}
    for name in generators:
        for loss in losses:
            for batch in batches or default_batches(device):
                about: dict[str, Any] = {"generator": name, "loss": loss, "batch": batch}
                cases = [
                    Case(**about, device=device, variant=variant, resolution=resolution)
                    for variant in (PLAIN, OURS)
                ]
                try:
                    plain, ours = (_measure_aloud(case, steps, say, isolate) for case in cases)
                except MemoryError as error:  # the other pairs may fit
                    say(f"left out: {error}")
                    result["failed"].append(about | {"reason": str(error)})
                else:
                    result["rows"] += plain, ours
                    about["generator"] = ours["generator"]
                    result["ratios"].append(about | compare(ours, plain))
                if out is not None:
                    write_json(out, result)
    return result


def _measure_aloud(case, steps, say, isolate):
    say(f"{case}: measuring …")
    row = isolate(str(case), measure, case, steps, WORTH_COMPILING)
    say(f"{case}: {describe(row)}")
    return row


def measure(
    case: Case,
    steps: int,
    search_steps: int,
    *,
    keep_memory: Callable[[str], contextlib.AbstractContextManager] = kept_memory,
) -> dict[str, Any]:
    """Time `steps` of one case, in this process; a search of `search_steps` decides on compile.

    Returns a row: seconds, peak_mb, their warm-up's, and what was measured. `keep_memory` is the
    context in which ours runs.
    """
    generator = find_generator(case.generator, case.resolution, case.device)
    targets = draw_targets(generator, case.batch)
    started = time.perf_counter()
    reset_peak(case.device)
    if case.variant == OURS:
        evaluate, how = fast_loss(generator, targets, case.loss, search_steps)
    else:
        keep = case.variant == KEPT
        evaluate, how = plain_loss(generator, targets, case.loss, keep=keep), AS_WRITTEN
    latent = generator.w_avg.expand(case.batch, generator.num_ws, -1).clone().requires_grad_(True)
    optimizer = torch.optim.Adam([latent], lr=LR)

    def step():
        optimizer.zero_grad()
        evaluate(latent).backward()
        optimizer.step()

    # plain code runs as its users run it, with the allocator's own habits
    with keep_memory(case.device) if case.variant == OURS else contextlib.nullcontext():
        timed = time_steps(step, steps, case.device, started)
    about = {
        "generator": generator.name,
        "resolution": generator.resolution,
        "loss": case.loss,
        "batch": case.batch,
        "device": str(generator.device),
        "variant": case.variant,
    }
    return timed | about | how


@torch.no_grad()
def draw_targets(generator: Generator, count: int) -> Tensor:
    """Draw different images of the generator, as 8-bit files hold them: (count, 3, H, W)."""
    ws = draw_ws(generator, count)
    return torch.stack([quantize(generator.synthesis(w[None])[0]) for w in ws])


def fast_loss(
    generator: Generator,
    targets: Tensor,
    loss: str,
    search_steps: int,
    *,
    precision: str = "auto",
    size: int = LPIPS_SIZE,
) -> tuple[Evaluate, dict[str, str]]:
    """Make the function from ws (N, num_ws, w_dim) to the summed loss by our path.

    Images are box-averaged to `size` pixels. Also returns the {precision, compile} it runs in.
    """
    render, how = fast_renderer(
        generator, precision=precision, compiled="auto", steps=search_steps, batch=len(targets)
    )
    objective = make_loss(
        loss,
        targets,
        lpips_net="vgg",
        loss_resolution=size,
        precision=how["precision"],
        compiled=how["compile"],
    )
    return lambda ws: objective(render(ws))[0], how


def plain_loss(
    generator: Generator,
    targets: Tensor,
    loss: str,
    *,
    keep: bool = False,
    size: int = LPIPS_SIZE,
) -> Evaluate:
    """Make the function from ws (N, num_ws, w_dim) to the summed loss by plain code.

    Images are box-averaged to `size` pixels. `keep` computes the target's LPIPS features once, as
    NVIDIA's projector does.
    """
    render = generator.synthesis
    if isinstance(generator, StyleGAN2):
        render = functools.partial(plain_synthesis, generator)
    targets = _shrink(targets, size)
    if loss == "lpips" and keep:
        model = Lpips("vgg").to(targets.device)  # in the default memory format, unlike a search's
        wanted = model.targets(targets)
        return lambda ws: model.distance(model.features(_shrink(render(ws), size)), wanted).sum()
    distance = package_lpips("vgg").to(targets.device) if loss == "lpips" else _mse
    return lambda ws: distance(_shrink(render(ws), size), targets).sum()


def _mse(images, targets):
    return F.mse_loss(images, targets, reduction="none").mean((1, 2, 3))


def _shrink(images, size):
    if images.shape[2] > size:
        return F.interpolate(images, size=(size, size), mode="area")
    return images

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

import torch
import torch.nn.functional as F

from ganinv.bench.generator import CONFIG_F, PLAIN, find_generator
from ganinv.bench.measure import (
    compare,
    describe,
    describe_machine,
    draw_ws,
    fast_renderer,
    in_a_process,
    time_steps,
)
from ganinv.bench.plain import plain_synthesis
from ganinv.compute.compile import WORTH_COMPILING
from ganinv.compute.memory import kept_memory, reset_peak
from ganinv.files import write_json
from ganinv.generators.stylegan2 import StyleGAN2
from ganinv.images.pixels import quantize
from ganinv.losses.lpips import LPIPS_SIZE, Lpips, package_lpips
from ganinv.losses.reconstruction import make_loss
from ganinv.weights.locate import locate

GENERATORS = ("ffhq-student", CONFIG_F)
LOSSES = ("l2", "lpips")
LR = 0.05
KEPT = "plain, target kept"  # a third variant, for `quality`


def default_batches(device):
    """Batch sizes worth measuring on a device."""
    return (1, 4, 16) if torch.device(device).type == "cuda" else (1, 2)


def bench_step(
    generators=GENERATORS,
    losses=LOSSES,
    batches=(),
    *,
    steps=5,
    resolution=1024,
    device="cpu",
    out=None,
    say=print,
):
    """Time plain and ours for each generator, loss and batch; `batches` () are the device's own.

    Returns a dict with `machine`, `rows` (one per variant), `ratios` (one per pair) and `failed`
    (pairs that do not fit into memory), which is written to `out` (a JSON file) after every pair.
    `resolution` is that of config-f.
    """
    for name in generators:
        if name != CONFIG_F:
            locate(name, "generator")  # raises where it is not here, before anything is timed
    result = dict(machine=describe_machine(device), rows=[], ratios=[], failed=[])
    for name in generators:
        for loss in losses:
            for batch in batches or default_batches(device):
                about = dict(generator=name, loss=loss, batch=batch)
                try:
                    plain, ours = (
                        _measure_aloud(name, resolution, loss, batch, device, variant, steps, say)
                        for variant in ("plain", "ours")
                    )
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


def _measure_aloud(name, resolution, loss, batch, device, variant, steps, say):
    what = f"{name}, {loss}, batch {batch}, {variant}"
    say(f"{what}: measuring …")
    row = in_a_process(
        what, measure, name, resolution, loss, batch, device, variant, steps, WORTH_COMPILING
    )
    say(f"{what}: {describe(row)}")
    return row


def measure(name, resolution, loss, batch, device, variant, steps, search_steps):
    """Time `steps` of one variant, in this process; a search of `search_steps` decides on compile.

    Returns a row: seconds, peak_mb, their warm-up's, and what was measured.
    """
    generator = find_generator(name, resolution, device)
    targets = draw_targets(generator, batch)
    started = time.perf_counter()
    reset_peak(device)
    plain = variant != "ours"
    if plain:
        evaluate, how = plain_loss(generator, targets, loss, keep=variant == KEPT), PLAIN
    else:
        evaluate, how = fast_loss(generator, targets, loss, search_steps)
    latent = generator.w_avg.expand(batch, generator.num_ws, -1).clone().requires_grad_(True)
    optimizer = torch.optim.Adam([latent], lr=LR)

    def step():
        optimizer.zero_grad()
        evaluate(latent).backward()
        optimizer.step()

    # plain code runs as its users run it, with the allocator's own habits
    with contextlib.nullcontext() if plain else kept_memory(device):
        timed = time_steps(step, steps, device, started)
    return timed | dict(
        generator=generator.name,
        resolution=generator.resolution,
        loss=loss,
        batch=batch,
        device=str(generator.device),
        variant=variant,
        **how,
    )


@torch.no_grad()
def draw_targets(generator, count):
    """Different images of the generator, as 8-bit files hold them: (count, 3, H, W)."""
    ws = draw_ws(generator, count)
    return torch.stack([quantize(generator.synthesis(w[None])[0]) for w in ws])


def fast_loss(generator, targets, loss, search_steps, precision="auto"):
    """The function from ws (N, num_ws, w_dim) to the summed loss by our path, and how it runs."""
    render, how = fast_renderer(
        generator, precision=precision, compiled="auto", steps=search_steps, batch=len(targets)
    )
    objective = make_loss(
        loss,
        targets,
        lpips_net="vgg",
        loss_resolution=LPIPS_SIZE,
        precision=how["precision"],
        compiled=how["compile"],
    )
    return lambda ws: objective(render(ws))[0], how


def plain_loss(generator, targets, loss, keep=False):
    """The function from ws (N, num_ws, w_dim) to the summed loss by plain code.

    `keep` computes the target's LPIPS features once, as NVIDIA's projector does.
    """
    render = generator.synthesis
    if isinstance(generator, StyleGAN2):
        render = functools.partial(plain_synthesis, generator)
    targets = _shrink(targets)
    if loss == "lpips" and keep:
        model = Lpips("vgg").to(targets.device)
        wanted = model.targets(targets)
        return lambda ws: model.distance(model.features(_shrink(render(ws))), wanted).sum()
    distance = package_lpips("vgg").to(targets.device) if loss == "lpips" else _mse
    return lambda ws: distance(_shrink(render(ws)), targets).sum()


def _mse(images, targets):
    return F.mse_loss(images, targets, reduction="none").mean((1, 2, 3))


def _shrink(images):
    if images.shape[2] > LPIPS_SIZE:
        return F.interpolate(images, size=(LPIPS_SIZE, LPIPS_SIZE), mode="area")
    return images

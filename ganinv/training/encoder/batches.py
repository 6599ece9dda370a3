"""What one step of an encoder's training is given, and what its closed-form start is fitted to."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from ganinv.compute.processes import Part
from ganinv.training.encoder import draws
from ganinv.training.encoder.closed_form import fit_head
from ganinv.training.encoder.networks import Networks
from ganinv.training.loop import Say, step_rng


@dataclass(frozen=True)
class Batch:
    """A process's part of a step's images (N, 3, H, W) and latents ws (N, num_ws, w_dim).

    The first `known` images of the whole batch are as their latents say. `rng` draws what else the
    step draws, the same in all processes.
    """

    images: Tensor
    ws: Tensor
    known: int
    rng: torch.Generator
    part: Part


def count_photographs(networks: Networks, photographs: draws.Photographs | None) -> int:
    """Count the photographs of a batch."""
    params = networks.params
    return draws.share_of(params.batch, params.photograph_share) if photographs else 0


def draw_batch(networks: Networks, photographs: draws.Photographs | None, step: int) -> Batch:
    """Draw the images of a step: some as drawn, others changed, and last the photographs."""
    params, rng, part = networks.params, step_rng(networks.params, "step", step), networks.part
    photos = count_photographs(networks, photographs)
    ws, _ = draws.draw_ws(
        networks.generator,
        params.batch,
        rng,
        mixing=params.mixing,
        truncation=(params.truncation_min, params.truncation_max),
    )
    images = part.gather(networks.render(part.of(ws)))  # changes mix neighbours: all are needed
    known = math.ceil(params.clean * (params.batch - photos))
    changed = draws.change(images[known : params.batch - photos], rng, params.change)
    parts = [images[:known], changed]
    if photographs and photos:
        drawn = photographs.draw(photos, rng).to(images)
        parts.append(draws.change(drawn, rng, draws.OF_PHOTOGRAPHS))
    return Batch(part.of(torch.cat(parts)), part.of(ws), known, rng, part)


def begin(networks: Networks, say: Say) -> None:
    """Give the encoder its start: an earlier one's head, w in closed form, or the mean of W."""
    params, encoder = networks.params, networks.encoder
    if networks.earlier is not None:
        say(f"beginning from the encoder {params.start}")
        encoder.load_state_dict(networks.earlier[0], strict=False)
    elif params.fit_samples:
        say(f"fitting w to {params.fit_samples} drawn images in closed form")
        _fit(networks, say)
    else:
        with torch.no_grad():
            for parameter in encoder.base.parameters():
                parameter.zero_()


@torch.no_grad()
def _fit(networks, say):
    """w by ridge regression on the trunk's features of drawn images with one w each.

    All processes draw; the first fits, and its head becomes everyone's.
    """
    params, encoder, count = networks.params, networks.encoder, networks.params.fit_samples
    processes, part = networks.processes, networks.part
    features, wanted, started = [], [], time.perf_counter()
    for index in range(0, count, params.batch):
        ws, _ = draws.draw_ws(
            networks.generator,
            params.batch,
            step_rng(params, "fit", index),
            mixing=0,
            truncation=(params.truncation_min, params.truncation_max),
        )
        wanted.append(ws[:, 0] - encoder.w_avg)
        seen = networks.see(networks.render(part.of(ws)))
        gathered = [part.gather(x.half()) for x in seen]
        if processes.is_first:
            features.append(gathered)
        drawn, every = len(wanted), max(10 * params.log_every // params.batch, 1)
        if params.log_every and drawn % every == 0:
            seconds = time.perf_counter() - started
            say(f"fit {drawn * params.batch}/{count}  {seconds:.0f} s")
    if processes.is_first:
        levels = [torch.cat(level) for level in zip(*features, strict=True)]
        fit_head(encoder, levels, torch.cat(wanted), params.fit_ridge)
    processes.send(encoder.head().values())

"""Looks at an encoder in training: how held-out images come back, in numbers and in a picture."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.training.encoder import draws
from ganinv.training.encoder.networks import Networks
from ganinv.training.loop import Progress, step_rng

TRUNCATION = 0.8  # of the held-out images
PICTURED = 6
FIGURES = ("held_out_error", "held_out_psnr", "held_out_lpips", "mean_w_lpips")


@dataclass(frozen=True)
class HeldOut:
    """Drawn images (N, 3, H, W) that are never trained on, and how far the mean of W is from them:
    mean squared error and LPIPS-VGG."""

    images: Tensor
    mean_error: float
    mean_lpips: float


def draw_held_out(networks: Networks) -> HeldOut:
    """Draw the held-out images of a training, by its seed."""
    generator, params = networks.generator, networks.params
    ws, _ = draws.draw_ws(
        generator,
        params.held_out,
        step_rng(params, "held out"),
        truncation=(TRUNCATION, TRUNCATION),
        mixing=0,
    )
    images = networks.render(ws)
    mean = networks.render(generator.w_avg.expand(1, generator.num_ws, -1))
    error = (images - mean).square().mean().item()
    return HeldOut(images, error, networks.mean_distance(mean.expand_as(images), images))


@torch.no_grad()
def look(networks: Networks, held_out: HeldOut, progress: Progress) -> dict[str, float]:
    """Measure how the held-out images come back, as FIGURES; the first of them are pictured.

    The error is a share of that of the mean of W.
    """
    images = held_out.images
    codes = torch.cat([torch.add(*networks.codes(x)) for x in images.split(8)])
    rendered = networks.render(codes)
    errors = (rendered - images).square().mean((1, 2, 3))
    values = (
        (errors.mean() / held_out.mean_error).item(),
        (10 * torch.log10(4 / errors)).mean().item(),
        networks.mean_distance(rendered, images),
        held_out.mean_lpips,
    )
    rows = [torch.cat(list(x[:PICTURED]), 2) for x in (images, rendered)]
    picture = Path(networks.params.out) / "samples" / f"step_{progress.step:06d}.png"
    save_png(picture, to_uint8(torch.cat(rows, 1)))
    return dict(zip(FIGURES, values, strict=True))

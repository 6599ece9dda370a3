"""What an encoder's code is worth before any search: beside the mean of W, on photographs."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ganinv.compute.render import render_result
from ganinv.generators.base import Generator
from ganinv.images.alignment import load_image
from ganinv.images.pixels import box_resize, quantize, to_uint8
from ganinv.inversion.starts import fit_rows
from ganinv.measures.reconstruction import compute_metrics
from ganinv.runs.samples import find_sample, photographs

SIZE = 256  # of the pictures


@torch.no_grad()
def compare_starts(
    generator: Generator, encoder: nn.Module, names: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """Compare both starts: a dict per photograph.

    It has a title, the metrics of both, and three pictures uint8 (H, W, 3). `names` are sample
    photographs, all of them by default; metrics are those of `measures.reconstruction`.
    """
    rows = []
    for name in photographs() if names is None else names:
        sample = find_sample(name)
        image = load_image(sample.path, generator.resolution, align=not sample.drawn)
        target = quantize(image.to(generator.device))
        ws = fit_rows(encoder(target[None])[0], generator)
        starts = {"mean_w": generator.w_avg.expand(generator.num_ws, -1), "encoder": ws}
        images = {start: render_result(generator, ws) for start, ws in starts.items()}
        rows.append(
            {"title": sample.title, "pictures": [_small(x) for x in (target, *images.values())]}
            | {start: compute_metrics(x, target) for start, x in images.items()}
        )
    return rows


def _small(image):
    return to_uint8(box_resize(image[None], SIZE)[0])

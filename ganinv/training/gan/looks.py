"""Looks at a GAN in training: its samples, pictured, measured against real images, and judged."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.measures.distributions import compare_sets, diversity, set_features
from ganinv.training.folder import SAMPLES
from ganinv.training.gan.networks import Networks
from ganinv.training.gan.trouble import begun, find_trouble, spread
from ganinv.training.loop import Progress, Say, step_rng

LEAST = 1e-12  # of a spread that is divided by
EARLY = (25, 50, 100, 200, 400)  # steps after which samples are pictured, since most happens there
SAID = ("spread", "fid", "kid", "precision", "recall", "diversity")
Measure = Callable[[np.ndarray], dict[str, float]]  # samples uint8 (N, S, S, 3) -> figures


def look(networks: Networks, progress: Progress, say: Say, measure: Measure) -> dict[str, Any]:
    """Measure how the running average's samples differ from real images; picture a grid of them.

    Returns the figures, and the kinds of trouble that they show as `trouble`. A trouble is said
    when it begins.
    """
    params = networks.params
    samples = picture_samples(networks, progress.step)
    real = networks.draw_real(len(samples), step_rng(params, "grid, real"), False)
    figures = {"spread": spread(samples) / max(spread(real), LEAST)}
    if params.measure_count:
        count = _measured(networks)
        drawn = networks.render(networks.draw_z(count, step_rng(params, "measured")))
        figures |= measure(np.stack([to_uint8(image) for image in drawn]))
    if progress.step:
        text = " ".join(f"{name} {figures[name]:.3f}" for name in SAID if name in figures)
        say(f"step {progress.step}/{params.steps}  {text}")
    *earlier, last = progress.history
    found = find_trouble([*earlier, last | figures], params.objective)
    before: list[str] = next((r["trouble"] for r in reversed(earlier) if "trouble" in r), [])
    for trouble in begun(progress.step, found, before):
        say(f"warning: step {progress.step}: {trouble['text']}")
    return figures | {"trouble": list(found)}


def picture_samples(networks: Networks, step: int) -> Tensor:
    """Write a grid of the running average's samples, of the same z at every step; return them.

    They are (grid^2, 3, S, S), and the picture is OUT/samples/step_NNNNNN.png.
    """
    params = networks.params
    networks.settle()
    samples = networks.render(networks.draw_z(params.grid**2, step_rng(params, "grid")))
    rows = [torch.cat(list(row), 2) for row in samples.split(params.grid)]
    path = Path(params.out) / SAMPLES / f"step_{step:06d}.png"
    save_png(path, to_uint8(torch.cat(rows, 1)))
    return samples


def make_measure(
    networks: Networks,
    features: Callable[..., Tensor] = set_features,
    compare: Callable[..., dict[str, float]] = compare_sets,
) -> Measure:
    """Make the function of samples that compares them with real images, chosen once.

    `features` and `compare` are those of `measures.distributions`.
    """
    params, device = networks.params, str(networks.device)
    real: list[Tensor] = []  # their features, once they are needed

    def measure(samples: np.ndarray) -> dict[str, float]:
        if not real:
            rng = step_rng(params, "measured, real")
            order = torch.randperm(len(networks.images), generator=rng).numpy()
            chosen = np.sort(order[: params.measure_count])
            real.append(features(networks.images[chosen], device=device))
        fake = features(samples, device=device)
        return compare(real[0], fake, seed=params.seed) | {"diversity": diversity(real[0], fake)}

    return measure


def looks_since_lowest(history: Sequence[Mapping[str, Any]]) -> int:
    """Count the looks after the one with the lowest FID, 0 where it is the last or there is none.

    `history` are a training's rows; that of its start counts for nothing.
    """
    measured = [row["fid"] for row in history if "fid" in row and row["step"]]
    return len(measured) - 1 - measured.index(min(measured)) if measured else 0


def _measured(networks):
    """How many samples are measured: no more than there are real images."""
    return min(networks.params.measure_count, len(networks.images))

"""Noise maps as part of what is searched.

Karras et al. 2020 (arXiv 1912.04958), appendix D: the maps begin as normal noise, are optimized
together with the latent, brought back to mean 0 and spread 1 after every step, and held free of
pictures by a penalty on their correlation with themselves, moved by a pixel, at several sizes.
Departure: pooled maps are not scaled up by 2, since no published projector does it and its weight
is meant for their penalty.
"""

import functools
import operator
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ganinv.errors import printable
from ganinv.files import split_part
from ganinv.generators.base import Generator
from ganinv.inversion.latent_files import load_noise
from ganinv.inversion.latent_formats import is_foreign
from ganinv.inversion.params import SearchParams

SMALLEST = 8  # pixels: the last size the penalty looks at


def draw_maps(generator: Generator, rng: torch.Generator) -> dict[str, Tensor]:
    """Draw maps of the generator's layers, normal, from a CPU generator of random numbers."""
    return {
        name: torch.randn(stored.shape, generator=rng).to(stored)
        for name, stored in generator.noise_maps().items()
    }


def autocorrelation(maps: dict[str, Tensor]) -> Tensor:
    """Return the penalty (): over maps (1, 1, H, W) and sizes, mean(n * moved n)^2 in x and y."""
    parts = []
    for x in maps.values():
        parts.append(_moved(x))
        while x.shape[2] > SMALLEST:
            x = F.avg_pool2d(x, 2)
            parts.append(_moved(x))
    return functools.reduce(operator.add, parts)


def _moved(x):
    across, down = (x * x.roll(1, 3)).mean(), (x * x.roll(1, 2)).mean()
    return across.square() + down.square()


@torch.no_grad()
def normalize(maps: dict[str, Tensor]) -> None:
    """Bring every map back to mean 0 and mean square 1, in place."""
    for x in maps.values():
        x -= x.mean()
        x *= x.square().mean().rsqrt()


def strengthened(maps: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
    """Return normal maps as `synthesis` takes them: with the strength that stored ones have."""
    stored = generator.noise_maps()
    return {name: x * generator.noise_scale(stored[name]) for name, x in maps.items()}


def unstrengthened(maps: dict[str, Tensor], generator: Generator) -> dict[str, Tensor]:
    """Return what `strengthened` was given. Raises ValueError for maps of another generator."""
    stored = generator.noise_maps()
    if {k: x.shape for k, x in maps.items()} != {k: x.shape for k, x in stored.items()}:
        raise ValueError(f"the noise maps do not fit the generator {generator.name}")
    maps = {name: x.to(stored[name]) for name, x in maps.items()}
    return {name: x / generator.noise_scale(stored[name]) for name, x in maps.items()}


def fit_maps(
    maps: dict[str, Tensor], generator: Generator, source: str | Path
) -> dict[str, Tensor]:
    """Lay the noise maps of another tool's file onto the generator's layers, in their order.

    Those of a file of ours name their layers, and pass as they are. `source` is the latent's file.
    Where maps have other sizes than the layers, a warning says so, and {} is returned.
    """
    file, _ = split_part(source)
    if not maps or not is_foreign(file):
        return maps
    stored = generator.noise_maps()
    if [x.shape for x in maps.values()] == [x.shape for x in stored.values()]:
        return dict(zip(stored, maps.values(), strict=True))
    warnings.warn(
        f"{printable(file)} holds {len(maps)} noise maps, which are left out: they do not fit the "
        f"{len(stored)} layers of {printable(generator.name) or 'the generator'}",
        stacklevel=2,
    )
    return {}


def start_maps(
    params: SearchParams, generator: Generator, rng: torch.Generator
) -> dict[str, Tensor]:
    """Return the normal noise maps that a search begins with: a saved latent's, or drawn.

    They are {} where the generator's stored ones stay. Warns where a saved latent has maps and the
    search leaves them out.
    """
    saved = load_noise(params.init) if split_part(params.init)[0].is_file() else {}
    if params.noise_maps == "stored":
        if saved:
            warnings.warn(
                f"{params.init} holds noise maps that noise_maps: stored leaves out; set "
                "noise_maps to optimized to go on from them",
                stacklevel=4,  # the caller of `invert`
            )
        return {}
    saved = fit_maps(saved, generator, params.init)
    return unstrengthened(saved, generator) if saved else draw_maps(generator, rng)

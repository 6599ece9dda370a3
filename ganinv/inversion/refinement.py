"""Refinements: what is added to a generator so that a code renders the photograph itself.

A refinement is a dict of tensors on the CPU: `features.R` (C, R, R), an offset to the features at
resolution R, and, or, `weights.NAME`, differences to weights of the synthesis network. {} is none.
On disk it is refinement.safetensors, in float16, beside the latent that it belongs to.
"""

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ganinv.compute.render import render_result
from ganinv.errors import printable
from ganinv.generators.base import Generator
from ganinv.inversion.latent_files import LATENT, Named, are_finite, maker_of
from ganinv.inversion.params import SearchParams
from ganinv.weights.store import FEATURES, WEIGHTS, read_tensors, write_tensors

REFINEMENT = "refinement.safetensors"
Refinement = dict[str, Tensor]


def feature_offsets(refinement: Refinement) -> dict[int, Tensor]:
    """Return the offsets to features in a refinement: {R: (C, R, R)}, float32."""
    return {
        int(name.removeprefix(FEATURES)): x.float()
        for name, x in refinement.items()
        if name.startswith(FEATURES)
    }


def weight_changes(refinement: Refinement) -> dict[str, Tensor]:
    """Return the differences to weights in a refinement: {NAME: difference}, float32."""
    return {
        name.removeprefix(WEIGHTS): x.float()
        for name, x in refinement.items()
        if name.startswith(WEIGHTS)
    }


def describe_refinement(refinement: Refinement) -> str:
    """Say what a refinement holds, in a few words."""
    parts = [f"features at {r}" for r in feature_offsets(refinement)]
    if weight_changes(refinement):
        parts.append("weights")
    return " and ".join(parts)


@torch.no_grad()
def tune(generator: Generator, refinement: Refinement) -> Generator:
    """Return the generator with a refinement's weights: a copy, or itself where there are none.

    Its offsets to features are no weights, and are left out.
    """
    changes = weight_changes(refinement)
    if not changes:
        return generator
    tuned = copy.deepcopy(generator)
    weights = tuned.synthesis_parameters()
    for name, change in changes.items():
        weights[name].add_(change.to(weights[name]))
    tuned.prepare()
    return tuned


def render_refined(
    generator: Generator, latent: Tensor, noise: dict[str, Tensor], refinement: Refinement
) -> Tensor:
    """Render a latent (num_ws, w_dim) with its noise maps and its refinement: (3, H, W), float32.

    Computed by the plain generator, as `render_result` does.
    """
    tuned = tune(generator, refinement)
    return render_result(tuned, latent, noise, feature_offsets(refinement))


def check_refinement(refinement: Refinement, generator: Generator, source: object) -> None:
    """Raise ValueError for a refinement that does not fit the generator; `source` names it."""
    weights = {name: tuple(p.shape) for name, p in generator.synthesis_parameters().items()}
    shapes: dict[str, tuple[int, ...]] = {WEIGHTS + name: shape for name, shape in weights.items()}
    shapes |= {f"{FEATURES}{r}": shape for r, shape in generator.feature_shapes().items()}
    named = f"the refinement in {printable(source)}"
    for name, x in refinement.items():
        if name not in shapes:
            raise ValueError(
                f"{named} holds {printable(name)}, which {generator.name or 'this generator'} has "
                "no place for; it is another generator's, or no refinement"
            )
        if tuple(x.shape) != shapes[name]:
            raise ValueError(
                f"{named} holds {name} of shape {tuple(x.shape)}, but "
                f"{generator.name or 'this generator'} takes {shapes[name]}"
            )
        if not are_finite(x, torch.float16):  # as it is saved
            raise ValueError(f"{named} holds {name}, which is no finite floating-point numbers")


def check_refine(params: SearchParams, generator: Generator) -> Refinement:
    """Return what a refinement goes on from: that beside a saved latent, or {}.

    Raises ValueError for a refinement that the generator cannot have, or begin with.
    """
    if params.refine in ("features", "both"):
        offered = generator.feature_shapes()
        if params.refine_resolution not in offered:
            named = generator.name or "this generator"
            raise ValueError(
                f"refine_resolution: {named} has no features at {params.refine_resolution} pixels; "
                f"set it to one of {', '.join(map(str, offered))}"
            )
    path = beside(params.init)
    if path is None or params.refine == "none":
        return {}
    refinement, metadata = load_beside(path)
    made_by = maker_of(metadata)
    if made_by and generator.sha256 and made_by != generator.sha256:
        raise ValueError(
            f"the refinement in {printable(path)} was made with other weights than those of "
            f"{generator.name}; move it elsewhere, or name the generator that it belongs to"
        )
    with _without_it():
        check_refinement(refinement, generator, path)
    taken = {"features": (FEATURES,), "weights": (WEIGHTS,), "both": (FEATURES, WEIGHTS)}
    wanted = f"{FEATURES}{params.refine_resolution}"
    for name in refinement:
        if not name.startswith(taken[params.refine]):
            raise ValueError(
                f"{printable(path)} holds {name}, which refine: {params.refine} does not move; set "
                "refine to what made it, or move the file elsewhere"
            )
        if name.startswith(FEATURES) and name != wanted:
            raise ValueError(
                f"{printable(path)} holds {name}; set refine_resolution to "
                f"{name.removeprefix(FEATURES)} to go on from it, or move the file elsewhere"
            )
    return refinement


def save_refinement(path: str | Path, refinement: Refinement, generator: Named) -> None:
    """Write a refinement in float16, with the generator's name and hash. Raises WriteError."""
    described = json.dumps({"generator": generator.name, "sha256": generator.sha256})
    write_tensors(path, {k: x.half() for k, x in refinement.items()}, {"ganinv": described})


def load_refinement(path: str | Path) -> tuple[Refinement, dict[str, str]]:
    """Read a refinement.safetensors: (refinement, metadata). Raises ValueError."""
    refinement, metadata = read_tensors(path)
    if not refinement:
        raise ValueError(f"{path} holds no tensors, hence no refinement")
    return refinement, metadata


def load_beside(path: Path) -> tuple[Refinement, dict[str, str]]:
    """Read the refinement beside a latent, as `load_refinement`; an error says how to leave it."""
    with _without_it():
        return load_refinement(path)


@contextlib.contextmanager
def _without_it() -> Iterator[None]:
    """Add to a ValueError what helps where a refinement is wanted that is of no use."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{error}; move the file elsewhere to take the latent alone") from None


def is_of(path: Path, generator: Generator) -> bool:
    """Whether the refinement in a file was made with this generator; False for a damaged one."""
    try:
        return maker_of(load_refinement(path)[1]) == generator.sha256
    except ValueError:
        return False


def beside(latent: str | Path) -> Path | None:
    """Return the path of the refinement that belongs to a latent's file, None without one.

    It is that of latent.safetensors alone: edits, and latents of other tools, may lie there too.
    """
    path = Path(latent)
    if path.name != LATENT or not path.is_file():
        return None
    refinement = path.with_name(REFINEMENT)
    return refinement if refinement.is_file() else None

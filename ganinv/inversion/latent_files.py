"""latent.safetensors: a latent, its noise maps, and the name and hash of the generator.

Files of other tools are read as well (`latent_formats`); FILE:NAME is one latent of several there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ganinv.errors import printable
from ganinv.files import split_part
from ganinv.inversion.latent_formats import is_foreign, pick, pick_noise, read_latents
from ganinv.weights.headers import maker_of as maker_of
from ganinv.weights.headers import name_of as name_of
from ganinv.weights.headers import own_words, read_header
from ganinv.weights.store import is_refinement, read_tensors, write_tensors

LATENT = "latent.safetensors"
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
NOISE = "noise."  # before the names of noise maps in a latent's file


class Named(Protocol):
    """What a latent belongs to: a generator, or a `GeneratorFile` that stands for one."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def sha256(self) -> str:
        """The SHA-256 of its weight file."""


class GeneratorFile(NamedTuple):
    """The name and the SHA-256 of a generator's weight file."""

    name: str
    sha256: str


def find_latent(start: str | Path, image_id: str = "") -> Path | None:
    """Find the file of a saved latent, None where there is none.

    `start` is that file, the folder of an image, or that of a run, where it is the one of
    `image_id`.
    """
    path = Path(start)
    places = [path, path / LATENT, *([path / image_id / LATENT] if image_id else [])]
    return next((place for place in places if place.is_file()), None)


def save_latent(
    path: str | Path,
    latent: Tensor,
    generator: Named,
    noise: dict[str, Tensor] | None = None,
    drawn: Mapping[str, object] | None = None,
) -> None:
    """Write latent (num_ws, w_dim), with the generator's name and hash, as safetensors.

    `noise` are optimized maps, kept as noise.NAME; `drawn` says how a latent was drawn, its seed
    and settings. Raises WriteError.
    """
    about = {"generator": generator.name, "sha256": generator.sha256}
    described = json.dumps(about | ({} if drawn is None else {"drawn": dict(drawn)}))
    tensors = {"latent": latent} | {NOISE + name: x for name, x in (noise or {}).items()}
    write_tensors(path, tensors, {"ganinv": described})


def read_drawn(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Read how a latent's file says it was drawn: (hash of its generator, seed and settings).

    "" and {} where it says nothing. Raises ValueError for what is no safetensors file, OSError.
    """
    metadata = read_header(path).get("__metadata__")
    metadata = metadata if isinstance(metadata, dict) else {}
    drawn = own_words(metadata).get("drawn")
    return maker_of(metadata), drawn if isinstance(drawn, dict) else {}


def load_noise(path: str | Path) -> dict[str, Tensor]:
    """Read the optimized noise maps in a latent.safetensors, {} where there are none.

    Those of another tool's latent, FILE or FILE:NAME, are named 0, 1, … by their order, as
    `noise_maps.fit_maps` takes them. Raises ValueError.
    """
    file, name = split_part(path)
    if is_foreign(file):
        found = enumerate(pick_noise(read_latents(file), name, file))
        return {str(i): _finite(f"the noise map {i}", x, path) for i, x in found}
    tensors, _ = read_tensors(path)
    maps = {k.removeprefix(NOISE): x for k, x in tensors.items() if k.startswith(NOISE)}
    return {name: _finite(f"the noise map {name}", x, path) for name, x in maps.items()}


def load_latent(path: str | Path) -> tuple[Tensor, dict[str, str]]:
    """Read a latent.safetensors: (latent (num_ws, w_dim), metadata). Raises ValueError.

    Of another tool's file, FILE or FILE:NAME, the latent is (rows, w_dim) as it stands there, and
    the metadata are {}.
    """
    file, name = split_part(path)
    if is_foreign(file):
        return _finite("the latent", pick(read_latents(file), name, file), path), {}
    if name:
        raise ValueError(f"{file} holds one latent, without a name; name the file alone")
    tensors, metadata = read_tensors(path)
    if "latent" not in tensors:
        refined = is_refinement(tensors)
        beside = f": it is a refinement; name the {LATENT} beside it" if refined else ""
        raise ValueError(f"{path} holds no tensor named latent{beside}")
    return _finite("the latent", tensors["latent"], path), metadata


def are_finite(tensor: Tensor, dtype: torch.dtype = torch.float32) -> bool:
    """Tell whether a tensor holds floating-point numbers that are finite as `dtype` too."""
    return tensor.dtype in FLOATS and bool(tensor.to(dtype).isfinite().all())


def _finite(what, tensor, path):
    """The tensor in float32. Raises ValueError where it holds anything else than such numbers."""
    if not are_finite(tensor):
        raise ValueError(
            f"{printable(what)} in {path} is no finite floating-point numbers; name another"
        )
    return tensor.float()

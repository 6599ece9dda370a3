"""latent.safetensors: a latent, its noise maps, and the name and hash of the generator."""

import json
from pathlib import Path
from typing import NamedTuple, Protocol

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ganinv.files import atomic_path

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


def save_latent(
    path: str | Path,
    latent: Tensor,
    generator: Named,
    noise: dict[str, Tensor] | None = None,
) -> None:
    """Write latent (num_ws, w_dim), with the generator's name and hash, as safetensors.

    `noise` are optimized maps, kept as noise.NAME.
    """
    described = json.dumps({"generator": generator.name, "sha256": generator.sha256})
    tensors = {"latent": latent} | {NOISE + name: x for name, x in (noise or {}).items()}
    tensors = {name: x.contiguous() for name, x in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"ganinv": described})


def load_noise(path: str | Path) -> dict[str, Tensor]:
    """Read the optimized noise maps in a latent.safetensors, {} where there are none.

    Raises ValueError.
    """
    tensors, _ = _read(path)
    return {k.removeprefix(NOISE): x for k, x in tensors.items() if k.startswith(NOISE)}


def load_latent(path: str | Path) -> tuple[Tensor, dict[str, str]]:
    """Read a latent.safetensors: (latent (num_ws, w_dim), metadata). Raises ValueError."""
    tensors, metadata = _read(path)
    if "latent" not in tensors:
        raise ValueError(f"{path} holds no tensor named latent")
    return tensors["latent"], metadata


def _read(path):
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        return load_file(path), metadata
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error})") from None

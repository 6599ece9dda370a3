"""Generators: latent -> image. `load_generator` finds them by name or path."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from ganinv.files import sha256_file
from ganinv.generators.base import Generator, freeze, measure_w
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from ganinv.weights import WeightsError, ensure

ARCHITECTURES = {"mobile_stylegan": MobileStyleGAN}

__all__ = ["ARCHITECTURES", "Generator", "load_generator"]


def load_generator(name, device="cpu"):
    """Load a generator by its name in the manifest or by the path of a converted file.

    It comes frozen, in eval mode, float32. Nothing is downloaded: weights that are not here raise
    WeightsError with the command that brings them, as does a file that is no generator.
    """
    path = _find(name)
    generator = read_generator(path)
    generator.name = path.stem if path == Path(name) else name
    generator.sha256 = sha256_file(path)
    return generator.to(device)


def _find(name):
    path = Path(name)
    if path.suffix == ".safetensors":
        return path
    if path.is_file():
        raise WeightsError(f"{path}: own generators are read from .safetensors files only")
    return ensure(name)


def read_generator(path):
    """Build the generator that a safetensors file describes; raise WeightsError where it cannot."""
    try:
        with safe_open(path, "pt") as file:
            description = json.loads((file.metadata() or {}).get("ganinv", "{}"))
        state = load_file(path)
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}") from None
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error})") from None
    architecture = description.get("architecture")
    if architecture not in ARCHITECTURES:
        raise WeightsError(f"{path} holds no generator (its architecture is {architecture!r})")
    try:
        generator = freeze(ARCHITECTURES[architecture](**description["config"]))
        _load_state(generator, state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise WeightsError(f"{path} does not fit its own description: {error}") from None
    return generator


def _load_state(generator, state):
    """Load weights; W's mean and spread are measured where the file does not bring them."""
    missing, unexpected = generator.load_state_dict(state, strict=False)
    if unexpected or not set(missing) <= {"w_avg", "w_std"}:
        raise RuntimeError(f"missing {missing[:3]}, unexpected {unexpected[:3]}")
    if missing:
        measure_w(generator)

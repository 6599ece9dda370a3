"""Our own weight files: safetensors whose metadata describe the network."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from ganinv.errors import WeightsError
from ganinv.files import atomic_path

Class = TypeVar("Class")
Built = TypeVar("Built")


def save_weights(
    path: str | Path, tensors: Mapping[str, torch.Tensor], description: Mapping[str, Any]
) -> None:
    """Write safetensors whose metadata holds the description as JSON, one key for stable bytes.

    Raises WeightsError where the file cannot be written.
    """
    _check_name(path)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = {"ganinv": json.dumps(description, sort_keys=True)}
    try:
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, metadata=metadata)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error  # without the temporary file's name
        raise WeightsError(f"{path} cannot be written: {reason}") from None


def _check_name(path):
    try:
        str(path).encode()
    except UnicodeEncodeError:
        reason = "its name is not UTF-8, which safetensors asks for; rename it"
        raise WeightsError(f"{path} cannot be used: {reason}") from None


def read_weights(path: str | Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read such a file: (description, {name: tensor}). Raises WeightsError."""
    description = read_description(path)
    try:
        return description, load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error})") from None


def read_description(path: str | Path) -> dict[str, Any]:
    """Read the description alone, {} where the file has none. Raises WeightsError."""
    _check_name(path)
    try:
        with safe_open(path, "pt") as file:
            description = json.loads((file.metadata() or {}).get("ganinv", "{}"))
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}") from None
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not a whole safetensors file ({error})") from None
    return description if isinstance(description, dict) else {}


def read_network(
    path: str | Path,
    kind: str,
    classes: Mapping[str, Class],
    build: Callable[[Class, dict[str, Any], dict[str, torch.Tensor]], Built],
) -> Built:
    """Build the network that a file describes: `build(class, config, state)`.

    `classes` has the class for each architecture of the `kind`, a word for messages. Raises
    WeightsError for a file of another kind, and for one whose tensors do not fit its config.
    """
    description, state = read_weights(path)
    architecture = description.get("architecture")
    if not isinstance(architecture, str) or architecture not in classes:
        raise WeightsError(f"{path} holds no {kind} (its architecture is {architecture!r})")
    try:
        return build(classes[architecture], description["config"], state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path} does not fit its own description: {reason}") from None

"""Our own weight files: safetensors whose metadata describe the network."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, save

from ganinv.errors import WeightsError, printable, shorten
from ganinv.files import read_json, write_bytes
from ganinv.weights.fit import check_fit
from ganinv.weights.headers import UNREADABLE, not_whole, read_header, whole_header

FEATURES, WEIGHTS = "features.", "weights."  # before the names of a refinement's tensors
LARGEST = 2**29  # bytes of a latent, a refinement, a direction

Class = TypeVar("Class", bound=type)
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
        write_tensors(path, tensors, metadata)
    except OSError as error:
        raise WeightsError(str(error)) from None


def write_tensors(
    path: str | Path, tensors: Mapping[str, torch.Tensor], metadata: dict[str, str]
) -> None:
    """Write tensors as safetensors, whole or not at all. Raises WriteError."""
    contiguous = {name: x.detach().cpu().contiguous() for name, x in tensors.items()}
    # by way of memory: what the library writes itself fails in its own ways, and takes no path that
    # is not UTF-8
    write_bytes(path, save(contiguous, metadata))


def read_tensors(
    path: str | Path, largest: int | None = LARGEST
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Read safetensors into memory: ({name: tensor}, metadata).

    Raises ValueError, also for a file of more than `largest` bytes; None for any size.
    """
    try:
        header = whole_header(path, largest)
        return load(Path(path).read_bytes()), header.get("__metadata__") or {}
    except UNREADABLE as error:
        raise ValueError(not_whole(path, error)) from None


def sha256_tensors(*tensors: torch.Tensor) -> str:
    """Return the sha256 of tensors' numbers, one after the other, wherever they lie."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()


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
    except UNREADABLE as error:
        raise WeightsError(not_whole(path, error)) from None


def read_description(path: str | Path) -> dict[str, Any]:
    """Read the description alone, {} where the file has none. Raises WeightsError."""
    _check_name(path)
    try:
        whole_header(path)
        with safe_open(path, "pt") as file:
            description = json.loads((file.metadata() or {}).get("ganinv", "{}"))
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}") from None
    except UNREADABLE as error:
        raise WeightsError(not_whole(path, error)) from None
    return description if isinstance(description, dict) else {}


def is_refinement(names: Iterable[str]) -> bool:
    """Whether a tensor of these names is part of a refinement."""
    return any(name.startswith((FEATURES, WEIGHTS)) for name in names)


def part_of_a_result(path: str | Path, description: Mapping[str, Any]) -> str:
    """Say what a latent's file or a refinement is for, where a network is wanted; else "".

    `description` is that of the file, which is one of ours and whole.
    """
    names = {} if "architecture" in description else read_header(path)
    if "latent" not in names and not is_refinement(names):
        return ""
    return (
        "; it is a latent or a refinement, which `ganinv render` draws; `ganinv weights tune "
        "RUN/IMAGE FILE` makes a generator file of refined weights"
    )


def read_own(path: Path) -> dict[str, Any] | None:
    """Read the description of a file of ours, None for another tool's. Raises WeightsError.

    Ours are .safetensors; one that is whole and says nothing of ganinv is another tool's.
    """
    if path.suffix != ".safetensors":
        return None
    return read_description(path) or None


def read_beside(path: Path) -> dict[str, Any]:
    """Read the JSON file beside a weight file, {} where there is no whole one."""
    try:
        found = read_json(path.with_suffix(".json"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_network(
    path: str | Path,
    kind: str,
    classes: Mapping[str, Class],
    build: Callable[[Class, dict[str, Any], dict[str, torch.Tensor]], Built],
) -> Built:
    """Build the network that a file describes: `build(class, config, state)`.

    `classes` has the class for each architecture of the `kind`, a word for messages. Raises
    WeightsError for a file of another kind, and for one whose tensors do not fit its config, before
    memory is taken for what it describes.
    """
    found = read_description(path)
    architecture = found.get("architecture")
    if not isinstance(architecture, str) or architecture not in classes:
        raise WeightsError(
            f"{path} holds no {kind} (its architecture is {shorten(repr(architecture))})"
            f"{part_of_a_result(path, found)}"
        )
    description, state = read_weights(path)
    try:
        known = classes[architecture]
        return build(known, check_fit(known, description.get("config"), state), state)
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        reason = printable(" ".join(str(error).split())[:300])
        raise WeightsError(f"{path} does not fit its own description: {reason}") from None

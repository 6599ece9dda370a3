"""Our own weight files: safetensors whose metadata describe the network."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file, save

from ganinv.errors import WeightsError, printable, shorten
from ganinv.files import read_json, size_of, write_bytes
from ganinv.weights.fit import check_fit

FEATURES, WEIGHTS = "features.", "weights."  # before the names of a refinement's tensors
LARGEST = 2**29  # bytes of a latent, a refinement, a direction
LONGEST_HEADER = 2**22  # bytes; the longest of a known network takes 100,000
MOST = 20_000  # tensors in a file; a large encoder has 800
DIMENSIONS = 16  # of a tensor, at most
NUMBERS = (  # those that torch has
    *("BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64", "C64"),
    *("F8_E4M3", "F8_E5M2"),
)
UNREADABLE = (  # what reading a file of any kind may raise
    OSError,
    SafetensorError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    MemoryError,
    RecursionError,
)

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
        header = _read_header(path, largest)
        return load(Path(path).read_bytes()), header.get("__metadata__") or {}
    except UNREADABLE as error:
        raise ValueError(_not_whole(path, error)) from None


def sha256_tensors(*tensors: torch.Tensor) -> str:
    """Return the sha256 of tensors' numbers, one after the other, wherever they lie."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(tensor.detach().cpu().contiguous().numpy().data)
    return found.hexdigest()


def read_header(path: str | Path) -> dict[str, Any]:
    """Read what a safetensors file says of its tensors: {name: dtype, shape, place}, and metadata.

    Those are under `__metadata__`. Raises ValueError.
    """
    try:
        return _read_header(path)
    except UNREADABLE as error:
        raise ValueError(_not_whole(path, error)) from None


def _read_header(path: str | Path, largest: int | None = None) -> dict[str, Any]:
    """Read what a safetensors file says of its tensors; the library believes any shape.

    Raises one of UNREADABLE.
    """
    size = size_of(path)
    if largest is not None and size > largest:
        raise ValueError(f"{size / 1e6:.0f} MB are too large for what it should hold")
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > LONGEST_HEADER:
            raise ValueError(f"it announces a header of {length} bytes")
        header = json.loads(file.read(length).decode())
    if not isinstance(header, dict) or len(header) > MOST:
        raise ValueError(f"its header is none of at most {MOST} tensors")
    for name, about in header.items():
        if name == "__metadata__":
            continue
        if about["dtype"] not in NUMBERS:
            kind = shorten(repr(about["dtype"]))
            raise ValueError(f"it holds numbers of the type {kind}, not known here")
        if len(about["shape"]) > DIMENSIONS or any(n >= 2**62 for n in about["shape"]):
            raise ValueError(f"{shorten(name)} has no shape that a tensor can have")
    return header


def _not_whole(path, error):
    reason = shorten(str(error) or type(error).__name__, 300)
    return f"{path} is not a whole safetensors file ({reason})"


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
        raise WeightsError(_not_whole(path, error)) from None


def read_description(path: str | Path) -> dict[str, Any]:
    """Read the description alone, {} where the file has none. Raises WeightsError."""
    _check_name(path)
    try:
        _read_header(path)
        with safe_open(path, "pt") as file:
            description = json.loads((file.metadata() or {}).get("ganinv", "{}"))
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}") from None
    except UNREADABLE as error:
        raise WeightsError(_not_whole(path, error)) from None
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

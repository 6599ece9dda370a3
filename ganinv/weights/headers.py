"""What a safetensors file says of itself, read without torch, so that names are checked at once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ganinv.errors import shorten
from ganinv.files import size_of

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


def read_header(path: str | Path) -> dict[str, Any]:
    """Read what a safetensors file says of its tensors: {name: dtype, shape, place}, and metadata.

    Those are under `__metadata__`. Raises ValueError.
    """
    try:
        return whole_header(path)
    except UNREADABLE as error:
        raise ValueError(not_whole(path, error)) from None


def whole_header(path: str | Path, largest: int | None = None) -> dict[str, Any]:
    """Read a header as `read_header` does, of a file of at most `largest` bytes.

    The library itself believes any shape. Raises one of UNREADABLE.
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


def not_whole(path: object, error: Exception) -> str:
    """Say that a file is no safetensors file, and why."""
    reason = shorten(str(error) or type(error).__name__, 300)
    return f"{path} is not a whole safetensors file ({reason})"


def maker_of(metadata: Mapping[str, str]) -> str:
    """Return the hash of the generator that a file's metadata name, "" where they name none."""
    return str(own_words(metadata).get("sha256", ""))


def name_of(metadata: Mapping[str, str]) -> str:
    """Return the name of the generator that a file's metadata give, "" where they give none."""
    return str(own_words(metadata).get("generator", ""))


def own_words(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return what ganinv wrote into a file's metadata, {} where there is nothing of it."""
    try:
        about = json.loads(metadata.get("ganinv", "{}"))
    except (ValueError, RecursionError, TypeError, AttributeError):
        return {}
    return about if isinstance(about, dict) else {}

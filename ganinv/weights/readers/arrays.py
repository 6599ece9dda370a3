"""Read named arrays of numbers as tools leave them: .npy, .npz, .pt, .pth, .pkl, .safetensors.

Nothing in a file is run: pickles are read by `checkpoints`, and what numpy would unpickle is
refused. What a header announces is compared with what is there before memory is taken.
"""

import io
import itertools
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv.errors import printable, shorten
from ganinv.files import size_of
from ganinv.weights.readers.checkpoints import ListedFile, read_checkpoint
from ganinv.weights.readers.pickles import PickleError
from ganinv.weights.store import read_tensors

LARGEST = 2**28  # bytes; 18 rows of 512 numbers for 7,000 faces
DEEPEST = 4  # levels of dicts and lists below the top
PART = 2**20  # bytes that are unpacked at a time
MOST = 100_000  # things in them: a pickle may hold one list many times over


def read_named(path: str | Path) -> dict[str, Tensor]:
    """Read a file's arrays: {name: tensor}, as they are; "" names one that has no name.

    Names within nested dicts and lists are joined by dots. Raises ValueError for a file that cannot
    be read, or holds no numbers.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in READERS:
        raise ValueError(f"{printable(path)}: arrays are read from {', '.join(READERS)}")
    try:
        size = size_of(path)
        if size > LARGEST:
            raise ValueError(f"it is {size / 1e6:.0f} MB, too large for a latent or a direction")
        found = READERS[kind](path)
    except OSError as error:
        raise ValueError(f"{printable(path)} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"{printable(path)}: {printable(error)}") from None
    if not found:
        raise ValueError(f"{printable(path)} holds no array of numbers")
    return found


def _npy(path: Path) -> dict[str, Tensor]:
    return {"": _array(path.read_bytes())}


def _array(data: bytes) -> Tensor:
    """Read the bytes of a .npy. Raises ValueError."""
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read(file)
    except Exception as error:  # numpy evaluates the header: it fails in many ways
        raise ValueError(f"it is no whole .npy file ({type(error).__name__})") from None
    if dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ValueError(f"it holds {dtype}, not numbers of at most 8 bytes")
    body = data[file.tell() :]
    if len(shape) > 8 or any(type(n) is not int or not 0 <= n < 2**62 for n in shape):
        raise ValueError(f"its shape {shorten(str(shape))} is none that an array can have")
    if math.prod(shape) * dtype.itemsize != len(body):
        said = shorten(str(shape))
        raise ValueError(f"it is cut short, or longer than its shape {said} says")
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    return torch.from_numpy(array.astype(dtype.newbyteorder("="), order="C"))


def _npz(path: Path) -> dict[str, Tensor]:
    try:
        with ListedFile(path) as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > LARGEST:
                raise ValueError("unpacked it is too large for a latent or a direction")
            names = [entry.filename for entry in entries]
            if len(set(names)) < len(names):
                raise ValueError("it holds two arrays of one name")
            return {e.filename.removesuffix(".npy"): _array(_entry(archive, e)) for e in entries}
    except ValueError:
        raise
    except Exception as error:  # a damaged archive fails in many ways
        raise ValueError(f"it is no whole .npz file ({type(error).__name__})") from None


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Unpack a file of an archive, and no more of it than the list of contents announces."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is packed in another way than numpy packs")
    with archive.open(entry) as file:  # in parts: a whole one may unpack to more than it says
        return b"".join(iter(lambda: file.read(PART), b""))


def _pickled(path: Path) -> dict[str, Tensor]:
    try:
        return dict(_flat(read_checkpoint(path), "", 0, itertools.count(1)))
    except PickleError as error:
        raise ValueError(str(error)) from None


def _flat(value: Any, name: str, depth: int, seen: Iterator[int]) -> list[tuple[str, Tensor]]:
    """List the arrays within dicts and lists, with their names; `seen` counts what was looked at.

    Raises ValueError where that is too much.
    """
    if next(seen) > MOST:
        raise ValueError(f"it holds more than {MOST} things, too many for latents or directions")
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value.astype(value.dtype.newbyteorder("="), order="C"))
    if isinstance(value, Tensor):
        return [(name, value.detach().cpu())]
    if not isinstance(value, (dict, list)) or depth > DEEPEST:
        return []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    joined = ((f"{name}.{key}" if name else str(key), item) for key, item in items)
    return [found for key, item in joined for found in _flat(item, key, depth + 1, seen)]


def _safetensors(path: Path) -> dict[str, Tensor]:
    return dict(sorted(read_tensors(path)[0].items()))  # the library keeps no order


READERS: dict[str, Callable[[Path], dict[str, Tensor]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".pt": _pickled,
    ".pth": _pickled,
    ".pkl": _pickled,
    ".safetensors": _safetensors,
}

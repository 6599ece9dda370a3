"""An image set as one array on disk, made once and checked by its checksum.

`PATH.npy` is the array; `PATH.json` beside it says how many images there are, how many differ, and
which files were left out.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.errors import ParamsError
from ganinv.files import atomic_path, read_json, sha256_file, write_json
from ganinv.paths import writable

MIN_IMAGES = 8  # fewer are no distribution, and no batch


def cached(
    path: Path,
    size: int,
    rows: Iterable[np.ndarray],
    notes: dict[str, Any],
    name: str | Path,
    say: Callable[[str], None],
) -> np.ndarray:
    """Open the array at `path`; where it is not as it was written, make it of `rows` first.

    `rows` are uint8 (size, size, 3). While they come, the caller counts in `notes` the files that
    are left out (`left_out`) and gives the reasons of the first (`first`). Returns (N, size, size,
    3), memory-mapped, read-only. Raises ParamsError for fewer than `MIN_IMAGES` rows of `name`.
    """
    about = path.with_suffix(".json")
    try:
        kept = read_json(about)
        whole = kept["sha256"] == sha256_file(path)
    except (OSError, ValueError, LookupError, TypeError):
        whole = False
    if not whole:
        writable(path.parent)
        count, distinct = _write(path, size, rows, notes, name)
        sha256 = sha256_file(path)
        kept = notes | {"images": count, "distinct": distinct, "sha256": sha256}
        write_json(about, kept)
    _tell(kept, name, say)
    return np.load(path, mmap_mode="r")


def _write(path, size, rows, notes, name):
    """Write rows one by one as they come; return how many there were and how many differ."""
    seen, count = set(), 0
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as file:
            _write_header(file, count, size)
            for row in rows:
                data = row.tobytes()
                file.write(data)
                seen.add(hashlib.blake2b(data, digest_size=16).digest())
                count += 1
            file.seek(0)
            _write_header(file, count, size)  # numpy leaves room for any number of rows
        if not count:
            raise ParamsError(f"none of the files in {name} can be used: {_listed(notes)}")
        if count < MIN_IMAGES:
            more = f" ({_listed(notes)} left out)" if notes["left_out"] else ""
            images = f"{count} image{'s' * (count > 1)}"
            raise ParamsError(
                f"{name} holds {images} that can be used{more}; bring at least {MIN_IMAGES}"
            )
    return count, len(seen)


def _write_header(file, count, size):
    shape = (count, size, size, 3)
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)


def _tell(kept, name, say):
    if kept["left_out"]:
        say(f"notice: {kept['left_out']} files of {name} left out: {_listed(kept)}")
    if kept["distinct"] == 1:
        say(f"notice: all {kept['images']} images of {name} are the same")
    elif kept["distinct"] < kept["images"]:
        copies = kept["images"] - kept["distinct"]
        say(f"notice: {copies} of {kept['images']} images of {name} are copies of others")


def _listed(notes):
    named = [f"{file} ({reason})" for file, reason in notes["first"].items()]
    more = notes["left_out"] - len(named)
    return ", ".join(named) + (f", and {more} more" if more else "")

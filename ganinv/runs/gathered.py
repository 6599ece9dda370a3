"""A run's records and its metrics.json, one entry at a time: for folders of any size."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.errors import shorten
from ganinv.runs.entries import Entries
from ganinv.runs.record_files import each_record, is_entry, is_finished, is_id, read_result
from ganinv.runs.records import Numbers
from ganinv.runs.streams import each_item

PARTS = ("mean", "std", "failed")  # beside the images


def read_gathered(file: str | Path) -> dict[str, Any]:
    """Read what a metrics.json holds: images, mean, std, failed; the images are `Entries`.

    Going through their items reads the file again, and no record. Raises ValueError where it is
    damaged.
    """
    file = Path(file)
    names: list[str] = []
    parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
    found = False
    try:
        for part, name, value in each_item(file):
            found = found or part == "images"
            if name is None:
                if part in ("images", *PARTS) and value != {}:
                    raise ValueError(f"{part} is no object")
            elif part == "images":
                if not (is_id(name) and is_entry(value)):
                    raise ValueError(f"{shorten(name)} is no image, or has no metrics")
                names.append(name)
            elif part in parts:
                parts[part][name] = value
        if not found:
            raise ValueError("it has no images")
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"{file} is damaged: {error}") from None
    read = functools.partial(read_result, file.parent)
    return {"images": Entries(names, read, functools.partial(_images, file)), **parts}


def gather_folder(folder: str | Path) -> dict[str, Any]:
    """Gather a folder's records as `gather` does, one at a time: its images are `Entries`."""
    names, failed, numbers = [], {}, Numbers()
    for name, record in each_record(folder):
        if is_finished(record):
            names.append(name)
            numbers.add(record)
        else:
            failed[name] = str(record["failed"])
    entries = Entries(names, functools.partial(read_result, folder))
    spread = {"mean": numbers.over(np.mean), "std": numbers.over(np.std)}
    return {"images": entries} | spread | {"failed": failed}


def _images(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, value) for part, name, value in each_item(file) if part == "images" and name)

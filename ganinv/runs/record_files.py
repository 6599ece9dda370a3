"""An image's record.json, the truth about it: its entry, or {"failed": reason}. Needs no torch."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from ganinv.files import read_json, write_json
from ganinv.runs.names import RECORD

LONGEST_NAME = 255  # bytes, in all usual file systems


def write_record(folder: str | Path, image_id: str, entry: Mapping[str, Any]) -> None:
    """Write an image's record: its entry, or its failure."""
    write_json(Path(folder) / image_id / RECORD, entry)


def read_record(folder: str | Path, image_id: str) -> dict[str, Any] | None:
    """Read an image's record; None where there is none, or a damaged one."""
    try:
        record = read_json(Path(folder) / image_id / RECORD)
    except (OSError, ValueError):
        return None
    return record if is_entry(record) else None


def is_entry(entry: object) -> bool:
    """Tell whether something read from a file is an image's entry, or its failure."""
    return isinstance(entry, dict) and isinstance(entry.get("code"), (dict, NoneType))


def is_id(name: str) -> bool:
    """Tell whether a name is that of a folder in a run's, and leads nowhere else."""
    plain = Path(name).name == name and name not in ("", "..") and "\0" not in name
    return plain and len(os.fsencode(name)) <= LONGEST_NAME


def each_record(folder: str | Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read the records of a run folder one after another, in the order of ids."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    records = ((name, read_record(folder, name)) for name in names)
    return ((name, record) for name, record in records if record is not None)


def read_records(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Read all records of a run folder, by id, in the order of ids."""
    return dict(each_record(folder))


def is_finished(record: Mapping[str, Any] | None) -> bool:
    """Tell whether a record is that of a result, not of a failure."""
    return record is not None and "failed" not in record


def has_latent(record: Mapping[str, Any] | None) -> bool:
    """Tell whether a record is that of a result, or of a search that ended early and kept one."""
    return record is not None and (is_finished(record) or "best_step" in record)


def read_result(folder: str | Path, image_id: str) -> dict[str, Any] | None:
    """Read the entry of a finished image, None where there is none."""
    record = read_record(folder, image_id)
    return record if is_finished(record) else None

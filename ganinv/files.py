"""Files that are whole or absent: written to a temporary name, flushed to disk, renamed.

A process that is killed between the two leaves its temporary file. Its name says which process of
which machine wrote it, so that the next one to write into that folder can remove it.
"""

import contextlib
import csv
import errno
import hashlib
import json
import math
import os
import re
import secrets
import socket
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from ganinv.errors import BadArgumentsError, WriteError, printable

TEMPORARY = re.compile(r"\.ganinv-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}(\..*)?")
LARGEST_JSON = 2**28  # bytes; metrics of a hundred thousand photographs take 100 MB
OLD = 86400.0  # seconds after which a temporary file of another machine is nobody's any more
SWEPT = 1000  # folders that are remembered as tidied: a process may write into any number
_swept: set[Path] = set()  # folders that this process has tidied
_written: set[str] = set()  # names of the temporary files that it is writing


@contextlib.contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it into place.

    On failure the temporary file is removed and an older file at `path` stays as it was. What the
    system refuses, a full disk for one, is raised as WriteError, an OSError that names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".ganinv-{_machine()}-{os.getpid()}-{secrets.token_hex(4)}")
    temporary = temporary.with_name(temporary.name + path.suffix)
    _written.add(temporary.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        temporary.touch()
        mode = temporary.stat().st_mode
        temporary.unlink()
        yield temporary
        temporary.chmod(mode)  # some writers leave files that only their owner reads
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except WriteError:  # of another file, written meanwhile
        raise
    except OSError as error:
        raise WriteError(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
        _written.discard(temporary.name)
    _sync_folder(path.parent)


def _machine():
    """Eight hex digits for this machine; two containers may have one name, but count apart."""
    name = socket.gethostname()
    with contextlib.suppress(OSError):  # other systems have no such file
        name += os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]


def _sweep(folder):
    """Remove what killed processes left in a folder; once per process and folder."""
    folder = folder.absolute()
    if folder in _swept:
        return
    if len(_swept) >= SWEPT:
        _swept.clear()  # a folder that is tidied twice is none the worse
    _swept.add(folder)
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            found = TEMPORARY.fullmatch(entry.name)
            if found and _is_left(entry, *found.group(1, 2)):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _is_left(entry, machine, process):
    """Whether a temporary file's process has ended: by its number here, elsewhere by its age."""
    if machine == _machine():
        if int(process) == os.getpid():  # or an earlier one of the same number
            return entry.name not in _written
        if not _is_alive(int(process)):
            return True
    return time.time() - entry.stat().st_mtime > OLD


def _is_alive(process):
    if os.name == "nt":  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # somebody else's process, but one
        return True
    return True


def _sync_folder(folder):
    if os.name == "nt":  # folders cannot be opened there
        return
    with contextlib.suppress(OSError):  # some network file systems refuse; the file itself is safe
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write bytes, whole or not at all, as all functions below write."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write text as UTF-8, "?" for what it cannot hold."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_json(path: Path | str, value: Any) -> None:
    """Write strict JSON: numbers that are not finite become null.

    Mappings that are no dicts, at the top or directly below it, are written item by item, so that
    one that reads its items from files takes little memory.
    """
    texts = _json_texts(value)
    if not _has_lazy(value):
        write_text(path, "".join(texts))
    else:
        with _open(path) as file:
            file.writelines(texts)


@contextlib.contextmanager
def _open(path: Path | str) -> Iterator[TextIO]:
    """Open a file to be written, whole or not at all, as UTF-8, "?" for what it cannot hold."""
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="replace", newline="") as file,
    ):
        yield file


def _json_texts(value: Any, line: str = "\n") -> Iterator[str]:
    """JSON in pieces; `line` begins a line of it."""
    if not _has_lazy(value):
        try:
            text = _dump(value)
        except ValueError:  # there are numbers that are not finite
            text = _dump(_finite(value))
        yield text.replace("\n", line)
        return
    sign = "{"
    for key, item in value.items():
        yield f"{sign}{line}  {json.dumps(key, ensure_ascii=False)}: "
        yield from _json_texts(item, line + "  ")
        sign = ","
    yield "{}" if sign == "{" else line + "}"


def _has_lazy(value: Any) -> bool:
    """Whether a value, or one directly below it, is a mapping that is no dict."""
    parts = [value, *value.values()] if isinstance(value, dict) else [value]
    return any(isinstance(part, Mapping) and not isinstance(part, dict) for part in parts)


def _dump(value):
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def _finite(value):
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def size_of(path: Path | str) -> int:
    """Return the bytes of a file. Raises OSError, also for a pipe or a device, which may not end.

    What is to be read whole is asked for its size first.
    """
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe, a device or a folder, and no file", str(path))
    return found.st_size


def read_json(path: Path | str) -> Any:
    """Read a JSON file of at most `LARGEST_JSON`; raises OSError or ValueError."""
    if size_of(path) > LARGEST_JSON:
        raise ValueError(f"it has over {LARGEST_JSON // 10**6} MB")
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write_csv(
    path: Path | str, rows: Iterable[dict[str, Any]], columns: Sequence[str] | None = None
) -> None:
    """Write dicts as a table; the columns are those of all rows, in order of appearance.

    Where the columns are given, rows are taken one after another, and what is in no column is left
    out.
    """
    if columns is None:
        rows = list(rows)
        columns = list(dict.fromkeys(key for row in rows for key in row))
    with _open(path) as file:
        table = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def remove_file(path: Path | str) -> None:
    """Remove a file, where it is there. Raises WriteError."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(path, error) from error


def full_path(path: Path | str) -> str:
    """Return a path with `~` as the home folder; one that exists as it stands is left so."""
    text = str(path)
    if not text.startswith("~") or os.path.lexists(text):
        return text
    return os.path.expanduser(text)


def split_part(path: Path | str) -> tuple[Path, str]:
    """Split FILE:NAME, a thing in a file of several, into both; ("" for the name of any other)."""
    text = str(path)
    if os.path.lexists(text):
        return Path(path), ""
    for colon in re.finditer(":", text):
        file, name = text[: colon.start()], text[colon.end() :]
        if name and os.path.isfile(file):
            return Path(file), name
    return Path(path), ""


def spare_inputs(
    outputs: Iterable[Path | str],
    inputs: Iterable[Path | str | None],
    way: str = "name another place by --out",
) -> None:
    """Raise BadArgumentsError where a file that is to be written is one of those that are read.

    Two paths are one file where they are the same with links followed and case aside, which some
    disks do not tell apart, and where the disk says so. An input may be FILE:NAME; what is no file,
    such as the name of a generator or of a direction, is passed over. `way` says what to do.
    """
    read: dict[object, Path] = {}
    for given in inputs:
        path = None if given is None else split_part(given)[0]
        if path is not None and os.path.isfile(path):
            read |= dict.fromkeys(_marks(path), path)
    for output in outputs if read else ():
        source = next((read[mark] for mark in _marks(output) if mark in read), None)
        if source is not None:
            same = str(source) == str(output)
            named = "" if same else f" (it is {printable(source)})"
            raise BadArgumentsError(
                f"{printable(output)} would be overwritten, and this command reads it{named}; {way}"
            )


def _marks(path: Path | str) -> list[object]:
    """What a file is known by: its real path, and where it is there, its place on the disk."""
    marks: list[object] = [os.path.realpath(path).casefold()]
    with contextlib.suppress(OSError):
        found = os.stat(path)
        marks.append((found.st_dev, found.st_ino))
    return marks


def sha256_file(path: Path | str) -> str:
    """Compute the SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

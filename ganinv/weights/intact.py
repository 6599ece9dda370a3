"""Whether a file still has the bytes that it was written with: its SHA-256, compared once.

A checksum takes a second for the largest files, so what was found is remembered, with the size and
the time of last change, in checkpoints/intact.json of the home: the file is read again only when
these change. Processes may write that file at the same time; what one of them loses is found again.
Nothing here imports torch.
"""

import contextlib
from pathlib import Path
from typing import Any

from ganinv.files import read_json, sha256_file, write_json
from ganinv.paths import checkpoints_folder

SMALL = 2**20  # bytes; hashing so many takes a millisecond, and is not worth remembering


def is_whole(path: Path, sha256: object) -> bool:
    """Tell whether a file is there and has a SHA-256, comparing it once for each change.

    A `sha256` that is no text, where none is known, is that of every file. What cannot be
    remembered, in a home that is only read, is compared again.
    """
    try:
        found = path.stat()
    except OSError:
        return False
    if not path.is_file() or not isinstance(sha256, str):
        return path.is_file()
    key, facts = str(path.absolute()), [found.st_size, found.st_mtime_ns, sha256]
    known = _remembered() if found.st_size > SMALL else {}
    if known.get(key) == facts:
        return True
    if sha256_file(path) != sha256:
        return False
    if found.st_size > SMALL:
        with contextlib.suppress(OSError):
            kept = {name: x for name, x in _remembered().items() if Path(name).is_file()}
            write_json(_memory(), kept | {key: facts})
    return True


def _memory() -> Path:
    return checkpoints_folder() / "intact.json"


def _remembered() -> dict[str, Any]:
    try:
        known = read_json(_memory())
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}

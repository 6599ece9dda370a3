"""Locks between processes: who holds one, works on what it names; a process that ends lets it go.

The operating system holds the lock (`filelock`), not the file: a killed process cannot leave it
locked. The file is removed with the lock.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import filelock

from ganinv.errors import InUseError, WriteError

POLL = 0.05  # seconds between two attempts


@contextlib.contextmanager
def locked(path: Path | str, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of the file `path` in a `with` statement, waiting up to `wait` seconds for it.

    A `wait` of -1 waits as long as it takes. Raises InUseError where another process holds it, and
    WriteError where the file cannot be made.
    """
    path = Path(path)
    # a moment, at least, since the file may be on its way out
    lock = filelock.FileLock(path, timeout=wait if wait < 0 else max(wait, 2 * POLL))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(poll_interval=POLL)
    except filelock.Timeout:
        raise InUseError(f"another process is at work in {path.parent}") from None
    except OSError as error:
        raise WriteError(path, error) from error
    try:
        yield
    finally:
        if os.name != "nt":  # there, a file that is open cannot be removed
            with contextlib.suppress(OSError):
                path.unlink()
        lock.release()


def is_locked(path: Path | str) -> bool:
    """Tell whether another process, or another part of this one, holds the lock of `path`."""
    if not Path(path).is_file():
        return False
    try:
        with locked(path):
            return False
    except InUseError:
        return True

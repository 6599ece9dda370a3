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
TRAINING = "training"  # the note of locks that are held for hours: nobody should wait for one
TRIES = 100  # to make the folder, where other processes remove it as empty


@contextlib.contextmanager
def locked(path: Path | str, *, wait: float = 0.0, note: str = "") -> Iterator[None]:
    """Hold the lock of the file `path` in a `with` statement, waiting up to `wait` seconds for it.

    A `wait` of -1 waits as long as it takes. The file holds the `note`, so that others can read
    what the lock is held for (`read_note`). Raises InUseError where another process holds it, and
    WriteError where the file cannot be made.
    """
    path = Path(path)
    # a moment, at least, since the file may be on its way out
    lock = filelock.FileLock(path, timeout=wait if wait < 0 else max(wait, 2 * POLL))
    try:
        _acquire(lock, path)
        with contextlib.suppress(OSError):
            if note or path.stat().st_size:  # a killed process leaves its own
                path.write_text(note, encoding="utf-8")
        yield
    finally:
        if lock.is_locked:
            if os.name != "nt":  # there, a file that is open cannot be removed
                with contextlib.suppress(OSError):
                    path.unlink()
            lock.release()


def _acquire(lock, path):
    for left in reversed(range(TRIES)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(poll_interval=POLL)
            return
        except (filelock.Timeout, RuntimeError):  # the second: this very thread holds it
            raise InUseError(f"another process is at work in {path.parent}") from None
        except (FileNotFoundError, FileExistsError) as error:  # the folder was just removed
            if not left:
                raise WriteError(path, error) from error
        except OSError as error:
            raise WriteError(path, error) from error


def read_note(path: Path | str) -> str:
    """Read what the holder of a lock has noted, "" where that cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def is_locked(path: Path | str) -> bool:
    """Tell whether another process, or another part of this one, holds the lock of `path`."""
    if not Path(path).is_file():
        return False
    try:
        with locked(path):
            return False
    except InUseError:
        return True

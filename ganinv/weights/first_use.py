"""The first use outside a clone fetches what it needs: it says so, one process at a time.

A cluster's workers that begin together may share one home.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ganinv.errors import WeightsError
from ganinv.paths import home, is_in_clone, writable

PATIENCE = 3600  # seconds; a download of 400 MB on a slow line


def announce(what: str, how: str, licence: str, folder: Path) -> None:
    """Say on stderr that `what` is brought for its first use: how, its licence, where to."""
    tell(f"first use of {what}: {how} to {folder} (licence: {licence})")


def tell(line: str) -> None:
    """Write a line of progress to stderr, where it does not mix with results."""
    print(f"ganinv: {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def fetching_alone(
    say: Callable[[str], object], *, at_once: float = 0.5, patience: float = PATIENCE
) -> Iterator[None]:
    """Wait until no other process fetches into the home; a process may nest it.

    After `at_once` seconds `say` is told of the wait, after `patience` more WeightsError is
    raised. The lock of a process that ended is no lock. In a clone, where a person fetches by
    command, nothing is locked and no file is left.
    """
    if is_in_clone():
        yield
        return
    path = writable(home()) / ".fetching.lock"
    lock = FileLock(path, is_singleton=True)
    try:
        lock.acquire(timeout=at_once)
    except Timeout:
        say(f"waiting for another process that fetches into {path.parent}")
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise WeightsError(
                f"another process has been fetching into {path.parent} for {patience / 60:.0f} "
                f"minutes; if none runs, delete {path}"
            ) from None
    try:
        yield
    finally:
        lock.release()

"""A disk that is full: files beyond a size cannot be written."""

import resource
from contextlib import contextmanager


@contextmanager
def full_beyond(size):
    """Let this process write no file of more than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

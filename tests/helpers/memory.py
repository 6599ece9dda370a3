"""A limit on memory, under which a bomb would end the test and not the machine."""

import resource
from contextlib import contextmanager
from pathlib import Path

import pytest

GIB = 2**30


@contextmanager
def at_most(extra):
    """Let this process take no more than `extra` bytes of address space above what it has."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is limited by way of /proc")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)

"""Where hostile files are written, and how it shows that one had its way."""

import pytest


@pytest.fixture
def file(tmp_path):
    return tmp_path / "checkpoint.pt"


@pytest.fixture
def canary(tmp_path):
    """A file that comes to be when a pickle had its way."""
    return tmp_path / "canary"

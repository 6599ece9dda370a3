"""A project root of its own, and a server with pages."""

import pytest

from helpers.projects import Project
from helpers.servers import Pages


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def project(tmp_path, monkeypatch):
    made = Project(tmp_path / "root")
    monkeypatch.setenv("GANINV_ROOT", str(made.folder))
    monkeypatch.delenv("GANINV_HOME", raising=False)
    return made


@pytest.fixture
def pages():
    made = Pages()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def slept():
    """A list for the pauses that would have been made."""
    return []


@pytest.fixture
def part(tmp_path):
    return tmp_path / "downloads" / "net.pkl.part"

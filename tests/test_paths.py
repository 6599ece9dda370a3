"""Where things lie: one root in a clone; elsewhere what is brought, and a home to write to."""

import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from ganinv import paths
from ganinv.errors import WeightsError
from helpers.paths import ROOT

WRITTEN = {
    paths.checkpoints_folder: "checkpoints",
    paths.downloads_folder: "checkpoints/downloads",
    paths.converted_folder: "checkpoints/converted",
    paths.compiled_folder: "checkpoints/compiled",
    paths.data_folder: "data",
    paths.samples_folder: "data/samples",
    paths.cache_folder: "data/cache",
}
READ = {
    paths.manifest_file: "checkpoints/manifest.yaml",
    paths.shipped_weights_folder: "checkpoints",
    paths.lists_folder: "data",
    paths.params_folder: "params",
    paths.presets_folder: "params/presets",
    paths.benchmarks_folder: "reports/benchmarks",
    paths.notebooks_folder: "notebooks",
    paths.work_folder: "notebooks",
}


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch):
    for name in ("GANINV_ROOT", "GANINV_HOME"):
        monkeypatch.delenv(name, raising=False)


def make_root(folder):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "manifest.yaml").touch()
    return folder


@pytest.fixture
def installed(tmp_path):
    """A package outside a clone, with what it was built with."""
    make_root(tmp_path / "site-packages" / "ganinv" / "_shipped")
    return tmp_path / "site-packages" / "ganinv"


# --- one root ---


@pytest.mark.parametrize("place", WRITTEN | READ, ids=lambda place: place.__name__)
def test_folders_follow_the_root(tmp_path, monkeypatch, place):
    monkeypatch.setenv("GANINV_ROOT", str(make_root(tmp_path / "root")))
    assert place() == tmp_path / "root" / (WRITTEN | READ)[place]


@pytest.mark.parametrize("place", WRITTEN, ids=lambda place: place.__name__)
def test_what_is_written_follows_the_home(tmp_path, monkeypatch, place):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    assert place() == tmp_path / "home" / WRITTEN[place]


@pytest.mark.parametrize("place", READ, ids=lambda place: place.__name__)
def test_what_is_read_does_not_follow_the_home(tmp_path, monkeypatch, place):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    assert place() == ROOT / READ[place]


def test_a_clone_is_root_and_home():
    assert paths.clone() == paths.project_root() == paths.home() == ROOT
    assert paths.is_in_clone()


def test_a_home_of_its_own_is_no_clone_even_beside_one(tmp_path, monkeypatch):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path))
    assert paths.clone() == ROOT and not paths.is_in_clone()
    monkeypatch.setenv("GANINV_HOME", os.path.relpath(ROOT))
    assert paths.is_in_clone()


# --- installed ---


def test_an_installed_package_reads_its_own_and_writes_to_the_users_cache(installed):
    assert paths.clone(package=installed) is None
    assert paths.project_root(package=installed) == installed / "_shipped"
    assert paths.home(package=installed) == Path(platformdirs.user_cache_dir("ganinv", False))
    assert not paths.is_in_clone(package=installed)


def test_the_home_is_the_users_where_one_is_named(installed, monkeypatch, tmp_path):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "my home"))
    assert paths.home(package=installed) == tmp_path / "my home"
    monkeypatch.setenv("GANINV_HOME", "~/cache")
    assert paths.home(package=installed) == Path.home() / "cache"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANINV_HOME", "cache")
    assert paths.home(package=installed) == tmp_path / "cache"
    monkeypatch.setenv("GANINV_HOME", "")  # unset, as in a job's script
    assert paths.home(package=installed) != tmp_path


def test_a_home_of_nobody_is_refused(monkeypatch):
    monkeypatch.setenv("GANINV_HOME", "~no-such-user/cache")
    with pytest.raises(WeightsError, match="GANINV_HOME"):
        paths.home()


def test_a_clone_named_by_the_root_goes_before_what_is_brought(installed, monkeypatch, tmp_path):
    root = make_root(tmp_path / "clone")
    monkeypatch.setenv("GANINV_ROOT", str(root))
    assert paths.project_root(package=installed) == paths.home(package=installed) == root


def test_a_package_without_what_it_reads_says_what_to_do(tmp_path):
    with pytest.raises(WeightsError, match="install ganinv again.*GANINV_ROOT"):
        paths.project_root(package=tmp_path / "ganinv")


# --- writing ---


def test_a_folder_is_made_where_it_can_be(tmp_path):
    folder = paths.writable(tmp_path / "a" / "b")
    assert folder.is_dir() and not list(folder.iterdir())


@pytest.mark.parametrize("place", ["file", "file/below", "link"])
def test_a_home_that_cannot_be_written_is_named_with_the_variable(tmp_path, place):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "deep" / "x", target_is_directory=True)
    (tmp_path / "nowhere").touch()
    with pytest.raises(WeightsError, match="GANINV_HOME") as caught:
        paths.writable(tmp_path / place)
    assert str(tmp_path / place) in str(caught.value)


# --- speed ---


QUICK = """
import sys
from ganinv.errors import GaninvError
from ganinv.runs.samples import find_sample
from ganinv.weights.fetch import fetch
from ganinv.weights.find import find_file
for find in (find_file, find_sample, fetch):
    for name in ("ffhq-studnt", "no such/file.pkl", ""):
        try:
            find(name)
        except GaninvError:
            continue
        raise SystemExit(f"{find} found {name!r}")
print([name for name in ("torch", "numpy.f2py", "matplotlib") if name in sys.modules])
"""


def test_what_does_not_exist_is_told_without_torch():
    done = subprocess.run([sys.executable, "-c", QUICK], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr

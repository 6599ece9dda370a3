"""Image sets in a project of their own."""

import shutil

import pytest

from ganinv.paths import project_root
from helpers.sets import NOTE, ONE, SECRET, TWO, Sets, archive, cats, painting


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of its own: caches of the checkout stay as they are."""
    folder = tmp_path / "project"
    (folder / "checkpoints").mkdir(parents=True)
    shutil.copy(project_root() / "checkpoints" / "manifest.yaml", folder / "checkpoints")
    monkeypatch.setenv("GANINV_ROOT", str(folder))
    return folder


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """Twelve cats in two archives; number 15 has its annotation apart, as in the data set."""
    made = Sets(tmp_path / "root")
    first = cats("CAT_00", range(10, 17))
    note = first.pop(f"CAT_00/{NOTE}")
    first["CAT_00/00000003_019.jpg.cat"] = b"9 " + b"5 " * 18
    second = cats("CAT_05", range(20, 25))
    made.files = {ONE: archive(first), TWO: archive(second), NOTE: note}
    paintings = {
        f"Abstract_gallery/Abstract_gallery/Abstract_image_{i}.jpg": painting(i) for i in range(10)
    }
    made.files["art.zip"] = archive(paintings)
    made.declare()
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GANINV_ROOT", str(made.folder))
    yield made
    made.site.close()


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", SECRET)

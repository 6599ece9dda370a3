"""Every folder lies below one root."""

import pytest

from ganinv import paths

PLACES = {
    paths.checkpoints_folder: "checkpoints",
    paths.downloads_folder: "checkpoints/downloads",
    paths.converted_folder: "checkpoints/converted",
    paths.compiled_folder: "checkpoints/compiled",
    paths.data_folder: "data",
    paths.samples_folder: "data/samples",
    paths.cache_folder: "data/cache",
    paths.params_folder: "params",
    paths.presets_folder: "params/presets",
    paths.notebooks_folder: "notebooks",
}


@pytest.mark.parametrize("place", PLACES, ids=PLACES.values())
def test_folders_follow_the_root(tmp_path, monkeypatch, place):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "manifest.yaml").touch()
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    assert place() == tmp_path / PLACES[place]

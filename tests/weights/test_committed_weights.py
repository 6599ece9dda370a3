"""Weights that lie in the repository are not fetched."""

import pytest

from ganinv.errors import WeightsError
from ganinv.weights.fetch import fetch


def test_weights_of_the_repository_are_not_fetched(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    manifest = (
        "mine:\n  kind: encoder\n  about: x\n  licence: MIT\n  file: mine.safetensors\n"
        "  convert: none\n  sources: []\n"
        f"  sha256: {'a' * 64}\n"
    )
    (folder / "manifest.yaml").write_text(manifest)
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    with pytest.raises(WeightsError, match="git checkout -- checkpoints/mine.safetensors"):
        fetch("mine")

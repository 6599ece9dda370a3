"""Fixtures for the command line."""

import pytest


@pytest.fixture
def quick(toy_path, tmp_path):
    """Options of a quick run of the toy into tmp_path/run."""
    settings = dict(
        generator=toy_path,
        steps=2,
        space="w",
        loss="l2",
        precision="float32",
        compile="off",
        log_every=0,
        snapshot_every=0,
    )
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return [*sets, "--device", "cpu", "--no-align", "--out", tmp_path / "run"]


@pytest.fixture
def photo(make_photo, tmp_path):
    return make_photo(tmp_path / "photos" / "me.png")

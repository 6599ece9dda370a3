"""A generator in a file, with named directions planted for it."""

import pytest
import torch

from ganinv import load_generator
from ganinv.editing.directions import along
from ganinv.editing.named import named_path, save_named


@pytest.fixture
def named_toy(toy_path, tmp_path, monkeypatch):
    """The toy as loaded from its file; the home is empty."""
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    return load_generator(toy_path)


@pytest.fixture
def planted(named_toy):
    """Two directions of the toy, {name: (w, layers, words)}: one of all rows, one of the first."""
    rng = torch.Generator().manual_seed(7)
    smile, yaw = (
        along(named_toy, torch.randn(named_toy.w_dim, generator=rng).expand(named_toy.num_ws, -1))
        for _ in range(2)
    )
    rows = {
        "smile": (smile[0], "all", "the mouth's corners"),
        "yaw": (yaw[0], "0-1", "where the head turns"),
    }
    save_named(named_path(named_toy), rows, named_toy, {})
    return rows


@pytest.fixture
def written(tmp_path, toy_path, named_toy):
    """A function that writes an inverted face of the toy into a run, whose generator it names."""
    from ganinv.runs.params import Params
    from ganinv.runs.records import write_params
    from helpers.faces import write_face

    def write(name="me", run="quickstart/results", **how):
        folder = tmp_path / run
        folder.mkdir(parents=True, exist_ok=True)
        write_params(folder, Params.make({"generator": str(toy_path), "compile": "off"}))
        return write_face(folder, name, named_toy, **how)

    return write

"""A disk that is full: one sentence with the path, and the same command goes on later."""

import numpy as np
import pytest

from ganinv.errors import WeightsError, WriteError
from ganinv.training.sets.cache import cached
from ganinv.training.sets.faces import load_faces
from helpers.disks import full_beyond
from helpers.forked_trainings import tiny, train_tiny
from helpers.image_sets import separate_project
from helpers.tensors import assert_same, quiet
from helpers.tiny_gans import weights_of

ALL = dict(steps=4, save_every=2, grid=2)


@pytest.mark.parametrize(
    ("size", "name"),
    [(100, "params.yaml"), (1000, "step_000000.png"), (20_000, "checkpoint.safetensors")],
)
def test_a_training_that_finds_no_room_begins_once_there_is(tmp_path, size, name):
    whole = train_tiny(tiny(tmp_path / "whole", **ALL))
    params = tiny(tmp_path / "run", **ALL)
    with full_beyond(size), pytest.raises(WriteError) as caught:
        train_tiny(params)
    assert f"{name} cannot be written: " in str(caught.value)
    assert str(tmp_path / "run") in str(caught.value)
    path = train_tiny(params)
    assert path.read_bytes() == whole.read_bytes()
    assert_same(weights_of(path.parent), weights_of(whole.parent))


@pytest.mark.parametrize(("size", "name"), [(100, "params"), (20_000, "checkpoint.safetensors")])
def test_the_last_whole_checkpoint_stays_and_is_gone_on_from(tmp_path, size, name):
    whole, params = train_tiny(tiny(tmp_path / "whole", **ALL)), tiny(tmp_path / "run", **ALL)
    half = train_tiny(params.replace(steps=2)).parent / "checkpoint.safetensors"
    before = half.read_bytes()
    with full_beyond(size), pytest.raises(WriteError, match=f"{name}.* cannot be written"):
        train_tiny(params)
    assert half.read_bytes() == before
    said = []
    assert train_tiny(params, say=said.append).read_bytes() == whole.read_bytes()
    assert said[0] == "going on from step 2"


def test_weights_that_find_no_room_are_written_by_the_same_command(tmp_path):
    params = tiny(tmp_path / "run", steps=0, width=16)
    whole = train_tiny(params)
    size = whole.stat().st_size
    data = whole.read_bytes()
    whole.unlink()
    with full_beyond(size - 1), pytest.raises(WeightsError, match=f"{whole} cannot be written"):
        train_tiny(params)
    assert not whole.exists()
    assert train_tiny(params).read_bytes() == data


def test_an_image_set_that_finds_no_room_is_made_by_the_next_call(tmp_path):
    rows, notes = np.full((9, 16, 16, 3), 7, np.uint8), {"left_out": 0, "first": {}}
    path = tmp_path / "cache" / "set.npy"
    with full_beyond(500), pytest.raises(WriteError, match=f"{path} cannot be written"):
        cached(path, 16, rows, notes, "set", quiet)
    assert list(path.parent.iterdir()) == []
    assert np.array_equal(cached(path, 16, rows, notes, "set", quiet), rows)


def test_drawn_faces_that_find_no_room_are_drawn_by_the_next_call(tmp_path, monkeypatch, toy_path):
    separate_project(tmp_path / "project", monkeypatch)

    def load():
        drawn = np.zeros((16, 16, 16, 3), np.uint8)
        return load_faces(
            "faces:9", 16, say=quiet, generator=str(toy_path), renderer=lambda *_: lambda _: drawn
        )

    with full_beyond(5000), pytest.raises(WriteError, match=r"000000.npy cannot be written"):
        load()
    assert load().shape == (9, 16, 16, 3)

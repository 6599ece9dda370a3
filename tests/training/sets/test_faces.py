"""Drawn faces: one seed each, drawn once, continued where they were interrupted."""

import shutil

import numpy as np
import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.seeds import image_rng
from ganinv.training.sets import faces
from helpers.image_sets import caches, load, separate_project
from helpers.toys import build_toy, save_toy


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    return separate_project(tmp_path / "project", monkeypatch)


@pytest.fixture
def toy_faces(toy_path, monkeypatch):
    """Faces from the toy, in chunks of 4; the list gains every chunk that is drawn."""
    monkeypatch.setattr(faces, "GENERATOR", str(toy_path))
    monkeypatch.setattr(faces, "CHUNK", 4)
    drawn, renderer = [], faces._renderer

    def counting(size):
        render = renderer(size)

        def count(indices):
            drawn.append(list(indices))
            return render(indices)

        return count

    monkeypatch.setattr(faces, "_renderer", counting)
    return drawn


def test_faces_are_the_box_mean_of_renderings_from_a_seed_each(toy_faces, toy_path, monkeypatch):
    monkeypatch.setattr(faces, "resolve_precision", lambda precision, device: "float32")
    images, _ = load("faces:10")
    assert images.shape == (10, 16, 16, 3) and images.dtype == np.uint8
    generator = load_generator(str(toy_path))
    for index in (0, 7, 9):
        z = torch.randn(1, generator.z_dim, generator=image_rng(0, f"face {index}"))
        with torch.no_grad():
            full = generator.synthesis(generator.mapping(z))  # truncation 1
        box = full.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))[0]
        assert np.abs(images[index].astype(int) - to_uint8(box)).max() <= 1
    assert len(np.unique(images.reshape(10, -1), axis=0)) == 10


def test_the_first_faces_of_more_are_the_faces_of_fewer(toy_faces):
    few = load("faces:8")[0].copy()
    more, _ = load("faces:18")
    assert np.array_equal(more[:8], few)
    assert toy_faces == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
        [12, 13, 14, 15],
        [*range(16, 20)],
    ]
    del toy_faces[:]
    fewer, said = load("faces:13")
    assert np.array_equal(fewer, more[:13]) and toy_faces == [] and said == []


def test_faces_do_not_depend_on_chunks(toy_faces, monkeypatch, root):
    four = load("faces:12")[0].copy()
    shutil.rmtree(root / "data")
    monkeypatch.setattr(faces, "CHUNK", 5)
    assert np.array_equal(load("faces:12")[0], four)


def test_interrupted_faces_go_on(toy_faces, monkeypatch, root):
    whole = load("faces:12")[0].copy()
    shutil.rmtree(root / "data")
    counting = faces._renderer

    def failing(size):
        render = counting(size)

        def stop(indices):
            if 8 in indices:
                raise KeyboardInterrupt
            return render(indices)

        return stop

    monkeypatch.setattr(faces, "_renderer", failing)
    with pytest.raises(KeyboardInterrupt):
        load("faces:12")
    assert caches(root) == []
    monkeypatch.setattr(faces, "_renderer", counting)
    del toy_faces[:]
    images, said = load("faces:12")
    assert np.array_equal(images, whole) and toy_faces == [[8, 9, 10, 11]]
    assert any("drawing faces 8 to 12" in line for line in said)


def test_a_damaged_chunk_is_drawn_again(toy_faces, root):
    whole = load("faces:12")[0].copy()
    (path,) = caches(root)
    path.unlink()
    chunk = sorted((root / "data" / "cache").glob("faces-16-*/*.npy"))[1]
    chunk.write_bytes(chunk.read_bytes()[:300])
    del toy_faces[:]
    assert np.array_equal(load("faces:12")[0], whole) and toy_faces == [[4, 5, 6, 7]]


def test_other_weights_are_other_faces(toy_faces, monkeypatch, tmp_path, toy):
    first = load("faces:8")[0].copy()
    other = save_toy(tmp_path / "other.safetensors", build_toy(seed=5).state_dict())
    monkeypatch.setattr(faces, "GENERATOR", str(other))
    assert not np.array_equal(load("faces:8")[0], first)


@pytest.mark.parametrize("name", ["faces:", "faces:7", "faces:-9", "faces:many", "faces:1e3"])
def test_a_number_of_faces_that_is_none(name):
    with pytest.raises(ParamsError, match="faces:N with N at least 8"):
        load(name)


def test_faces_are_not_enlarged():
    with pytest.raises(ParamsError, match="1024"):
        load("faces:8", 2048)


def test_faces_by_default_are_many(monkeypatch):
    asked = []
    monkeypatch.setattr(faces, "face_key", lambda size: "key")
    monkeypatch.setattr(faces, "draw_faces", lambda count, *_: asked.append(count) or iter(()))
    with pytest.raises(ParamsError):
        load("faces")
    assert asked == [4096]

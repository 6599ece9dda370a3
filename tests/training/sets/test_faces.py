"""Drawn faces: one seed each, drawn once, continued where they were interrupted."""

import shutil
from functools import partial

import numpy as np
import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.seeds import image_rng
from ganinv.training.sets.faces import face_renderer, load_faces
from ganinv.training.sets.image_sets import load_image_set
from helpers.image_sets import Said, caches, load, separate_project
from helpers.toys import build_toy, save_toy


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    return separate_project(tmp_path / "project", monkeypatch)


class ToyFaces:
    """Faces from the toy, in chunks of 4; `drawn` gains every chunk that is drawn."""

    def __init__(self, path):
        self.path, self.drawn = path, []

    def load(self, images, renderer=face_renderer, **replaced):
        def counting(name, size):
            render = renderer(name, size)

            def count(indices):
                drawn = render(indices)
                self.drawn.append(list(indices))
                return drawn

            return count

        toy = dict(generator=str(self.path), chunk=4, renderer=counting) | replaced
        return load(images, faces=partial(load_faces, **toy))


@pytest.fixture
def toy_faces(toy_path):
    return ToyFaces(toy_path)


def test_faces_are_the_box_mean_of_renderings_from_a_seed_each(toy_faces, toy_path):
    exact = partial(face_renderer, precision="float32")
    images, _ = toy_faces.load("faces:10", exact)
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
    few = toy_faces.load("faces:8")[0].copy()
    more, _ = toy_faces.load("faces:18")
    assert np.array_equal(more[:8], few)
    assert toy_faces.drawn == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9, 10, 11],
        [12, 13, 14, 15],
        [*range(16, 20)],
    ]
    del toy_faces.drawn[:]
    fewer, said = toy_faces.load("faces:13")
    assert np.array_equal(fewer, more[:13]) and toy_faces.drawn == [] and said == []


def test_faces_do_not_depend_on_chunks(toy_faces, root):
    four = toy_faces.load("faces:12")[0].copy()
    shutil.rmtree(root / "data")
    assert np.array_equal(toy_faces.load("faces:12", chunk=5)[0], four)


def test_interrupted_faces_go_on(toy_faces, root):
    whole = toy_faces.load("faces:12")[0].copy()
    shutil.rmtree(root / "data")

    def failing(name, size):
        render = face_renderer(name, size)

        def stop(indices):
            if 8 in indices:
                raise KeyboardInterrupt
            return render(indices)

        return stop

    with pytest.raises(KeyboardInterrupt):
        toy_faces.load("faces:12", failing)
    assert caches(root) == []
    del toy_faces.drawn[:]
    images, said = toy_faces.load("faces:12")
    assert np.array_equal(images, whole) and toy_faces.drawn == [[8, 9, 10, 11]]
    assert any("drawing faces 8 to 12" in line for line in said)


def test_a_damaged_chunk_is_drawn_again(toy_faces, root):
    whole = toy_faces.load("faces:12")[0].copy()
    (path,) = caches(root)
    path.unlink()
    chunk = sorted((root / "data" / "cache").glob("faces-16-*/*.npy"))[1]
    chunk.write_bytes(chunk.read_bytes()[:300])
    del toy_faces.drawn[:]
    assert np.array_equal(toy_faces.load("faces:12")[0], whole) and toy_faces.drawn == [
        [4, 5, 6, 7]
    ]


def test_other_weights_are_other_faces(toy_faces, tmp_path):
    first = toy_faces.load("faces:8")[0].copy()
    other = save_toy(tmp_path / "other.safetensors", build_toy(seed=5).state_dict())
    assert not np.array_equal(toy_faces.load("faces:8", generator=str(other))[0], first)


@pytest.mark.parametrize("name", ["faces:", "faces:7", "faces:-9", "faces:many", "faces:1e3"])
def test_a_number_of_faces_that_is_none(name):
    with pytest.raises(ParamsError, match="faces:N with N at least 8"):
        load(name)


def test_faces_are_not_enlarged():
    with pytest.raises(ParamsError, match="1024"):
        load("faces:8", 2048)


def test_faces_by_default_are_many(toy_faces):
    def stop(name, size):
        raise KeyboardInterrupt

    said = Said()
    stopped = partial(load_faces, generator=str(toy_faces.path), renderer=stop)
    with pytest.raises(KeyboardInterrupt):
        load_image_set("faces", 16, say=said, faces=stopped)
    assert any("drawing faces 0 to 4096" in line for line in said)

"""Faces drawn from a generator: the same for any number, chunk and interruption."""

import itertools

import numpy as np
import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.seeds import image_rng
from ganinv.training.sets.faces import draw_faces
from ganinv.training.sets.image_sets import load_image_set
from helpers.sets import Said, caches, load
from helpers.toys import build_toy, save_toy

pytestmark = pytest.mark.usefixtures("root")


def files(folder):
    """When each file was written: {name: ns}."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


@pytest.fixture
def draw(toy_path, tmp_path):
    """A function that draws faces from the toy into tmp_path/faces, in chunks of 4.

    It returns them, the first indices of the chunks that were drawn anew, and what was said.
    """
    folder = tmp_path / "faces"

    def run(count, stop=None, **options):
        before, said = files(folder), Said()
        options = dict(generator=str(toy_path), chunk=4) | options
        rows = draw_faces(count, 16, folder, said, **options)
        images = np.stack(list(itertools.islice(rows, stop)))
        written = files(folder)
        return images, sorted(int(n[:6]) for n in written if written[n] != before.get(n)), said

    return run


def test_faces_are_the_box_mean_of_renderings_from_a_seed_each(draw, toy_path):
    images, _, _ = draw(10, precision="float32")
    assert images.shape == (10, 16, 16, 3) and images.dtype == np.uint8
    generator = load_generator(str(toy_path))
    for index in (0, 7, 9):
        z = torch.randn(1, generator.z_dim, generator=image_rng(0, f"face {index}"))
        with torch.no_grad():
            full = generator.synthesis(generator.mapping(z))  # truncation 1
        box = full.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))[0]
        assert np.abs(images[index].astype(int) - to_uint8(box)).max() <= 1
    assert len(np.unique(images.reshape(10, -1), axis=0)) == 10


def test_the_first_faces_of_more_are_the_faces_of_fewer(draw):
    few, drawn, _ = draw(8)
    assert drawn == [0, 4]
    more, drawn, _ = draw(18)
    assert np.array_equal(more[:8], few) and drawn == [8, 12, 16]
    fewer, drawn, said = draw(13)
    assert np.array_equal(fewer, more[:13]) and drawn == [] and said == []


def test_a_set_of_faces_is_one_array_on_disk(toy_path, root):
    images, said = load("faces:10", faces_from=str(toy_path))
    assert images.shape == (10, 16, 16, 3) and isinstance(images, np.memmap)
    assert any("drawing faces 0 to 10" in line for line in said)
    again, said = load("faces:10", faces_from=str(toy_path))
    assert np.array_equal(images, again) and said == [] and len(caches(root)) == 1


def test_faces_do_not_depend_on_chunks(draw):
    four, _, _ = draw(12)
    assert np.array_equal(draw(12, chunk=5)[0], four)


def test_interrupted_faces_go_on(draw):
    first, drawn, _ = draw(12, stop=8)
    assert drawn == [0, 4]
    images, drawn, said = draw(12)
    assert np.array_equal(images[:8], first) and len(images) == 12 and drawn == [8]
    assert any("drawing faces 8 to 12" in line for line in said)


def test_interrupted_faces_are_no_set(toy_path, root):
    def interrupt(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_image_set("faces:12", 16, say=interrupt, faces_from=str(toy_path))
    assert caches(root) == []


def test_a_damaged_chunk_is_drawn_again(draw, tmp_path):
    whole, _, _ = draw(12)
    chunk = tmp_path / "faces" / "000004.npy"
    chunk.write_bytes(chunk.read_bytes()[:300])
    images, drawn, _ = draw(12)
    assert np.array_equal(images, whole) and drawn == [4]


def test_other_weights_are_other_faces(toy_path, tmp_path):
    first = load("faces:8", faces_from=str(toy_path))[0].copy()
    other = save_toy(tmp_path / "other.safetensors", build_toy(seed=5).state_dict())
    assert not np.array_equal(load("faces:8", faces_from=str(other))[0], first)


@pytest.mark.parametrize("name", ["faces:", "faces:7", "faces:-9", "faces:many", "faces:1e3"])
def test_a_number_of_faces_that_is_none(name):
    with pytest.raises(ParamsError, match="faces:N with N at least 8"):
        load(name)


def test_faces_are_not_enlarged():
    with pytest.raises(ParamsError, match="1024"):
        load("faces:8", 2048)


def test_faces_by_default_are_many(toy_path):
    def interrupt(text):
        assert "drawing faces 0 to 4096" in text
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_image_set("faces", 16, say=interrupt, faces_from=str(toy_path))

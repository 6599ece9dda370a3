"""What pages show of image sets: pictures of those that may be shown, and of no others."""

import re

import nbformat
import numpy as np
import pytest
import torch

from ganinv.analysis import trainings
from ganinv.analysis.neighbours import Neighbours, find_neighbours
from ganinv.images.writing import read_png, save_png
from ganinv.paths import project_root
from ganinv.report import show_sets
from ganinv.report.show_gans import picture_grid
from ganinv.seeds import image_rng
from ganinv.training.sets.image_sets import load_image_set
from helpers.gans import train_small
from helpers.image_sets import separate_project
from helpers.pages import pictures_in
from helpers.toys import build_dcgan

NOTEBOOKS = project_root() / "notebooks"
REASON = "The images of the set cats are not shown; its licence: none is stated"


@pytest.fixture(scope="module")
def trained(make_photo, tmp_path_factory):
    """A finished training of four steps on a dozen small pictures."""
    return train_small(make_photo, tmp_path_factory.mktemp("gan"))


@pytest.fixture
def named(trained, tmp_path, monkeypatch, make_photo):
    """The same pictures under two names: a folder of one's own, and a set not to be shown."""
    root = separate_project(tmp_path / "project", monkeypatch)
    for path in (trained.folder.parent / "set").iterdir():
        for folder in (root / "data" / "cats", root / "own"):
            folder.mkdir(exist_ok=True)
            (folder / path.name).write_bytes(path.read_bytes())
    return {"shown": str(root / "own"), "hidden": "cats"}


def read_cells(notebook, word):
    """The sources of a notebook's cells that have a word in them."""
    cells = nbformat.read(NOTEBOOKS / notebook, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code" and word in cell.source]


def shows(page, images):
    """Whether one of the pictures of a page holds one of these images, enlarged."""
    for picture in pictures_in(page):
        size = 2 * images.shape[1]
        for y in range(0, picture.shape[0] - size + 1, size):
            for x in range(0, picture.shape[1] - size + 1, size):
                tile = picture[y : y + size, x : x + size].astype(int)
                twice = images.repeat(2, 1).repeat(2, 2)
                if (abs(tile - twice).mean((1, 2, 3)) < 6).any():  # JPEG's losses
                    return True
    return False


@pytest.mark.parametrize("which", ["shown", "hidden"])
def test_the_page_on_a_training_shows_no_picture_of_a_set_that_says_so(named, trained, which):
    """The cells of the notebook that show pictures of the set are run as they stand."""
    pages = []
    images = named[which]
    real = load_image_set(images, 16, say=lambda text: None)
    names = {
        "images": images,
        "resolution": 16,
        "align": False,
        "trained": trained,
        "trainings": trainings,
        "find_neighbours": find_neighbours,
        "show_sets": show_sets,
        "load_image_set": lambda *given, **more: real,
        "display": pages.append,
        "HTML": str,
        "Markdown": str,
    }
    cells = read_cells("12_train_gan.ipynb", "display(HTML(show_sets.")
    assert len(cells) == 2
    for cell in cells:
        exec(cell, names)
    page = "\n".join(pages)
    assert shows(page, np.asarray(real)) == (which == "shown")
    assert shows(page, trainings.draw_samples(trained, 16))
    assert page.count(REASON) == (which == "hidden")
    assert re.search(r"A sample lies at \d+\.\d\d from its nearest image", page)


@pytest.mark.parametrize("which", ["shown", "hidden"])
def test_targets_of_inversions_are_generated_where_the_set_is_not_to_be_shown(
    named, tmp_path, which
):
    generator, pages = build_dcgan(), []
    real = load_image_set(named[which], generator.resolution, say=lambda text: None)
    (cell,) = read_cells("14_invert_dcgan.ipynb", "show_sets.")
    for unseen in (False, True):
        names = {
            "images": named[which],
            "G": generator,
            "held_out": 3,
            "seed": 5,
            "unseen": unseen,
            "folder": tmp_path,
            "show_sets": show_sets,
            "trainings": trainings,
            "image_rng": image_rng,
            "save_png": save_png,
            "load_image_set": lambda *given: real,
            "display": pages.append,
            "HTML": str,
            "Markdown": str,
        }
        exec(cell, names)
        targets = np.stack([read_png(path) for path in names["held"]])
        if which == "shown":
            assert np.array_equal(targets, real[-3:])
        else:
            drawn = trainings.draw_images(generator, 3, image_rng(5, "targets"))
            assert np.array_equal(targets, drawn) and len({x.tobytes() for x in targets}) == 3
    page = "\n".join(pages)
    assert (
        page.count(REASON)
        == page.count("The targets are images that the generator draws")
        == (2 if which == "hidden" else 0)
    )
    assert page.count("trained on these images") == (which == "shown")


def test_pairs_lie_one_above_the_other(named):
    rng = np.random.default_rng(0)
    real, samples = rng.integers(0, 256, (2, 20, 16, 16, 3), dtype=np.uint8)
    index = torch.arange(19, -1, -1)
    found = Neighbours(index=index, distances=torch.ones(20), usual=torch.ones(20))
    (picture,) = pictures_in(show_sets.nearest_images(named["shown"], real, samples, found))
    rows = [samples[:8], real[19:11:-1], samples[8:16], real[11:3:-1]]
    wanted = picture_grid(np.concatenate(rows), 8).repeat(2, 0).repeat(2, 1)
    assert abs(picture.astype(int) - wanted).mean() < 30  # noise, after JPEG
    assert abs(picture.astype(int) - np.roll(wanted, 32, 0)).mean() > 60


def test_distances_are_described_with_what_is_to_be_expected():
    found = Neighbours(
        index=torch.tensor([4, 4, 2, 1]),
        distances=torch.tensor([0.5, 3.0, 2.0, 4.0]),
        usual=torch.linspace(1, 5, 41),
    )
    said = show_sets.describe_neighbours(found)
    assert "The 4 samples are nearest to 3 different images" in said
    assert "at 2.50 from its nearest image (median; 0.50 at the least)" in said
    assert "at 3.00 from its nearest other (1.00 at the least; of 41 images)" in said
    assert "5% of the images lie nearer to another than 1.20" in said
    assert "lie 1 of the 4 samples: 0 or fewer are expected" in said

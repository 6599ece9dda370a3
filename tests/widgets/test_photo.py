"""The choice of a photograph."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from ganinv.images.alignment import cut_squares
from ganinv.images.reading import open_image
from ganinv.runs.samples import find_sample
from ganinv.widgets.photo import GAP, TALL, PhotoWidget, draw_crop, save_upload
from helpers.uploads import uploaded


@pytest.fixture
def widget(tmp_path):
    return PhotoWidget(tmp_path / "uploads")


def test_the_preview_shows_the_crop_that_is_inverted(widget):
    widget.choice.value = "sample:hopper"
    shown = np.asarray(Image.open(io.BytesIO(widget.preview.value)), float)
    (cut,) = cut_squares(open_image(find_sample("hopper").path), TALL, True, lambda text: None)
    assert np.abs(shown[:, -TALL:] - np.asarray(cut.image, float)).mean() < 3  # JPEG's
    assert widget.preview.layout.width == f"{shown.shape[1]}px"  # not blown up
    assert "the face&#x27;s square" in widget.message.value
    widget.align.value = False
    assert "the centre square" in widget.message.value


def test_an_upload_is_chosen_and_cleared(widget, make_photo, tmp_path):
    photo = make_photo(tmp_path / "me.png", 0)
    widget.upload.value = uploaded(photo)
    assert widget.image == str(widget.folder / "me.png")
    assert (widget.folder / "me.png").read_bytes() == photo.read_bytes()
    assert "no face found" in widget.message.value and not widget.clear_button.disabled
    widget.clear_button.click()
    assert widget.image == "sample:astronaut" and widget.upload.value == ()
    assert not list(widget.folder.iterdir()) and widget.clear_button.disabled
    assert "square" in widget.message.value


def test_another_photograph_of_one_name_has_another_file(make_photo, tmp_path):
    one, two = (make_photo(tmp_path / f"{k}.png", k).read_bytes() for k in range(2))
    names = [save_upload(tmp_path / "up", "image.png", data).name for data in (one, two, one, two)]
    assert names == ["image.png", "image-2.png", "image.png", "image-2.png"]


STRANGE = [
    'it\'s "me" & <b>.png',
    "Ærø 写真.png",
    "a\n../b.png",
    "é" * 120 + ".png",
    "x." + "y" * 300,
]


@pytest.mark.parametrize(
    "name", ["", "..", "/etc/me.png", "..\\me.png", "a/../../me.png", *STRANGE]
)
def test_an_upload_stays_in_its_folder(tmp_path, name):
    path = save_upload(tmp_path / "up", name, b"x")
    assert path.resolve().parent == (tmp_path / "up").resolve() and path.read_bytes() == b"x"


@pytest.mark.parametrize("name", STRANGE)
def test_an_upload_of_any_name_is_listed(widget, make_photo, tmp_path, name):
    widget.upload.value = uploaded(make_photo(tmp_path / "me.png", 0), name)
    assert widget.image == str(next(widget.folder.iterdir())) and not widget.clear_button.disabled
    assert "no face found" in widget.problem


def test_what_is_no_photograph_is_told(widget, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    widget.upload.value = uploaded(tmp_path / "notes.png")
    assert "notes.png" in widget.message.value and widget.preview not in widget.children
    assert widget.problem.startswith("notes.png: not an image")
    widget.choice.value = "sample:hopper"
    assert widget.problem == ""
    assert widget.preview in widget.children


def test_each_face_of_several_can_be_chosen(widget, tmp_path):
    hopper = open_image(find_sample("hopper").path)
    both = Image.new("RGB", (2 * hopper.width, hopper.height))
    both.paste(hopper), both.paste(ImageOps.mirror(hopper), (hopper.width, 0))
    both.save(tmp_path / "both.png")
    widget.upload.value = uploaded(tmp_path / "both.png")
    assert [number for _, number in widget.face.options] == [1, 2]
    assert widget.face in widget.children
    assert widget.which_face() == "largest"
    before = widget.preview.value
    widget.face.value = 2
    assert widget.which_face() == "2" and widget.preview.value != before
    widget.choice.value = "sample:hopper"
    assert widget.face not in widget.children and widget.which_face() == "largest"


@pytest.mark.parametrize("size", [(300, 900), (3000, 300), (256, 256)])
def test_a_preview_has_one_height_and_is_never_wide(size):
    quad = np.array([(10, 10), (10, 100), (100, 100), (100, 10)], float)
    picture = draw_crop(Image.new("RGB", size), [quad], 0)
    assert picture.shape[0] == TALL and picture.shape[1] <= 3 * TALL + GAP


@pytest.mark.parametrize("name", ["a\0b.png", "half a pair \ud83d.png", "\0"])
def test_a_name_that_no_file_can_have_is_mended(tmp_path, name):
    path = save_upload(tmp_path, name, b"a photograph")
    assert path.parent == tmp_path and path.read_bytes() == b"a photograph"
    assert path.name == name.replace("\0", "_").replace("\ud83d", "_")

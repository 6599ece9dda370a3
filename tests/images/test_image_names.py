"""The names of images as folders, and the images of a folder."""

import hashlib
import os
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ganinv.images.reading import image_id, list_images, open_image
from ganinv.runs.names import RESERVED
from helpers.image_files import PNG, random_picture

AWKWARD = [
    '"><img src=x onerror=alert(1)>.png',
    "<script>alert(1)</script>.jpg",
    "a b.png",
    "a  b.png",
    "a\tb.png",
    "a\nb.png",
    "日本.png",
    "\u202egnp.exe.png",
    ".hidden.png",
    "..png",
    "...",
    ".png",
    "-rf.png",
    "--.png",
    "_.png",
    "a..png",
    "a%2f.png",
    "$(id).png",
    "`id`.png",
    "a\\b.png",
    "C:.png",
    "a|b.png",
    "*.png",
    "😀.png",
    "x" * 300 + ".png",
    "x" * 301 + ".png",
    "日" * 80 + ".png",
    "\U00020bb7" * 61 + ".png",
    os.fsdecode(b"\xff.png"),
    os.fsdecode(b"\xfe.png"),
    os.fsdecode(b"caf\xe9.png"),
    *(f"{name}.png" for name in RESERVED),
    *(f"{name.upper()}.png" for name in RESERVED),
]


def assert_safe(name):
    assert re.fullmatch(r"\w[\w.-]*", name), name
    assert not name.endswith(".")
    assert len(os.fsencode(name)) <= 255
    assert name.lower() not in RESERVED
    name.encode("utf-8")  # so that it can stand in JSON, in HTML and on a terminal


@pytest.mark.parametrize("name", AWKWARD, ids=range(len(AWKWARD)))
def test_an_id_is_safe_as_a_folder(tmp_path, name):
    found = image_id(tmp_path / name, RESERVED)
    assert_safe(found)
    (tmp_path / found).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [found]


def test_awkward_names_get_ids_of_their_own():
    assert len({image_id(name, RESERVED).lower() for name in AWKWARD}) == len(AWKWARD)


# what a Linux file system can hold: any bytes but "/" and NUL
file_names = (
    (st.binary(min_size=1, max_size=40).map(os.fsdecode) | st.text(min_size=1, max_size=80))
    .filter(lambda name: not set(name) & {"/", "\0"} and name not in (".", ".."))
    .map(lambda name: name + ".png")
)


@settings(deadline=None, max_examples=300)
@given(file_names)
def test_the_id_of_any_name_is_safe(name):
    assert_safe(image_id(Path("/photos") / name, RESERVED))


@settings(deadline=None, max_examples=200)
@given(file_names, file_names)
def test_two_names_have_two_ids(first, second):
    assume(unicodedata.normalize("NFC", first) != unicodedata.normalize("NFC", second))
    assert image_id(first, RESERVED) != image_id(second, RESERVED)


@pytest.mark.parametrize("name", ["me.png", "IMG_2041.JPG", "a-b.c_d.png", "Zoë.png", "1.webp"])
def test_a_plain_name_is_its_own_id(name):
    assert image_id(f"/some/folder/{name}") == Path(name).stem


@pytest.mark.parametrize("name", ["a b.jpg", "<b>.png", "x" * 70 + ".png", "日 本.png"])
def test_a_changed_name_carries_the_hash_of_the_whole(name):
    found = image_id(name)
    assert found.endswith("-" + hashlib.sha256(name.encode()).hexdigest()[:6])


def test_an_id_depends_on_the_name_alone(tmp_path):
    (tmp_path / "a b.png").write_bytes(PNG)
    ids = {image_id(place) for place in ("a b.png", "/x/a b.png", tmp_path / "a b.png")}
    assert len(ids) == 1


def test_both_spellings_of_an_accent_are_one_name():
    assert image_id("e\u0301.png") == image_id("\u00e9.png")


def test_suffixes_tell_changed_names_apart():
    assert image_id("a b.png") != image_id("a b.jpg")


# --- folders ---


def test_images_of_a_folder_come_sorted_and_hidden_ones_are_left_out(tmp_path):
    wanted = ["B.png", "a.JPG", "a.jpeg", "deep/er/z.webp", "deep/y.tiff", "z.gif", "é.bmp"]
    unwanted = [".b.png", ".git/c.png", "deep/.cache/d.png", "notes.txt", "png", "a.png.part"]
    for name in [*wanted, *unwanted]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)] == sorted(wanted)


def test_a_folder_below_a_hidden_one_can_be_listed(tmp_path):
    folder = tmp_path / ".cache" / "photos"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(PNG)
    assert list_images(folder) == list_images(str(folder)) == [folder / "a.png"]


def test_an_empty_folder_has_no_images(tmp_path):
    assert list_images(tmp_path) == []


def test_names_that_are_not_utf8_are_listed_and_read(tmp_path):
    names = [b"\xff\xfe.png", b"caf\xe9.png"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(PNG)
    found = list_images(tmp_path)
    assert sorted(os.fsencode(path.name) for path in found) == sorted(names)
    assert len({image_id(path) for path in found}) == 2
    for path in found:
        assert np.array_equal(np.asarray(open_image(path)), random_picture())

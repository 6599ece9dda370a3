"""What a folder holds beside photographs, by kind, and the sentence that says it."""

import os

import pytest
from PIL import Image

from ganinv.errors import printable
from ganinv.images.folders import KINDS, RESULTS, describe_left_out, list_images, search_folder
from helpers.image_files import JPEG, PNG, encode, random_picture

QUICKTIME = b"\0\0\0\x14ftypqt  \0\0\0\0qt  "
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"
FILES = {
    "clip.mov": (QUICKTIME, "video"),
    "clip.MP4": (b"", "video"),
    "clip": (MP4, "video"),
    "a.avi": (b"RIFF\0\0\0\0AVI LIST", "video"),
    "film.bin": (b"\x1aE\xdf\xa3webm", "video"),
    "photo.image": (JPEG, "suffix"),
    "noname": (PNG, "suffix"),
    "a.png.part": (PNG, "suffix"),
    "x.bak": (encode(Image.fromarray(random_picture()), "WEBP"), "suffix"),
    "IMG.CR2": (b"II*\0", "raw"),
    "notes.txt": (b"hello", "other"),
    "empty": (b"", "other"),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0", "other"),
    "sound.wav": (b"RIFF\0\0\0\0WAVEfmt ", "other"),
    "song.m4a": (b"\0\0\0\x18ftypM4A \0\0\0\0", "other"),
    ".DS_Store": (b"x", "hidden"),
    "._me.jpg": (JPEG, "hidden"),
    ".cache/d.png": (PNG, "hidden"),
}
TAKEN = ["a.jfif", "b.JPE", "c.heic", "d.HEIF", "e.avif", "f.png", "sub/g.tiff", "damaged.jpg"]


def fill(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_left_out_under_its_kind(tmp_path, name):
    data, kind = FILES[name]
    fill(tmp_path, {name: data})
    found = search_folder(tmp_path)
    assert found.images == []
    assert found.left_out == {kind: [tmp_path / name.removesuffix("/d.png")]}


def test_every_file_of_a_folder_is_taken_or_left_out(tmp_path):
    fill(tmp_path, {name: data for name, (data, _) in FILES.items()})
    fill(tmp_path, dict.fromkeys(TAKEN, PNG))
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "sub")
    os.mkfifo(tmp_path / "pipe.png")
    found = search_folder(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found.images] == sorted(TAKEN)
    left_out = [path for paths in found.left_out.values() for path in paths]
    assert len(left_out) == len(FILES) + 3 and found.left_out.keys() <= KINDS.keys()
    assert found.left_out["link"] == [tmp_path / "elsewhere"]
    assert {path.name for path in found.left_out["unreadable"]} == {"gone.png", "pipe.png"}


def test_the_sentence_counts_and_names(tmp_path):
    fill(tmp_path, {f"clip{n}.mov": QUICKTIME for n in range(5)})
    fill(tmp_path, {"me.image": JPEG, "a.txt": b"a", "b.txt": b"b", "deep/c.txt": b"c"})
    said = describe_left_out(tmp_path, search_folder(tmp_path).left_out)
    assert said == (
        f"left out of {tmp_path}: 5 videos (clip0.mov, clip1.mov, clip2.mov, …), "
        "1 file of unknown suffix (me.image), 3 that are no images (a.txt, b.txt, deep/c.txt)"
    )
    assert describe_left_out(tmp_path, {}) == ""


def test_names_cannot_act_on_a_terminal(tmp_path):
    fill(tmp_path, {"\x1b[31m\u202egnp.txt": b"x", os.fsdecode(b"\xff.txt"): b"y"})
    said = describe_left_out(tmp_path, search_folder(tmp_path).left_out)
    assert said.isprintable()
    assert "\\x1b[31m\\u202egnp.txt" in said and "\\udcff.txt" in said


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Zoë 日本 😀.png", "Zoë 日本 😀.png"),
        ("a\nb\tc\x07\x7f\x9b", "a\\nb\\tc\\x07\\x7f\\x9b"),
        ("\u2066a\u2069\u200f\u2028", "\\u2066a\\u2069\\u200f\\u2028"),
        ("\ud800", "\\ud800"),
        (12, "12"),
    ],
)
def test_printable(text, expected):
    assert printable(text) == expected


def test_results_of_earlier_runs_are_left_out(tmp_path):
    fill(tmp_path / "run" / "me", dict.fromkeys([*RESULTS, "mine.png"], PNG))
    fill(tmp_path / "old" / "me", dict.fromkeys(["target.png", "mine.png"], PNG))
    fill(tmp_path / "run", {"me/record.json": b"{}", "metrics.json": b"{}"})
    fill(tmp_path / "old", {"me/latent.safetensors": b""})
    fill(tmp_path, {"run/contact_sheet.jpg": JPEG, "target.png": PNG, "contact_sheet.jpg": JPEG})
    found = search_folder(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in found.images}
    assert names == {"run/me/mine.png", "old/me/mine.png", "target.png", "contact_sheet.jpg"}
    assert len(found.left_out["result"]) == len(RESULTS) + 2
    assert list_images(tmp_path) == found.images


def test_crop_records_are_a_kind_of_their_own(tmp_path):
    fill(tmp_path, {"me.png": PNG, "me.json": b"{}", "other.json": b"{}"})
    left_out = search_folder(tmp_path).left_out
    assert left_out == {"crop": [tmp_path / "me.json"], "other": [tmp_path / "other.json"]}

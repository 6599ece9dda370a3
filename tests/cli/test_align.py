"""ganinv align."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from ganinv.images.crops import read_crop
from ganinv.paths import project_root
from helpers.commands import cli

ASTRONAUT = project_root() / "data" / "samples" / "astronaut.png"


def test_align_cuts_out_the_face(tmp_path, capsys):
    assert cli("align", ASTRONAUT, "--out", tmp_path / "aligned", "--size", "64") == 0
    written = tmp_path / "aligned" / "astronaut.png"
    assert str(written) in capsys.readouterr().out
    with Image.open(written) as image:
        assert image.size == (64, 64) and image.mode == "RGB"


def test_align_records_where_the_square_lies(tmp_path):
    (tmp_path / "photos").mkdir()
    with Image.open(ASTRONAUT) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = image.convert("RGB").transpose(Image.Transpose.ROTATE_90)
        turned.crop((0, 0, 512, 500)).save(tmp_path / "photos" / "me.png", exif=exif)
    assert cli("align", tmp_path / "photos", "--out", tmp_path / "out", "--size", "64") == 0
    record = json.loads((tmp_path / "out" / "me.json").read_text())
    assert record["source"] == str(tmp_path / "photos" / "me.png")
    assert record["source_relative"] == "../photos/me.png"
    data = (tmp_path / "photos" / "me.png").read_bytes()
    assert record["sha256"] == hashlib.sha256(data).hexdigest()
    assert record["photo_size"] == [500, 512]  # upright
    top_left, bottom_left, bottom_right, top_right = np.array(record["corners"])
    assert np.allclose(np.hypot(*(top_right - top_left)), record["side"])
    assert np.allclose(np.hypot(*(bottom_right - bottom_left)), record["side"])
    assert abs(record["angle"]) < 15 and record["size"] == 64
    assert (record["face"], record["faces"]) == (1, 1)
    assert read_crop(tmp_path / "out" / "me.json").to_dict() == record | {
        "photo_size": (500, 512),
        "corners": tuple(map(tuple, record["corners"])),
    }


def test_align_all_faces(tmp_path):
    canvas = Image.new("RGB", (1030, 512), "grey")
    with Image.open(ASTRONAUT) as image:
        canvas.paste(image.convert("RGB"), (0, 0))
        canvas.paste(image.convert("RGB").resize((400, 400)), (600, 60))
    canvas.save(tmp_path / "two.png")
    command = ("align", tmp_path / "two.png", "--out", tmp_path / "out", "--size", "32")
    assert cli(*command, "--face", "all") == 0
    names = ["two-face1.json", "two-face1.png", "two-face2.json", "two-face2.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    first, second = (read_crop(tmp_path / "out" / name) for name in names[::2])
    assert (first.face, second.face, first.faces) == (1, 2, 2) and first.side > second.side
    assert cli(*command, "--face", "2") == 0
    assert read_crop(tmp_path / "out" / "two.json") == second
    assert cli(*command, "--face", "3") == 1


def test_align_names_what_has_no_face_and_is_1(photo, make_photo, tmp_path, capsys):
    (tmp_path / "photos" / "empty.png").write_bytes(b"")
    assert cli("align", tmp_path / "photos", "--out", tmp_path / "aligned", "--size", "32") == 1
    error = capsys.readouterr().err
    assert "me.png: no face" in error and "empty.png: the file is empty" in error
    assert not (tmp_path / "aligned").exists()


@pytest.mark.parametrize("words", [["absent.png", "--out", "x"], ["me.png"], ["--out", "x"]])
def test_align_with_wrong_arguments_is_2(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert cli("align", *words) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["8", "big", "100000"])
def test_align_refuses_a_size_out_of_range(photo, tmp_path, size):
    assert cli("align", photo, "--out", tmp_path / "aligned", "--size", size) == 2


@pytest.mark.parametrize("face", ["0", "-2", "smallest"])
def test_align_refuses_a_face_that_cannot_be(photo, tmp_path, face, capsys):
    assert cli("align", photo, "--out", tmp_path / "aligned", "--face", face) == 2
    assert "largest, all" in capsys.readouterr().err


def test_align_into_a_file_is_2(photo, capsys):
    assert cli("align", photo, "--out", photo) == 2
    assert "name a folder" in capsys.readouterr().err

"""ganinv align."""

import pytest
from PIL import Image

from ganinv.paths import project_root
from helpers.commands import cli


def test_align_cuts_out_the_face(tmp_path, capsys):
    astronaut = project_root() / "data" / "samples" / "astronaut.png"
    assert cli("align", astronaut, "--out", tmp_path / "aligned", "--size", "64") == 0
    written = tmp_path / "aligned" / "astronaut.png"
    assert str(written) in capsys.readouterr().out
    with Image.open(written) as image:
        assert image.size == (64, 64) and image.mode == "RGB"


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

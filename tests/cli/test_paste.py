"""ganinv paste: which photograph, which record, which output, and what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ganinv.files import write_json
from ganinv.images.alignment import cut_squares
from ganinv.images.crops import describe_crop, write_crop
from ganinv.images.reading import open_image
from helpers.commands import cli
from helpers.pictures import picture, write_photo


@pytest.fixture
def cropped(tmp_path):
    """A photograph, its centre square as a white crop, and the crop's record beside it."""
    photo = write_photo(tmp_path / "photos" / "me.png", size=(120, 80))
    return white_crop(photo, tmp_path / "crops" / "me.png")


def white_crop(photo, path):
    image = open_image(photo)
    (cut,) = cut_squares(image, 64, align=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), "white").save(path)
    crop = describe_crop(cut, photo, image.size, path.parent)
    write_crop(path.with_suffix(".json"), crop)
    return path


def assert_pasted(path, photo):
    found, before = picture(path), picture(photo)
    assert found.shape == before.shape == (80, 120, 3)
    assert np.array_equal(found[:, :20], before[:, :20])
    assert np.array_equal(found[:, 100:], before[:, 100:])
    assert np.all(found[10:70, 30:90] == 255)


def test_a_crop_is_pasted_beside_itself(cropped, tmp_path, capsys):
    assert cli("paste", cropped) == 0
    written = tmp_path / "crops" / "me.pasted.png"
    assert capsys.readouterr().out.strip() == str(written)
    assert_pasted(written, tmp_path / "photos" / "me.png")


def test_a_run_and_one_of_its_images(cropped, tmp_path):
    crop = json.loads(cropped.with_suffix(".json").read_text())
    for name in ("a", "b", "failed"):
        write_json(tmp_path / "run" / name / "record.json", {"psnr": 1, "crop": crop})
        if name != "failed":
            shutil.copy(cropped, tmp_path / "run" / name / "reconstruction.png")
    assert cli("paste", tmp_path / "run" / "a") == 0
    assert_pasted(tmp_path / "run" / "a" / "pasted.png", tmp_path / "photos" / "me.png")
    assert not (tmp_path / "run" / "b" / "pasted.png").exists()
    assert cli("paste", tmp_path / "run", "--out", tmp_path / "all") == 0
    assert {p.name for p in (tmp_path / "all").iterdir()} == {"a.pasted.png", "b.pasted.png"}


def test_an_edited_crop_with_a_record_named(cropped, tmp_path):
    edited = shutil.move(cropped, tmp_path / "edited.png")
    out = tmp_path / "new" / "result.png"
    record = cropped.with_suffix(".json")
    assert cli("paste", edited, "--crop", record, "--out", out) == 0
    assert_pasted(out, tmp_path / "photos" / "me.png")


def test_a_photograph_is_found_where_folders_moved_together(cropped, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for name in ("photos", "crops"):
        shutil.move(tmp_path / name, tmp_path / "elsewhere" / name)
    assert cli("paste", tmp_path / "elsewhere" / "crops" / "me.png") == 0


def test_a_photograph_that_is_gone_is_looked_for_and_may_be_named(cropped, tmp_path, capsys):
    shutil.move(tmp_path / "photos" / "me.png", tmp_path / "other.png")
    assert cli("paste", cropped) == 1
    error = capsys.readouterr().err
    assert str(tmp_path / "photos" / "me.png") in error and "--photo" in error
    assert cli("paste", cropped, "--photo", tmp_path / "other.png") == 0


def test_another_photograph_is_refused_unless_it_is_named(cropped, tmp_path, capsys):
    photo = write_photo(tmp_path / "photos" / "me.png", seed=5, size=(120, 80))
    assert cli("paste", cropped) == 1
    assert "SHA-256 differs" in capsys.readouterr().err
    assert cli("paste", cropped, "--photo", photo) == 0
    small = write_photo(tmp_path / "small.png", size=(60, 40))
    assert cli("paste", cropped, "--photo", small) == 1
    assert "60x40 and not 120x80" in capsys.readouterr().err


RECORDS = {
    "text": "hello",
    "a list": "[]",
    "nothing": "{}",
    "a failure": '{"failed": "no face"}',
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_is_none_is_a_sentence(cropped, name, capsys):
    cropped.with_suffix(".json").write_text(RECORDS[name])
    assert cli("paste", cropped) == 1
    assert "me.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [
        {"corners": [[0, 0]] * 4},
        {"corners": [[0, 0], [0, 9], [9, 9]]},
        {"corners": [[0, 0], [0, 9], [9, 9], [90, 0]]},
        {"corners": [[0, 0], [0, 1e300], [1e300, 1e300], [1e300, 0]]},
        {"corners": [[0, 0], [9, 0], [9, 9], [0, 9]]},  # a mirror image
        {"corners": None},
        {"photo_size": "big"},
        {"size": "x"},
        {"source": "\0", "source_relative": "\0"},
    ],
)
def test_a_damaged_record_is_a_sentence(cropped, changes, capsys):
    record = json.loads(cropped.with_suffix(".json").read_text())
    cropped.with_suffix(".json").write_text(json.dumps(record | changes))
    assert cli("paste", cropped) == 1
    assert capsys.readouterr().err.startswith("ganinv: ")


def test_what_cannot_be_pasted_is_named_and_the_rest_is_done(cropped, tmp_path, capsys):
    Image.new("RGB", (64, 32)).save(tmp_path / "crops" / "wide.png")
    shutil.copy(cropped.with_suffix(".json"), tmp_path / "crops" / "wide.json")
    write_photo(tmp_path / "crops" / "bare.png")
    words = [tmp_path / "crops" / name for name in ("absent.png", "bare.png", "wide.png", "me.png")]
    assert cli("paste", *words, tmp_path / "photos") == 1
    error = capsys.readouterr().err
    for text in ("absent.png", "no crop record", "64x32", "neither a run"):
        assert text in error
    assert (tmp_path / "crops" / "me.pasted.png").is_file()


def test_outputs_that_cannot_be(cropped, tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    assert cli("paste", cropped, "--out", tmp_path / "file" / "x.png") == 1
    assert "cannot write" in capsys.readouterr().err
    for out in (cropped, tmp_path / "photos" / "me.png"):
        assert cli("paste", cropped, "--out", out) == 2
        assert "would be overwritten" in capsys.readouterr().err
    assert cli("paste", cropped, "--out", tmp_path / "x.jpg") == 2
    assert cli("paste", cropped, cropped, "--out", tmp_path / "x.png") == 2
    assert cli("paste", cropped, cropped, "--out", tmp_path / "folder") == 2


@pytest.mark.parametrize("rim", ["-0.1", "0.6", "nan", "wide"])
def test_a_rim_that_cannot_be_is_2(cropped, rim):
    assert cli("paste", cropped, "--rim", rim) == 2


def test_a_run_without_pictures_says_how_they_are_drawn(quick, photo, tmp_path, capsys):
    assert cli("invert", photo, *quick, "--keep", "latents") == 0
    capsys.readouterr()
    assert cli("paste", tmp_path / "run") == 1
    assert "--keep latents" in (said := capsys.readouterr().err) and "ganinv render" in said
    assert cli("render", tmp_path / "run", "--out", tmp_path / "drawn") == 0
    record = tmp_path / "run" / "me" / "record.json"
    assert cli("paste", tmp_path / "drawn" / "me.png", "--crop", record) == 0

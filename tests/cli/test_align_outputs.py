"""What ganinv align writes over: its own crop of the same face, and nothing else."""

import shutil

import pytest
from PIL import Image

from ganinv.images.crops import read_crop
from ganinv.paths import project_root
from helpers.commands import cli

SAMPLES = project_root() / "data" / "samples"


def face_at(path, name="astronaut.png", side=300):
    """Write a sample with its face as a file of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(SAMPLES / name) as image:
        image.convert("RGB").resize((side, side)).save(path)
    return path


def align(*inputs, out, face="largest"):
    return cli("align", *inputs, "--out", out, "--size", "32", "--face", face)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(tmp_path, capsys, says, *inputs, status=2, **options):
    before = contents(tmp_path)
    assert align(*inputs, **options) == status
    error = capsys.readouterr().err
    assert says in error and "--out" in error and "Traceback" not in error
    assert contents(tmp_path) == before


def test_a_photograph_is_not_replaced_by_its_crop(tmp_path, capsys):
    photo = face_at(tmp_path / "sub" / "photo.png")
    says = "photo.png would be overwritten"
    assert_refused(tmp_path, capsys, says, photo, out=photo.parent)
    assert_refused(tmp_path, capsys, says, photo.parent, out=photo.parent)
    (tmp_path / "link").symlink_to(photo.parent)
    assert_refused(tmp_path, capsys, says, photo, out=tmp_path / "link")
    assert_refused(tmp_path, capsys, says, tmp_path / "link" / "photo.png", out=photo.parent)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "photo.png").symlink_to(photo)
    assert_refused(tmp_path, capsys, f"(it is {photo})", photo, out=tmp_path / "out")


def test_none_is_replaced_before_one_that_would_be_is_found(tmp_path, capsys):
    first, second = face_at(tmp_path / "a.jpg"), face_at(tmp_path / "sub" / "b.png")
    assert_refused(tmp_path, capsys, "b.png would be", first, second, out=second.parent)
    upper = face_at(tmp_path / "upper" / "C.PNG")  # on some disks it is c.png
    lower = tmp_path / "upper" / "c.png"
    if not lower.exists():
        assert_refused(tmp_path, capsys, "(it is ", upper, out=upper.parent)


def test_all_faces_replace_no_photograph(tmp_path, capsys):
    photo = face_at(tmp_path / "me.jpg")
    other = face_at(tmp_path / "sub" / "me-face1.png")
    says = "me-face1.png would be overwritten"
    assert_refused(tmp_path, capsys, says, photo, other, out=other.parent, face="all")


def test_a_picture_that_is_no_crop_stays(tmp_path, capsys):
    """An original that lies where a crop would go is no input, and a photograph all the same."""
    photo = face_at(tmp_path / "sub" / "me.jpg")
    face_at(tmp_path / "out" / "me.png", "hopper.jpg")
    says = "me.png is there, and no crop"
    assert_refused(tmp_path, capsys, says, photo, out=tmp_path / "out", status=1)
    (tmp_path / "out" / "me.json").write_text('{"my": "own"}')
    assert_refused(tmp_path, capsys, says, photo, out=tmp_path / "out", status=1)


def test_the_crop_of_another_photograph_stays(tmp_path, capsys):
    photo, out = face_at(tmp_path / "me.jpg"), tmp_path / "o"
    other = face_at(tmp_path / "sub" / "me.jpg", "hopper.jpg")
    third = face_at(tmp_path / "sub" / "third.jpg")
    assert align(photo, out=out) == 0
    assert_refused(
        tmp_path, capsys, f"another photograph of this name, {photo}", other, out=out, status=1
    )
    assert align(other, third, out=out) == 1 and (out / "third.png").is_file()  # the rest is done
    assert align(photo, out=out, face="all") == 0
    assert_refused(tmp_path, capsys, "another photograph", other, out=out, face="all", status=1)


def test_the_same_call_again_works(tmp_path):
    photo, out = face_at(tmp_path / "me.jpg"), tmp_path / "o"
    assert align(photo, out=out) == 0
    first = contents(out)
    assert align(photo, out=out) == align(photo, out=out, face="1") == 0
    assert contents(out) == first
    assert cli("align", photo, "--out", out, "--size", "48") == 0
    assert read_crop(out / "me.json").size == 48
    face_at(photo, side=280)  # another version of it at the same place
    assert align(photo, out=out) == 0
    assert read_crop(out / "me.json").photo_size == (280, 280)
    (tmp_path / "more").mkdir()
    shutil.copy(photo, tmp_path / "more")  # the same file from another place
    assert align(tmp_path / "more" / "me.jpg", out=out) == 0


def test_the_same_call_again_from_the_photographs_folder(tmp_path, monkeypatch):
    face_at(tmp_path / "photos" / "me.jpg")
    monkeypatch.chdir(tmp_path)
    assert align("photos/me.jpg", out="o") == 0
    monkeypatch.chdir(tmp_path / "photos")
    face_at(tmp_path / "photos" / "me.jpg", side=280)
    assert align("me.jpg", out="../o") == 0


def test_the_crop_of_another_face_stays(tmp_path, capsys):
    canvas = Image.new("RGB", (1030, 512), "grey")
    with Image.open(SAMPLES / "astronaut.png") as image:
        canvas.paste(image.convert("RGB"), (0, 0))
        canvas.paste(image.convert("RGB").resize((400, 400)), (600, 60))
    canvas.save(tmp_path / "two.png")
    out = tmp_path / "o"
    assert align(tmp_path / "two.png", out=out, face="1") == 0
    says = "the crop of face 1, and not of face 2"
    assert_refused(tmp_path, capsys, says, tmp_path / "two.png", out=out, face="2", status=1)
    assert align(tmp_path / "two.png", out=out, face="all") == 0
    assert read_crop(out / "two-face2.json").face == 2


def test_crops_among_the_photographs_are_no_photographs(tmp_path, capsys):
    face_at(tmp_path / "photos" / "me.jpg")
    for out in (tmp_path / "photos", tmp_path / "photos" / "aligned"):
        assert align(tmp_path / "photos" / "me.jpg", out=out) == 0
        first = contents(out)
        assert align(tmp_path / "photos", out=out) == 0
        assert contents(out) == first
        assert f"left out of {out}: crops" in capsys.readouterr().err
        for path in first:
            if path.name != "me.jpg":
                path.unlink()
    crop = face_at(tmp_path / "photos" / "aligned" / "me.png")
    assert align(crop, out=tmp_path / "o") == 0  # one that is named is taken


@pytest.mark.parametrize("size, says", [((40, 40), "too small, 40x40"), ((90, 90), "crop nearer")])
def test_advice_is_what_align_can_do(tmp_path, capsys, size, says):
    Image.new("RGB", size, "white").save(tmp_path / "me.png")
    assert align(tmp_path / "me.png", out=tmp_path / "o") == 1
    error = capsys.readouterr().err
    assert "no face found" in error and says in error and "--no-align" not in error

"""Fetching image sets from servers on 127.0.0.1: whole or absent, and by hand."""

import hashlib
import zipfile

import pytest
from PIL import Image

from ganinv.cli.main import main
from ganinv.errors import WeightsError
from ganinv.training.sets.fetch import fetch_set, load_sets
from ganinv.training.sets.image_sets import FETCHED, load_image_set
from helpers.projects import closed_port
from helpers.sets import NOTE, ONE, TWO, Said, archive, cats, jpeg, painting, refused

# --- cats ---------------------------------------------------------------------------------------


def test_cats_become_upright_heads_that_load(sets):
    said = Said()
    folder = fetch_set("cats", say=said)
    assert folder == sets.data / "cats"
    wanted = [f"CAT_00_00000003_{i:03d}.jpg" for i in range(10, 17)]
    wanted += [f"CAT_05_00000003_{i:03d}.jpg" for i in range(20, 25)]
    assert sets.pictures("cats") == wanted
    assert any("12 pictures" in line for line in said)
    assert not any("left out" in line for line in said)
    heads = load_image_set("cats", 64, say=said).astype(int)  # (12, 64, 64, 3)
    rows, columns = (64 * (y + 4.5) / 99 for y in (60, 80)), (64 * (x - 0.5) / 99 for x in (30, 70))
    eyes, mouth = (int(row) for row in rows)
    left, right = (int(column) for column in columns)
    assert heads[:, eyes, left].min() > 215 and heads[:, eyes, right].max() < 40
    assert (heads[:, mouth, 32, 0] - heads[:, mouth, 32, 1]).min() > 180
    assert not (sets.data / "cats.part").exists()


def test_a_set_that_is_here_is_kept(sets):
    fetch_set("cats", say=lambda _: None)
    asked, said = len(sets.site.asked), Said()
    fetch_set("cats", say=said)
    assert len(sets.site.asked) == asked and "here already; delete" in said[0]


def test_an_interrupted_unpacking_goes_on(sets, monkeypatch):
    read, names = zipfile.ZipFile.read, []

    def stopping(archive, info, *options):
        if len(names) == 10:  # a photograph and its annotation for each of five heads
            raise KeyboardInterrupt
        names.append(info.filename)
        return read(archive, info, *options)

    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "read", stopping)
        with pytest.raises(KeyboardInterrupt):
            fetch_set("cats", say=lambda _: None)
    assert not (sets.data / "cats").exists() and len(sets.pictures("cats.part")) == 5
    work = sets.data / "cats.part"
    for path in work.iterdir():
        path.write_bytes(b"cropped before")
    fetch_set("cats", say=lambda _: None)
    heads = [path.read_bytes() for path in (sets.data / "cats").iterdir()]
    assert len(heads) == 12 and heads.count(b"cropped before") == 5, "none was cropped twice"
    assert len(sets.site.asked) == 3, "nothing was fetched twice"


def test_pictures_that_cannot_be_used_are_named(sets):
    members = cats("CAT_05", range(20, 27))
    del members["CAT_05/00000003_020.jpg.cat"]
    members["CAT_05/00000003_021.jpg.cat"] = b"9 1 2"
    members["CAT_05/00000003_022.jpg"] = b"no picture"
    turn = Image.Exif()
    turn[0x0112] = 6
    members["CAT_05/00000003_023.jpg"] = jpeg(Image.new("RGB", (400, 400)), exif=turn)
    sets.files[TWO] = archive(members)
    sets.declare()
    said = Said()
    fetch_set("cats", say=said)
    assert len(sets.pictures("cats")) == 7 + 3
    (notice,) = [line for line in said if "notice" in line]
    assert "4 pictures left out" in notice
    for number, reason in enumerate(
        ("no annotation", "9 points", "not an image", "EXIF"), start=20
    ):
        assert f"00000003_{number:03d}.jpg" in notice and reason in notice


def test_a_member_with_a_wrong_checksum_is_left_out(sets):
    data = bytearray(sets.files[TWO])
    at = data.index(b"CAT_05/00000003_020.jpg") + 500
    data[at] ^= 255
    sets.files[TWO] = bytes(data)
    sets.declare()
    said = Said()
    fetch_set("cats", say=said)
    assert len(sets.pictures("cats")) == 11
    assert any("020.jpg (the archive is damaged there" in line for line in said)


# --- what to do by hand ---------------------------------------------------------------------------


def test_without_a_network_all_files_are_named(sets):
    sets.declare(closed_port())
    message = refused("cats")
    assert f"bring to {sets.downloads}" in message and "`ganinv data cats` again" in message
    for name in (ONE, TWO, NOTE):
        assert f"- {name}, from " in message
    assert message.count(hashlib.md5(sets.files[ONE]).hexdigest()) == 1
    assert str(sets.data / "cats") in message
    sets.by_hand()
    fetch_set("cats", say=lambda _: None)
    assert len(sets.pictures("cats")) == 12


def test_pictures_of_ones_own_are_a_set(sets):
    (sets.data / "cats").mkdir()
    for i in range(9):
        (sets.data / "cats" / f"{i}.jpg").write_bytes(painting(i))
    assert len(load_image_set("cats", 32, say=lambda _: None)) == 9


def test_other_bytes_than_known_are_refused(sets):
    sets.files[TWO] = archive(cats("CAT_05", range(3)))
    assert "CAT_DATASET_02.zip has another MD5" in refused("cats")
    assert not (sets.data / "cats").exists()
    assert sorted(path.name for path in sets.downloads.iterdir()) == [ONE], "the first is kept"


def test_a_file_that_is_no_archive(sets, key):
    sets.files["art.zip"] = b"PK but no more"
    message = refused("abstract-art")
    assert (
        "art.zip does not unpack" in message and f"delete {sets.downloads / 'art.zip'}" in message
    )
    sets.files["art.zip"] = b"<!DOCTYPE html><html>log in</html>"
    (sets.downloads / "art.zip").unlink()
    assert "web page" in refused("abstract-art")


@pytest.mark.parametrize(
    "members", [{}, {"a.txt": b"x"}, {"a/1.jpg": b"x"}, {"a/1.jpg": painting(0)}]
)
def test_an_archive_of_something_else(sets, key, members):
    sets.files["art.zip"] = archive(members)
    assert "not abstract-art as known; see https://kaggle.example/page" in refused("abstract-art")
    assert not any(path.name.startswith("abstract-art") for path in sets.data.iterdir())


# --- the list and the command line ---------------------------------------------------------------


def test_the_list_of_sets_is_whole():
    sets = load_sets()
    assert tuple(sets) == FETCHED
    for source in sets["cats"].sources:
        assert source.url == f"https://archive.org/download/CAT_DATASET/{source.file}"
        assert len(bytes.fromhex(source.md5)) == 16
    (art,) = sets["abstract-art"].sources
    assert art.url.startswith("https://www.kaggle.com/api/v1/datasets/download/bryanb/")
    assert all(entry.licence and entry.about for entry in sets.values())


def test_a_list_that_is_not_valid(sets):
    (sets.data / "sets.yaml").write_text("cats: {about: x}")
    with pytest.raises(WeightsError, match="not a valid list of image sets"):
        load_sets()


def test_the_commands_end_with_a_status_and_a_sentence(sets, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["data", "cats"])
    assert ended.value.code == 0 and "12 pictures" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["data", "abstract-art"])
    assert ended.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith("ganinv: abstract-art could not be had") and "Traceback" not in err

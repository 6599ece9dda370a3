"""Fetching image sets from servers on 127.0.0.1: whole or absent, by hand, hostile archives."""

import hashlib
import io
import json
import zipfile

import pytest
from PIL import Image

from ganinv.errors import WeightsError, WriteError
from ganinv.images.reading import open_image
from ganinv.runs.sets import load_sets
from ganinv.training.sets.fetch import Limits, fetch_set, kaggle_key
from ganinv.training.sets.image_sets import FETCHED, load_image_set
from helpers.image_sets import Said
from helpers.projects import closed_port
from helpers.served_sets import (
    NOTE,
    ONE,
    SECRET,
    TWO,
    archive,
    cats,
    give_key,
    jpeg,
    painting,
    served_sets,
)
from helpers.servers import Site, moving, refusing, serving


@pytest.fixture
def sets(tmp_path, monkeypatch):
    with served_sets(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def key(monkeypatch):
    give_key(monkeypatch)


def refused(name, **replaced):
    with pytest.raises(WeightsError) as caught:
        fetch_set(name, say=lambda _: None, **replaced)
    return str(caught.value)


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


def test_an_interrupted_unpacking_goes_on(sets):
    heads = []

    def counting(data):
        heads.append(len(data))
        return open_image(data)

    def stopping(data):
        if len(heads) == 5:
            raise KeyboardInterrupt
        return counting(data)

    with pytest.raises(KeyboardInterrupt):
        fetch_set("cats", say=lambda _: None, decode=stopping)
    assert not (sets.data / "cats").exists() and len(sets.pictures("cats.part")) == 5
    fetch_set("cats", say=lambda _: None, decode=counting)
    assert len(heads) == 12 == len(sets.pictures("cats")), "none was cropped twice"
    assert len(sets.site.asked) == 3, "nothing was fetched twice"


def test_a_set_that_cannot_get_its_name_is_told_and_its_pictures_are_kept(sets):
    (sets.data / "cats").write_text("in the way")
    with pytest.raises(WriteError, match=f"{sets.data / 'cats'} cannot be written: "):
        fetch_set("cats", say=lambda _: None)
    (sets.data / "cats").unlink()
    assert len(list(fetch_set("cats", say=lambda _: None).iterdir())) == 12


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


# --- hostile archives ---------------------------------------------------------------------------


def test_no_member_leaves_the_folder(sets, key, tmp_path):
    names = (
        "../../../escaped.jpg",
        "/tmp/absolute_member.jpg",
        "a/../../b.jpg",
        "..\\..\\windows.jpg",
        "C:\\drive.jpg",
        "x/..jpg",
        "a/.hidden.jpg",
        "__MACOSX/._a.jpg",
        "con.jpg",
        "a/sub\0zero.jpg",
    )
    members = {name: painting(i) for i, name in enumerate(names)}
    members |= {f"g/{i}.jpg": painting(20 + i) for i in range(8)}
    sets.files["art.zip"] = archive(members)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    fetch_set("abstract-art", say=lambda _: None)
    after = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    folder = sets.data / "abstract-art"
    assert {path.parent for path in after} == {folder, sets.downloads}
    assert all(
        name.startswith("g_") or "." not in name[:-4] for name in sets.pictures("abstract-art")
    )
    assert not any(name.startswith(".") for name in sets.pictures("abstract-art"))


def test_links_are_not_followed(sets, key):
    link = zipfile.ZipInfo("g/link.jpg")
    link.external_attr = 0o120777 << 16
    members = {f"g/{i}.jpg": painting(i) for i in range(8)}
    data = io.BytesIO(archive(members))
    with zipfile.ZipFile(data, "a") as file:
        file.writestr(link, "/etc/passwd")
    sets.files["art.zip"] = data.getvalue()
    fetch_set("abstract-art", say=lambda _: None)
    assert len(sets.pictures("abstract-art")) == 8


def test_what_announces_itself_too_large_is_not_unpacked(sets, key):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("g/bomb.jpg", bytes(10_000_000))
        for i in range(8):
            file.writestr(f"g/{i}.jpg", painting(i))
    sets.files["art.zip"] = bomb.getvalue()
    read, said = [], Said()
    fetch_set(
        "abstract-art",
        say=said,
        limits=Limits(member_bytes=100_000),
        decode=lambda data: read.append(len(data)),
    )
    assert max(read) < 100_000 and any("g/bomb.jpg (it announces 10 MB)" in line for line in said)


def test_a_lie_about_the_size_is_no_way_around(sets, key):
    """The size in the archive's list is what is unpacked at most; the checksum tells the rest."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("g/bomb.jpg", bytes(1_000_000))
        for i in range(8):
            file.writestr(f"g/{i}.jpg", painting(i))
    honest = (1_000_000).to_bytes(4, "little")
    sets.files["art.zip"] = data.getvalue().replace(honest, (5000).to_bytes(4, "little"))
    said = Said()
    fetch_set("abstract-art", say=said)
    assert any("g/bomb.jpg (the archive is damaged there" in line for line in said)


def test_too_many_members(sets, key):
    assert "announces 10 files" in refused("abstract-art", limits=Limits(members=9))


# --- Kaggle's key -------------------------------------------------------------------------------


def test_paintings_are_kept_as_they_are(sets, key):
    fetch_set("abstract-art", say=lambda _: None)
    path = sets.data / "abstract-art" / "Abstract_gallery_Abstract_image_7.jpg"
    assert path.read_bytes() == painting(7)


def test_the_place_it_is_sent_on_to_does_not_get_the_key(sets, key):
    elsewhere = Site()
    elsewhere.reply = serving(sets.files["art.zip"])
    sets.site.reply = moving(f"{elsewhere.address}/signed")
    fetch_set("abstract-art", say=lambda _: None)
    assert all("Authorization" not in headers for _, headers in elsewhere.asked)
    elsewhere.close()


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused(sets, key, status):
    sets.site.reply = refusing(status)
    message = refused("abstract-art")
    assert str(status) in message and SECRET not in message
    assert "art.zip, from https://kaggle.example/page" in message


def test_no_key(sets, tmp_path):
    message = refused("abstract-art")
    assert "Kaggle asks for a key" in message and ".kaggle/kaggle.json" in message
    assert "By hand" in message and sets.site.asked == []
    sets.by_hand()
    fetch_set("abstract-art", say=lambda _: None)
    assert len(sets.pictures("abstract-art")) == 10 and sets.site.asked == []


@pytest.mark.parametrize("place", ["home", "elsewhere"])
def test_a_key_from_a_file(sets, tmp_path, monkeypatch, place):
    folder = tmp_path / "home" / ".kaggle" if place == "home" else tmp_path / "keys"
    folder.mkdir(parents=True)
    (folder / "kaggle.json").write_text(json.dumps({"username": "me", "key": SECRET}))
    if place == "elsewhere":
        monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(folder))
    assert kaggle_key() == ("me", SECRET)
    monkeypatch.setenv("KAGGLE_USERNAME", "you")
    assert kaggle_key() == ("me", SECRET), "a name alone is no key"
    monkeypatch.setenv("KAGGLE_KEY", "other")
    assert kaggle_key() == ("you", "other")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        f'{{"key": "{SECRET}"}}',
        f'{{"username": 1, "key": "{SECRET}"}}',
        f'{{"username": "m€", "key": "{SECRET}"}}',
    ],
)
def test_a_file_that_is_no_key(sets, tmp_path, text):
    folder = tmp_path / "home" / ".kaggle"
    folder.mkdir(parents=True)
    (folder / "kaggle.json").write_text(text, encoding="utf-8")
    message = refused("abstract-art")
    assert "the Kaggle key that is set is none" in message and SECRET not in message


# --- the list -----------------------------------------------------------------------------------


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

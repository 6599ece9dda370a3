"""Kaggle's key: found, sent, never said."""

import json

import pytest

from ganinv.cli.main import main
from ganinv.training.sets.fetch import fetch_set, kaggle_key
from ganinv.training.sets.image_sets import load_image_set
from helpers.servers import Site, moving, refusing, serving
from helpers.sets import BASIC, SECRET, painting, refused

# --- Kaggle's key -------------------------------------------------------------------------------


def test_the_key_is_sent_and_never_said(sets, key, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["data", "abstract-art"])
    assert ended.value.code == 0
    assert [headers["Authorization"] for _, headers in sets.site.asked] == [BASIC]
    out = "".join(capsys.readouterr())
    assert "10 pictures" in out and SECRET not in out
    assert sets.pictures("abstract-art")[0] == "Abstract_gallery_Abstract_image_0.jpg"
    kept = [path.read_bytes() for path in sets.folder.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in data or BASIC.encode() in data for data in kept)
    assert len(load_image_set("abstract-art", 64, say=lambda _: None)) == 10


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

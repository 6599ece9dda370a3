"""The commands that fetch image sets: their status, and a key that is never said."""

import pytest

from ganinv.cli.main import main
from ganinv.training.sets.image_sets import load_image_set
from helpers.listed_sets import FILES, listed_set
from helpers.served_sets import BASIC, SECRET, give_key, served_sets


@pytest.fixture
def sets(tmp_path, monkeypatch):
    with served_sets(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def key(monkeypatch):
    give_key(monkeypatch)


def test_the_commands_end_with_a_status_and_a_sentence(sets, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["data", "cats"])
    assert ended.value.code == 0 and "12 pictures" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["data", "abstract-art"])
    assert ended.value.code == 1
    err = capsys.readouterr().err
    assert err.startswith("ganinv: abstract-art could not be had") and "Traceback" not in err


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


def test_a_listed_set_is_brought_counted_and_named(tmp_path, monkeypatch, capsys):
    def status(*words):
        with pytest.raises(SystemExit) as ended:
            main(["data", *map(str, words)])
        return ended.value.code

    with listed_set(tmp_path, monkeypatch) as made:
        (made.root / "data" / "samples.yaml").write_text("{}")
        given = made.put(tmp_path / "given", [path for path in FILES if "study" in path])
        made.pages = {}
        assert status("portraits", "--from", given) == 1
        err = capsys.readouterr().err
        assert err.startswith("ganinv: portraits could not be had: 10 of 12 files are missing")
        assert status("list") == 0
        listed = capsys.readouterr().out
        assert "set:portraits  (2 of 12 files here)" in listed and "licence: CC0" in listed
        assert "set:portraits/study  (2 of 2 files here): to measure on" in listed
        assert "set:cats  (not here)" in listed
        assert status("portraits", "--from", tmp_path / "nowhere") == 2
        assert "there is no folder" in capsys.readouterr().err
        made.put(given)
        assert status("portraits", "--from", given) == 0 and made.here() == FILES

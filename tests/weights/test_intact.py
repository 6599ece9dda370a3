"""A weight file is compared with its checksum once for each change, and what is found is kept."""

import hashlib
import json
import os

import pytest

from ganinv.errors import WeightsError
from ganinv.paths import checkpoints_folder
from ganinv.weights import intact
from ganinv.weights.fetch import fetch
from ganinv.weights.find import ensure
from ganinv.weights.intact import is_whole
from helpers.projects import GOOD

LARGE = bytes(range(256)) * 5000  # above the size from which on it is remembered


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def hashed(monkeypatch):
    """The files whose bytes were read, one entry for each time."""
    read = []

    def count(path):
        read.append(path)
        return sha256(path.read_bytes())

    monkeypatch.setattr(intact, "sha256_file", count)
    return read


@pytest.fixture
def file(project):
    project.declare({"url": "https://a/b", "file": "b"})
    path = project.checkpoints / "large.bin"
    path.write_bytes(LARGE)
    return path


def test_a_file_is_read_once_until_it_changes(file, hashed):
    for _ in range(3):
        assert is_whole(file, sha256(LARGE))
    assert hashed == [file]
    os.utime(file, ns=(1, 1))
    assert is_whole(file, sha256(LARGE)) and len(hashed) == 2
    file.write_bytes(LARGE[:-1] + b"!")
    for count in (3, 4):  # what is damaged is never remembered
        assert not is_whole(file, sha256(LARGE)) and len(hashed) == count
    assert is_whole(file, sha256(LARGE[:-1] + b"!")) and len(hashed) == 5


def test_another_checksum_is_compared_anew(file, hashed):
    assert is_whole(file, sha256(LARGE)) and not is_whole(file, "0" * 64)
    assert is_whole(file, sha256(LARGE)) and len(hashed) == 2


def test_without_a_checksum_a_file_is_as_it_is(file, hashed):
    assert is_whole(file, None) and hashed == []
    assert not is_whole(file.with_name("none"), None)
    assert not is_whole(file.parent, sha256(b""))


@pytest.mark.parametrize("damage", ["{", "[]", "", '{"a": 1}', "[" * 100_000])
def test_a_memory_that_is_damaged_is_written_anew(file, hashed, damage):
    assert is_whole(file, sha256(LARGE))
    memory = checkpoints_folder() / "intact.json"
    memory.write_text(damage)
    assert is_whole(file, sha256(LARGE)) and is_whole(file, sha256(LARGE)) and len(hashed) == 2
    assert list(json.loads(memory.read_text()))[-1] == str(file)


def test_a_home_that_is_only_read_works(file, hashed, monkeypatch):
    def refuse(path, value):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(intact, "write_json", refuse)
    assert is_whole(file, sha256(LARGE)) and is_whole(file, sha256(LARGE)) and len(hashed) == 2


def test_files_that_are_gone_are_forgotten(file, project):
    other = project.checkpoints / "other.bin"
    other.write_bytes(LARGE)
    assert is_whole(other, sha256(LARGE))
    other.unlink()
    assert is_whole(file, sha256(LARGE))
    assert list(json.loads((checkpoints_folder() / "intact.json").read_text())) == [str(file)]


def test_a_flipped_bit_is_found_and_the_fetch_brings_it_anew(project):
    """Before a search, not after it."""
    project.declare({"url": "https://a/tiny.ckpt", "file": "tiny.ckpt"})
    project.put_by_hand("tiny.ckpt", GOOD)
    path = fetch("tiny", say=lambda _: None)
    whole = path.read_bytes()
    assert ensure("tiny") == path
    path.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    with pytest.raises(WeightsError, match="damaged.*`ganinv weights fetch tiny`"):
        ensure("tiny")
    assert fetch("tiny", say=lambda _: None) == ensure("tiny") == path
    assert path.read_bytes() == whole


def test_the_manifests_checksum_goes_before_the_descriptions(project):
    project.declare({"url": "https://a/b", "file": "b"}, sha256=sha256(b"known"))
    project.converted.write_bytes(b"other")
    project.converted.with_suffix(".json").write_text(json.dumps({"sha256": sha256(b"other")}))
    with pytest.raises(WeightsError, match="weights fetch tiny"):
        ensure("tiny")
    project.converted.write_bytes(b"known")
    assert ensure("tiny") == project.converted

"""Fetches whose download is cut off, sent elsewhere, without a checksum, or of other bytes."""

import hashlib
import json
from functools import partial

import pytest
import yaml

from ganinv.weights.download import download
from ganinv.weights.fetch import damage, fetch
from helpers.paths import DATA
from helpers.projects import (
    FETCHED,
    GOOD,
    HTML,
    NOTHING,
    backbone,
    closed_port,
    not_fetched,
    sha256,
)
from helpers.servers import SmallDisk, refusing, serving

# --- fetching by it -----------------------------------------------------------------------------


QUICK = partial(download, block=100, timeout=(10, 10), pause=lambda seconds: None)


def declare(project, site, **changes):
    given = dict(url=f"{site.address}/tiny.ckpt", file="tiny.ckpt", sha256=sha256(GOOD))
    source = {key: value for key, value in (given | changes).items() if value is not None}
    project.declare(source)
    return source


KEPT = NOTHING | {
    "checkpoints/downloads/tiny.ckpt.part",
    "checkpoints/downloads/tiny.ckpt.part.etag",
}
DONE = FETCHED | {"checkpoints/downloads/tiny.ckpt"}


@pytest.mark.parametrize("checked", [True, False], ids=["sha256", "no sha256"])
def test_a_fetch_that_was_cut_off_goes_on_in_the_next(project, site, checked):
    declare(project, site, sha256=sha256(GOOD) if checked else None)
    site.replies = [serving(GOOD, cut=500), refusing(503)]
    message = not_fetched(get=QUICK)
    assert "the same command continues" in message and "tiny.ckpt" in message
    assert project.files() == KEPT
    site.reply = serving(GOOD)
    fetch("tiny", say=lambda _: None, get=QUICK)
    assert site.ranges[-1] > 0 and project.files() == DONE
    assert (project.downloads / "tiny.ckpt").read_bytes() == GOOD


@pytest.mark.parametrize("checked", [True, False], ids=["sha256", "no sha256"])
@pytest.mark.parametrize("page", [HTML, b"<html>Too many users have viewed this file</html>"])
def test_a_quota_page_in_place_of_weights_is_refused_and_not_kept(project, site, checked, page):
    declare(project, site, sha256=sha256(GOOD) if checked else None)
    site.reply = serving(page, Content_Type="text/html")
    message = not_fetched(get=QUICK)
    assert "tiny.ckpt is a web page, not the file" in message and ".part" not in message
    assert project.files() == NOTHING
    site.reply = serving(GOOD)
    fetch("tiny", say=lambda _: None, get=QUICK)
    assert project.files() == DONE


def test_an_md5_is_compared_where_it_is_what_is_known(project, site):
    declare(project, site, sha256=None, md5=hashlib.md5(GOOD).hexdigest())
    site.reply = serving(GOOD[:-1] + b"!")
    assert "another MD5" in not_fetched(get=QUICK)
    assert project.files() == NOTHING
    site.reply = serving(GOOD)
    fetch("tiny", say=lambda _: None, get=QUICK)
    assert project.files() == DONE


@pytest.mark.parametrize("data", [backbone(seed=1)[0], GOOD + b"more", GOOD[:-1]])
def test_a_file_of_another_checksum_is_not_kept(project, site, data):
    declare(project, site)
    site.reply = serving(data)
    assert "another SHA-256" in not_fetched(get=QUICK)
    assert project.files() == NOTHING


def test_a_part_that_was_tampered_with_is_not_kept(project, site):
    declare(project, site)
    project.put_by_hand("tiny.ckpt.part", b"x" * 100)
    project.put_by_hand("tiny.ckpt.part.etag", b'"one"')
    site.reply = serving(GOOD)
    assert "another SHA-256" in not_fetched(get=QUICK)
    assert site.ranges == [100] and project.files() == NOTHING
    fetch("tiny", say=lambda _: None, get=QUICK)
    assert project.files() == DONE


def test_a_full_disk_leaves_no_file_that_is_taken_for_whole(project, site):
    disk = SmallDisk(100)
    declare(project, site)
    site.reply = serving(GOOD)
    assert "No space left on device" in not_fetched(get=partial(QUICK, opener=disk.open))
    assert project.files() == KEPT
    disk.room = 10**9
    fetch("tiny", say=lambda _: None, get=partial(QUICK, opener=disk.open))
    assert project.files() == DONE and damage("tiny") == ""


def test_the_next_address_is_tried_and_nothing_is_mixed(project, site):
    """Both are of one name, as of a file and its mirror."""
    source = declare(project, site)
    mirror = source | {"url": f"{site.address}/mirror"}
    project.declare(source, mirror)
    site.replies = [serving(backbone(seed=1)[0], cut=500), refusing(503)]
    site.reply = serving(GOOD, '"two"')
    fetch("tiny", say=lambda _: None, get=QUICK)
    assert site.asked[-1][0] == "/mirror" and project.files() == DONE
    assert (project.downloads / "tiny.ckpt").read_bytes() == GOOD


# --- addresses whose publisher gives no checksum ------------------------------------------------


@pytest.fixture
def unchecked(project, site):
    declare(project, site, sha256=None)
    site.reply = serving(GOOD)
    return project


def test_the_checksum_of_what_came_is_recorded(unchecked):
    path = fetch("tiny", say=lambda _: None, get=QUICK)
    note = json.loads(path.with_suffix(".json").read_text())
    assert note["source_sha256"] == sha256(GOOD)
    assert note["sha256"] == sha256(path.read_bytes()) and damage("tiny") == ""


def test_a_later_change_of_the_converted_file_is_noticed_and_mended(unchecked, site):
    path = fetch("tiny", say=lambda _: None, get=QUICK)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "SHA-256" in damage("tiny")
    assert fetch("tiny", say=lambda _: None, get=QUICK).read_bytes() == whole
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "data",
    [b'{"error": "quota"}', b"", b"\x89PNG\r\n\x1a\n", GOOD[:-9]],
    ids=["JSON", "empty", "PNG", "cut short"],
)
def test_what_does_not_convert_is_named_with_its_place(unchecked, site, data):
    """No checksum tells that it is not the file; so it stays, and the message says where."""
    site.reply = serving(data)
    message = not_fetched(get=QUICK)
    assert "tiny.ckpt does not hold tiny as known" in message
    assert f"delete {unchecked.downloads / 'tiny.ckpt'} to fetch it anew" in message
    assert not unchecked.converted.exists()
    (unchecked.downloads / "tiny.ckpt").unlink()
    site.reply = serving(GOOD)
    fetch("tiny", say=lambda _: None, get=QUICK)


def test_a_file_brought_by_hand_needs_no_checksum_and_no_network(project, site):
    declare(project, site, sha256=None, url=f"{closed_port()}/tiny.ckpt")
    message = not_fetched(get=QUICK)
    assert "sha256 not published" in message and "Connection refused" in message
    project.put_by_hand("tiny.ckpt", GOOD)
    note = fetch("tiny", say=lambda _: None, get=QUICK).with_suffix(".json")
    assert json.loads(note.read_text())["source_sha256"] == sha256(GOOD)


def test_a_whole_checkpoint_is_given_to_its_converter_as_a_file(project, site):
    """StyleGAN2's are hundreds of megabytes; only archives are unpacked in memory."""
    data = (DATA / "rosinality_64.pt").read_bytes()
    entry = yaml.safe_load(
        f"""
        about: small
        kind: generator
        licence: none
        convert: generator
        file: small.safetensors
        sources: [{{url: "{site.address}/small.pt", file: small.pt}}]
        """
    )
    project.write(yaml.safe_dump({"small": entry}))
    site.reply = serving(data)
    path = fetch("small", say=lambda _: None, get=QUICK)
    note = json.loads(path.with_suffix(".json").read_text())
    assert note["source_sha256"] == sha256(data) and note["licence"] == "none"
    assert (note["architecture"], note["resolution"]) == ("stylegan2", 64)
    assert damage("small") == ""

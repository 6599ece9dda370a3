"""Downloads that go on where they were cut off, from servers on 127.0.0.1.

Nothing is ever put together of two files.
"""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from ganinv.weights.download import TRIES
from helpers.downloads import assert_nothing_left, fetched, get, leave, refused
from helpers.servers import BLOCK, BODY, closed, refusing, reset, serving, stalled

OTHER = np.random.default_rng(1).bytes(900_000)


# --- whole and cut off --------------------------------------------------------------------------


def test_a_file_is_fetched_whole_by_one_request(site, part, slept):
    said = []
    assert get(site.url, part, said, slept=slept) == BODY
    ((path, headers),) = site.asked
    assert path == "/net.pkl" and "Range" not in headers
    assert headers["Accept-Encoding"] == "identity"
    assert slept == [] and said == []


@pytest.mark.parametrize("body", [b"", b"x", BODY[:BLOCK], BODY[: BLOCK + 1]], ids=len)
def test_a_file_of_any_size_is_fetched(site, part, body):
    site.reply = serving(body)
    assert get(site.url, part) == body


@pytest.mark.parametrize("chunked", [False, True], ids=["length told", "chunked"])
@pytest.mark.parametrize("end", [closed, reset, stalled])
def test_a_download_goes_on_by_itself_where_it_was_cut_off(site, part, slept, end, chunked):
    site.replies = [serving(BODY, cut=420_000, end=end, chunked=chunked)]
    said = []
    assert get(site.url, part, said, slept=slept, timeout=(0.5, 0.5)) == BODY
    first, second = site.ranges
    assert first == 0 and 420_000 - 2 * BLOCK <= second <= 420_000
    assert site.asked[1][1]["If-Range"] == '"one"'
    assert len(slept) == 1 and said == ["  going on from 0 MB"]


def test_a_download_goes_on_in_the_next_call(site, part, slept):
    site.reply = serving(BODY, cut=120_000)
    message = refused(site.url, part, slept=slept)
    assert len(site.asked) == TRIES
    assert 0 < sum(slept) < 60
    size = part.stat().st_size
    assert part.read_bytes() == BODY[:size] and size >= 5 * 100_000
    assert f"{size / 1e6:.1f} MB are kept, the same command continues" in message
    assert part.with_name("net.pkl.part.etag").read_text() == '"one"'
    site.reply = serving(BODY)
    assert get(site.url, part, slept=slept) == BODY
    assert site.ranges[-1] == size and len(site.asked) == TRIES + 1


def test_an_interrupt_keeps_what_is_there(site, part):
    def interrupt(seconds):
        raise KeyboardInterrupt

    site.replies = [serving(BODY, cut=420_000)]
    with pytest.raises(KeyboardInterrupt):
        fetched(site.url, part, pause=interrupt)
    size = part.stat().st_size
    assert size > 300_000
    assert get(site.url, part) == BODY
    assert site.ranges == [0, size]


def test_large_files_tell_how_far_they_are(site, part):
    said = []
    assert get(site.url, part, said, block=2000) == BODY
    assert 8 <= len(said) <= 11
    assert all(re.fullmatch(r"  [01] of 1 MB", line) for line in said)


# --- servers that do not give ranges ------------------------------------------------------------


@pytest.mark.parametrize("body", [BODY, BODY[:100_000]], ids=["as long", "shorter"])
def test_a_server_that_ignores_ranges_makes_it_start_over(site, part, body):
    leave(site.url, part, site)
    site.reply = serving(body, ranges=False)
    assert get(site.url, part) == body
    assert site.ranges[0] > 0


@pytest.mark.parametrize("etag", [None, 'W/"one"'], ids=["no tag", "a weak one"])
def test_a_server_whose_tag_proves_nothing_is_asked_for_all_again(site, part, etag):
    site.replies = [serving(BODY, etag, cut=420_000)]
    site.reply = serving(BODY, etag)
    assert get(site.url, part) == BODY
    assert site.ranges == [0, 0]
    assert not any("If-Range" in headers for _, headers in site.asked)


@pytest.mark.parametrize("etag", [None, 'W/"one"'], ids=["no tag", "a weak one"])
def test_what_cannot_be_continued_is_not_kept(site, part, etag):
    site.reply = serving(BODY, etag, cut=420_000)
    assert "kept" not in refused(site.url, part)
    assert_nothing_left(part)


def test_a_file_packed_on_the_way_is_not_continued(site, part):
    """Its length and its ranges are those of other bytes."""
    packed = gzip.compress(BODY)
    site.replies = [serving(packed, cut=420_000, Content_Encoding="gzip")]
    site.reply = serving(packed, Content_Encoding="gzip")
    assert get(site.url, part) == BODY
    assert site.ranges == [0, 0]


@pytest.mark.parametrize(
    "options",
    [{"chunked": True}, {"Content_Length": None}, {"Content_Length": "many"}],
    ids=["chunked", "until the connection closes", "no number"],
)
def test_a_file_of_untold_length_is_fetched(site, part, options):
    site.reply = serving(BODY, **options)
    assert get(site.url, part) == BODY


# --- files that changed meanwhile ---------------------------------------------------------------


def test_a_changed_file_starts_over_within_one_call(site, part):
    site.replies = [serving(BODY, cut=420_000)]
    site.reply = serving(OTHER, '"two"')
    assert get(site.url, part) == OTHER
    assert site.ranges[0] == 0 < site.ranges[1]


def test_a_changed_file_starts_over_in_the_next_call(site, part):
    leave(site.url, part, site)
    site.replies = [serving(OTHER, '"two"', cut=220_000)]
    site.reply = serving(OTHER, '"two"')
    assert get(site.url, part) == OTHER
    tags = [headers.get("If-Range") for _, headers in site.asked]
    assert tags == ['"one"', '"two"'] and site.ranges[1] < 220_000


def test_a_tag_never_stands_beside_another_files_bytes(site, part, monkeypatch):
    """Not even where the program ends between the two."""
    leave(site.url, part, site)

    def die(*_):
        raise KeyboardInterrupt

    for place in ("the tag", "the file"):
        site.reply = serving(OTHER, '"two"')
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            if place == "the tag":
                patch.setattr(Path, "write_text", die)
            fetched(site.url, part, opener=die)
        assert part.read_bytes() == b""
    assert get(site.url, part) == OTHER


@pytest.mark.parametrize("size", [len(BODY), len(BODY) + 5], ids=["all of it", "more than it"])
def test_a_server_that_has_nothing_to_add_makes_it_start_over(site, part, size):
    leave(site.url, part, site)
    part.write_bytes((OTHER + OTHER)[:size])
    assert get(site.url, part) == BODY
    assert site.ranges == [size, 0]


def test_a_server_that_answers_416_to_everything_is_an_error(site, part):
    leave(site.url, part, site)
    site.reply = refusing(416)
    assert "416" in refused(site.url, part)
    assert len(site.asked) == 2


@pytest.mark.parametrize("told", ["bytes 0-999999/1000000", "bytes 400001-999999/1000000", None])
def test_another_range_than_asked_for_is_not_added(site, part, told):
    leave(site.url, part, site)
    site.replies = [serving(BODY, Content_Range=told)]
    assert get(site.url, part) == BODY
    assert site.ranges[0] > 0 and site.ranges[1:] == [0]

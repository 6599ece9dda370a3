"""Downloads that go on where they were cut off, from servers on 127.0.0.1 that misbehave.

Nothing is ever put together of two files, and a failure is one sentence that says what is kept.
"""

import gzip
import re
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from ganinv.errors import WeightsError
from ganinv.weights.download import TRIES, download
from helpers.projects import closed_port
from helpers.servers import (
    BLOCK,
    BODY,
    Site,
    SmallDisk,
    closed,
    moving,
    refusing,
    reset,
    serving,
    stalled,
)

OTHER = np.random.default_rng(1).bytes(900_000)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def slept():
    """A list for the pauses that would have been made."""
    return []


@pytest.fixture
def part(tmp_path):
    return tmp_path / "downloads" / "net.pkl.part"


def fetched(url, part, say=lambda text: None, auth=None, slept=None, **options):
    """Download in small blocks and without pauses."""
    pause = [].append if slept is None else slept.append
    quick = dict(block=BLOCK, timeout=(10, 10), pause=pause)
    return download(url, part, say, auth, **quick | options)


def get(url, part, said=None, **options):
    """Download; what is there must be whole, and nothing else beside it."""
    said = [] if said is None else said
    assert fetched(url, part, said.append, **options) == part
    assert [path.name for path in part.parent.iterdir()] == [part.name]
    return part.read_bytes()


def refused(url, part, **options):
    """The sentence with which a download fails."""
    with pytest.raises(WeightsError) as caught:
        fetched(url, part, **options)
    message = str(caught.value)
    assert message.startswith("no download (") and len(message.splitlines()) == 1
    assert "Pool" not in message and "object at" not in message  # of urllib3's innards
    return message


def leave(url, part, site, cut=400_000, **options):
    """Leave the beginning of BODY behind, as a download that gave up; its size."""
    site.replies = [serving(BODY, cut=cut, **options)] + [refusing(503)]
    refused(url, part)
    site.asked.clear()
    return part.stat().st_size


def assert_nothing_left(part):
    assert not part.parent.exists() or not any(part.parent.iterdir())


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


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 503])
def test_a_server_that_refuses_is_asked_once_and_told_of(site, part, slept, status):
    site.reply = refusing(status)
    message = refused(site.url, part, slept=slept)
    assert str(status) in message and site.url in message
    assert len(site.asked) == 1 and slept == []
    assert_nothing_left(part)


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_refusal_keeps_what_was_there(site, part, status):
    size = leave(site.url, part, site)
    site.reply = refusing(status)
    message = refused(site.url, part)
    assert str(status) in message and "0.4 MB are kept" in message
    assert part.read_bytes() == BODY[:size]
    site.reply = serving(BODY)
    assert get(site.url, part) == BODY and site.ranges[-1] == size


def test_without_a_server_it_says_so_at_once(part, slept):
    started = time.perf_counter()
    assert "Connection refused" in refused(f"{closed_port()}/net.pkl", part, slept=slept)
    assert time.perf_counter() - started < 5 and slept == []
    assert_nothing_left(part)


def test_without_a_server_what_was_there_is_kept(site, part, slept):
    leave(site.url, part, site)
    assert "0.4 MB are kept" in refused(f"{closed_port()}/net.pkl", part, slept=slept)
    assert sum(slept) < 60
    assert get(site.url, part, slept=slept) == BODY and site.ranges[0] > 0


def test_a_name_that_is_not_known_is_told(part, monkeypatch, slept):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "resolve 'weights.invalid'" in refused(
        "http://weights.invalid/net.pkl", part, slept=slept
    )
    assert slept == []


def test_a_server_that_never_answers_is_given_up(site, part, slept):
    site.reply = stalled
    started = time.perf_counter()
    assert "timed out" in refused(site.url, part, slept=slept, timeout=(0.5, 0.5))
    assert time.perf_counter() - started < 5 and len(site.asked) == 1
    assert_nothing_left(part)


def test_a_server_that_stalls_each_time_is_given_up(site, part):
    site.reply = serving(BODY, cut=120_000, end=stalled)
    message = refused(site.url, part, timeout=(0.5, 0.5))
    assert "timed out" in message and "MB are kept" in message
    assert len(site.asked) == TRIES


@pytest.mark.parametrize("data", [b"", b"junk\r\n\r\n", b"\x16\x03\x01" * 9])
def test_a_server_that_speaks_no_http_is_an_error(site, part, data):
    def reply(handler, site):
        handler.wfile.write(data)

    site.reply = reply
    refused(site.url, part)
    assert_nothing_left(part)


@pytest.mark.parametrize("url", ["nonsense://a/b", "http://", "file:///etc/hosts", "http://[1/b"])
def test_an_address_that_is_none_is_an_error(part, url):
    refused(url, part)
    assert_nothing_left(part)


# --- redirections -------------------------------------------------------------------------------


def test_a_redirection_is_followed(site, part):
    site.replies = [moving("/elsewhere"), moving(f"{site.address}/there")]
    assert get(site.url, part) == BODY
    assert [path for path, _ in site.asked] == ["/net.pkl", "/elsewhere", "/there"]


def test_a_redirected_download_goes_on_where_it_was_cut_off(site, part):
    site.replies = [moving("/a"), serving(BODY, cut=420_000), moving("/b")]
    assert get(site.url, part) == BODY
    assert site.ranges[:2] == [0, 0] and site.ranges[2] == site.ranges[3] > 0


@pytest.mark.parametrize("place", ["/net.pkl", "file:///etc/hosts", "http://[1/b"])
def test_a_redirection_to_nowhere_is_an_error(site, part, place):
    site.reply = moving(place)
    refused(site.url, part)
    assert_nothing_left(part)


# --- disks --------------------------------------------------------------------------------------


def test_a_full_disk_is_told_and_what_fitted_is_the_beginning(site, part, slept):
    disk = SmallDisk(350_000)
    message = refused(site.url, part, opener=disk.open, slept=slept)
    assert str(part) in message and "No space left on device" in message
    assert "0.3 MB are kept" in message or "0.4 MB are kept" in message
    assert len(site.asked) == 1 and slept == []
    assert part.read_bytes() == BODY[:350_000]
    disk.room = 10**9
    assert get(site.url, part, slept=slept) == BODY and site.ranges == [0, 350_000]


def test_a_folder_that_cannot_be_made_is_an_error(site, tmp_path):
    (tmp_path / "file").write_text("")
    part = tmp_path / "file" / "net.pkl.part"
    with pytest.raises(WeightsError, match="cannot be written") as caught:
        fetched(site.url, part)
    assert str(part) in str(caught.value) and site.asked == []


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "another host"])
def test_a_key_goes_to_the_server_that_asks_and_to_no_other(site, part, elsewhere):
    """Base64 of user:secret, per RFC 7617; a server may send on to where the file lies."""
    other = Site()
    if elsewhere:
        site.reply = moving(other.url)
    assert fetched(site.url, part, auth=("user", "secret")) == part
    assert part.read_bytes() == BODY
    ((_, headers),) = site.asked
    assert headers["Authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert all("Authorization" not in headers for _, headers in other.asked)
    assert len(other.asked) == elsewhere
    other.close()


def test_going_on_asks_with_the_key_again_and_a_refusal_does_not_tell_it(site, part):
    site.replies = [serving(BODY, cut=400_000), serving(BODY)]
    fetched(site.url, part, auth=("user", "secret"))
    assert [headers["Authorization"] for _, headers in site.asked] == ["Basic dXNlcjpzZWNyZXQ="] * 2
    part.unlink()
    site.reply = refusing(401)
    with pytest.raises(WeightsError, match="401") as caught:
        fetched(site.url, part, auth=("user", "secret"))
    assert "secret" not in str(caught.value) and "dXNlcjpzZWNyZXQ" not in str(caught.value)

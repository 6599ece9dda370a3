"""Downloads that servers, redirections or disks do not let through.

A failure is one sentence that says what is kept.
"""

import socket
import time

import pytest

from ganinv.errors import WeightsError
from ganinv.weights.download import TRIES
from helpers.downloads import assert_nothing_left, fetched, get, leave, refused
from helpers.projects import closed_port
from helpers.servers import BODY, Site, SmallDisk, moving, refusing, serving, stalled

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

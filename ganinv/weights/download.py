"""Fetch a file from a web address, going on where an earlier attempt was cut off."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import requests

from ganinv.errors import WeightsError

TRIES = 5
TIMEOUT = 10, 60  # seconds to connect, and without a byte
BLOCK = 1 << 20


class _CutOffError(Exception):
    """The connection ended before the file did."""


BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    _CutOffError,
)


def download(
    url: str,
    part: str | Path,
    say: Callable[[str], object],
    auth: tuple[str, str] | None = None,
    *,
    tries: int = TRIES,
    timeout: tuple[float, float] = TIMEOUT,
    block: int = BLOCK,
    pause: Callable[[float], object] = time.sleep,
    opener: Callable[[Path, str], IO[bytes]] = open,
) -> Path:
    """Fetch `url` into the file `part`, which holds the beginning after a failure; return it.

    `auth` is (user, key) for a server that asks for them; other hosts to which it sends on do not
    get them, and no message holds them.

    The server's ETag is kept beside it, so that a file changed meanwhile starts over; of a server
    that gives none, nothing is kept. `block` bytes are written at a time by what `opener` opens,
    `timeout` are the seconds to connect and without a byte, `pause` waits some seconds between
    attempts. Raises WeightsError when the server refuses, `tries` attempts break off, or the file
    cannot be written.
    """
    part = Path(part)
    for attempt in range(1, tries + 1):
        try:
            part.parent.mkdir(parents=True, exist_ok=True)
            return _attempt(url, part, say, auth, timeout=timeout, block=block, opener=opener)
        except BROKEN as error:
            reason = _reason(error)
            if not part.is_file() or attempt == tries:
                break  # not even a beginning: no network, or no such place
            pause(min(2**attempt, 10))
        except (requests.RequestException, ValueError) as error:  # the latter of a bad address
            reason = _reason(error)
            break
        except OSError as error:
            reason = f"{part} cannot be written: {error.strerror or error}"
            break
    raise WeightsError(f"no download ({reason}){_keep(part)}")


def _keep(part):
    """What a later call can go on from, in words; a part that it cannot go on from is removed."""
    tag = _tag(part)
    size = part.stat().st_size if part.is_file() else 0
    if size and tag.is_file():
        return f"; {size / 1e6:.1f} MB are kept, the same command continues"
    for file in (part, tag):
        with contextlib.suppress(OSError):  # not there, or in a folder that is not to be written
            file.unlink()
    return ""


def _tag(part):
    return part.with_name(part.name + ".etag")


def _attempt(url, part, say, auth, *, timeout, block, opener):
    tag = _tag(part)
    begun = part.stat().st_size if part.is_file() and tag.is_file() else 0
    headers = {"Accept-Encoding": "identity"}
    if begun:
        headers |= {"Range": f"bytes={begun}-", "If-Range": tag.read_text()}
    asked = dict(stream=True, timeout=timeout, headers=headers, auth=auth)
    with requests.get(url, **asked) as answer:
        if begun and _is_elsewhere(answer, begun):
            tag.unlink()  # without it, all is asked for
            return _attempt(url, part, say, auth, timeout=timeout, block=block, opener=opener)
        answer.raise_for_status()
        if begun and answer.status_code == 206:
            say(f"  going on from {begun / 1e6:.0f} MB")
        else:
            begun = 0
            part.write_bytes(b"")  # before the tag changes: it never stands beside other bytes
            _remember(tag, answer.headers)
        total = begun + _length(answer.headers)
        with opener(part, "r+b") as file:
            file.seek(begun)
            done = _write(answer, file, begun, total, block, say)
    if done < total:
        raise _CutOffError(f"the connection ended at {done} of {total} bytes")
    tag.unlink(missing_ok=True)
    return part


def _is_elsewhere(answer, begun):
    """Whether the answer is no continuation from `begun`: a refusal to give one, or another's."""
    if answer.status_code == 206:
        return not answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-")
    return answer.status_code == 416  # nothing after what is kept, which may be more than the file


def _length(headers):
    """The bytes to come, 0 where that is not known: not told, or packed against our wish."""
    length = headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and "Content-Encoding" not in headers else 0


def _remember(tag, headers):
    etag = headers.get("ETag", "W/")
    if etag.startswith("W/") or "Content-Encoding" in headers:
        tag.unlink(missing_ok=True)  # a weak tag does not tell bytes apart
    else:
        tag.write_text(etag)


def _write(answer, file, begun, total, block, say):
    done, told = begun, begun
    for data in answer.iter_content(block):
        file.write(data)
        done += len(data)
        if total > 100 * block and done - told >= total / 10:
            say(f"  {done / 1e6:.0f} of {total / 1e6:.0f} MB")
            told = done
    return done


def _reason(error):
    """The innermost cause in a few words, without the pools and addresses told around it."""
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    if isinstance(inner, Exception):
        return _reason(inner)
    text = inner if isinstance(inner, str) else str(error)
    return (text.split("): ", 1)[-1] or type(error).__name__).splitlines()[0][:200]

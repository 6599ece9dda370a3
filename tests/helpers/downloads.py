"""Downloads in small blocks and without pauses: whole, refused, or cut off."""

import pytest

from ganinv.errors import WeightsError
from ganinv.weights.download import download
from helpers.servers import BLOCK, BODY, refusing, serving


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

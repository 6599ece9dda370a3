"""Arrays as other tools leave them are read as they wrote them; what is hostile is refused."""

import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganinv.weights.readers.arrays import LARGEST, READERS, read_named
from helpers.containers import bare, saved, with_contents_changed, zipped
from helpers.hostile_pickles import Reduces, as_list, doubling, touch
from helpers.memory import GIB, at_most

VALUES = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(text, body=b"", version=1):
    """A .npy by hand: any header, any bytes after it."""
    text = text.encode("latin1")
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + body


def described(shape, body=b"", kind="<f4", fortran=False):
    return header(repr(dict(descr=kind, fortran_order=fortran, shape=shape)) + "\n", body)


def packed(**files):
    """A .npz by hand."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def refused(path, data=None):
    """The sentence with which a file is refused."""
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ValueError) as caught:
        read_named(path)
    message = str(caught.value)
    assert type(caught.value) is ValueError and path.name[:20] in message
    assert message.isprintable() and len(message) < 700
    return message


# --- what tools write ---


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4", ">f8", "<i4", ">i2", "|u1"])
@pytest.mark.parametrize("order", "CF")
def test_npy_of_every_type_and_order(tmp_path, kind, order):
    values = np.arange(24).reshape(2, 3, 4).astype(kind, order=order)
    np.save(tmp_path / "x.npy", values)
    (found,) = read_named(tmp_path / "x.npy").values()
    assert found.dtype == torch.from_numpy(values.astype(values.dtype.newbyteorder("="))).dtype
    assert np.array_equal(found.numpy(), values)
    found[0] = 0  # it is memory of its own


def test_npy_has_no_name_and_npz_the_names_it_was_saved_by(tmp_path):
    np.save(tmp_path / "x.npy", VALUES)
    assert list(read_named(tmp_path / "x.npy")) == [""]
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", smile=VALUES, age=VALUES[0], steps=np.arange(3))
        found = read_named(tmp_path / "x.npz")
        assert list(found) == ["smile", "age", "steps"]
        assert np.array_equal(found["smile"].numpy(), VALUES) and found["steps"].ndim == 1


def test_a_stored_array_larger_than_a_list_of_contents_may_be(tmp_path):
    large = np.random.default_rng(1).normal(size=(1_100, 512))  # 4.5 MB
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", large=large)
        assert np.array_equal(read_named(tmp_path / "x.npz")["large"].numpy(), large)


@pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])
@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_what_torch_saves(tmp_path, new, suffix):
    path, x = tmp_path / f"x{suffix}", torch.from_numpy(VALUES)
    path.write_bytes(saved(x, new))
    assert torch.equal(read_named(path)[""], x)
    path.write_bytes(saved({"a": x, "more": {"b": x[0], "list": [x, 3, "text"]}, "n": 5}, new))
    found = read_named(path)
    assert list(found) == ["a", "more.b", "more.list.0"]
    assert torch.equal(found["more.b"], x[0]) and torch.equal(found["more.list.0"], x)


def test_a_pickle_of_arrays(tmp_path):
    data = pickle.dumps({"big": VALUES.astype(">f8"), "small": [VALUES[0]]}, protocol=4)
    (tmp_path / "x.pkl").write_bytes(data)
    found = read_named(tmp_path / "x.pkl")
    assert found["big"].dtype == torch.float64
    assert np.array_equal(found["big"].numpy(), VALUES.astype("f8"))
    assert np.array_equal(found["small.0"].numpy(), VALUES[0])


def test_safetensors(tmp_path):
    save_file({"w": torch.from_numpy(VALUES)}, tmp_path / "x.safetensors")
    assert torch.equal(read_named(tmp_path / "x.safetensors")["w"], torch.from_numpy(VALUES))


def test_the_ending_may_be_written_large(tmp_path):
    with open(tmp_path / "X.NPY", "wb") as file:
        np.save(file, VALUES)
    assert np.array_equal(read_named(tmp_path / "X.NPY")[""].numpy(), VALUES)


# --- what is refused ---


def objects(canary):
    return np.array([Reduces(exec, touch(canary))], dtype=object)


def test_no_object_array_is_unpickled(tmp_path):
    canary = tmp_path / "canary"
    data = npy(objects(canary), allow_pickle=True)
    assert "object" in refused(tmp_path / "x.npy", data)
    assert "object" in refused(tmp_path / "x.npz", packed(**{"x.npy": data}))
    assert not canary.exists()
    np.load(io.BytesIO(data), allow_pickle=True)  # which would have been run
    assert canary.exists()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".npy", ".npz", ".safetensors"])
@pytest.mark.parametrize("form", ["pickle", "zip", "stream"])
def test_no_pickle_is_run(tmp_path, suffix, form):
    canary = tmp_path / "canary"
    call = Reduces(exec, touch(canary))
    data = {
        "pickle": lambda: pickle.dumps(call, 2),
        "zip": lambda: saved(call, True),
        "stream": lambda: saved(call, False),
    }[form]()
    refused(tmp_path / f"x{suffix}", data)
    assert not canary.exists()


HEADERS = {
    "more is announced": described((2**40, 512), b"\0" * 64),
    "less is announced": described((2,), b"\0" * 64),
    "a length below 0": described((-2, -8), b"\0" * 64),
    "a huge length beside none": described((0, 2**70), b""),
    "a length that is no number": described(("a",), b"\0" * 4),
    "many lengths": described((1,) * 9, b"\0" * 4),
    "numbers of 16 bytes": described((4,), b"\0" * 64, kind="<c16"),
    "text": described((1,), b"\0" * 16, kind="<U4"),
    "fields": described((1,), b"\0" * 8, kind=[("a", "<f4"), ("b", "<f4")]),
    "bytes": described((1,), b"\0" * 4, kind="|V4"),
    "no dict": header("[]\n"),
    "a call": header("__import__('os').system('true')\n"),
    "nested": header("(" * 5000 + "\n"),
    "a long sum": header("-" * 9000 + "1\n"),
    "a longer header": header("{" + " " * 100_000 + "}\n", version=2),
    "a version of its own": b"\x93NUMPY\x09\0" + b"\0" * 20,
    "a header that is not there": b"\x93NUMPY\x02\0\xff\xff\xff\xff",
    "empty": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
}


@pytest.mark.parametrize("data", HEADERS.values(), ids=HEADERS)
def test_false_npy(tmp_path, data):
    with at_most(GIB):
        refused(tmp_path / "x.npy", data)
        refused(tmp_path / "x.npz", packed(**{"x.npy": data}))


ZEROS = npy(np.zeros(1))
ARCHIVES = {
    "empty": b"",
    "of nothing": packed(),
    "cut short": packed(**{"x.npy": ZEROS})[:-30],
    "of text": packed(**{"x.txt": b"text"}),
    "another checksum": with_contents_changed(packed(**{"x.npy": ZEROS}), "x.npy", crc=1),
    "encrypted": with_contents_changed(packed(**{"x.npy": ZEROS}), "x.npy", flags=1),
}


@pytest.mark.parametrize("data", ARCHIVES.values(), ids=ARCHIVES)
def test_false_npz(tmp_path, data):
    refused(tmp_path / "x.npz", data)


def test_two_arrays_of_one_name(tmp_path):
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", ZEROS)
        archive.writestr("x.npy", ZEROS)
    assert "one name" in refused(tmp_path / "x.npz")


def bomb(size, method=zipfile.ZIP_DEFLATED):
    """An archive of one array of zeros that unpacks to `size` bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive, archive.open("x.npy", "w") as entry:
        entry.write(described((size // 4,)))
        for _ in range(size // 2**24):
            entry.write(b"\0" * 2**24)
    return file.getvalue()


def test_an_archive_that_unpacks_to_much(tmp_path):
    data = bomb(LARGEST + 2**24)
    with at_most(GIB // 8):
        assert "too large" in refused(tmp_path / "x.npz", data)
    lying = with_contents_changed(data, "x.npy", size=1000)
    with at_most(GIB // 8):
        refused(tmp_path / "x.npz", lying)


def test_an_archive_packed_in_another_way_is_not_unpacked(tmp_path):
    data = with_contents_changed(bomb(2**26, zipfile.ZIP_BZIP2), "x.npy", size=1000)
    with at_most(GIB // 32):
        assert "another way" in refused(tmp_path / "x.npz", data)


def test_an_archive_with_a_long_list_of_contents(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for i in range(200):
            archive.writestr(f"{i}" + "x" * 30_000, b"")
    assert "list of contents" in refused(tmp_path / "x.npz")


def test_a_list_held_many_times_over_ends(tmp_path):
    wide = b"](" + b"h\0" * 300 + b"e"
    data = b"](K\1eq\0" + b"0" + wide + b"q\0" + b"0" + wide + b"q\0" + b"0" + wide
    for body in (data, doubling(b"]", as_list, 60)[2:]):
        assert refused(tmp_path / "x.pt", zipped(body))
        assert refused(tmp_path / "x.pkl", bare(body))


def test_what_is_no_file(tmp_path):
    for suffix in READERS:
        folder = tmp_path / f"folder{suffix}"
        folder.mkdir()
        assert "folder" in refused(folder)
        os.mkfifo(tmp_path / f"pipe{suffix}")
        assert "pipe" in refused(tmp_path / f"pipe{suffix}")
        refused(tmp_path / f"absent{suffix}")
        refused(tmp_path / f"empty{suffix}", b"")


def test_a_file_too_large_is_not_read(tmp_path):
    with open(tmp_path / "x.npy", "wb") as file:
        file.truncate(LARGEST + 1)
    with at_most(GIB // 8):
        assert "too large" in refused(tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["x" * 300 + ".npy", "a\0b.npy", "\ud800\x1b[2J.npy"])
def test_names_that_no_file_has(tmp_path, name):
    with pytest.raises(ValueError) as caught:
        read_named(tmp_path / name)
    assert str(caught.value).isprintable()


def test_another_ending_says_which_are_read(tmp_path):
    (tmp_path / "x.csv").write_text("1,2\n")
    assert ".npy" in refused(tmp_path / "x.csv")

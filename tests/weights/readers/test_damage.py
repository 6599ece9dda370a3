"""Damaged checkpoints, and files of other kinds, are refused or read as plain values."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.pickles import PickleError
from helpers.containers import (
    ATOMS,
    SETTING,
    STAND_INS,
    VECTORS,
    assert_well_formed,
    bare,
    calls,
    refused,
    saved,
    zipped,
)
from helpers.hostile_pickles import array_by_hand, by_proc, global_, raw
from helpers.memory import at_most
from helpers.paths import DATA


def assert_refused_or_read(data, path):
    """Any damage is a PickleError, or goes unnoticed and gives values of the usual kinds."""
    path.write_bytes(data)
    try:
        with at_most(2**29):
            found = read_checkpoint(path)
            assert_well_formed(found)
    except PickleError as error:
        assert str(error)


@pytest.mark.parametrize("name", VECTORS)
def test_a_checkpoint_cut_short_is_refused(name, file):
    data = (DATA / name).read_bytes()
    for part in range(20):
        refused(data[: len(data) * part // 20], file)
    for end in (1, 2, 3, 4, 30, 100, len(data) - 1, len(data) - 2):
        refused(data[:end], file)


ITEMS = {"w": torch.arange(6.0).reshape(2, 3).T, "n": [1, 2.5, "x", None], "a": np.arange(3.0)}
SMALL = {
    "zip": saved(ITEMS, True),
    "stream": saved(ITEMS, False),
    "a bare pickle": pickle.dumps(ITEMS, 4),
    "a record": bare(
        global_("argparse.Namespace")
        + b")\x81"
        + SETTING
        + array_by_hand(b"K\x01\x85", raw(bytes(4)))[2:-1]
        + b"sb"
    ),
}


@by_proc
@pytest.mark.parametrize("name", SMALL)
def test_a_small_checkpoint_cut_short_anywhere_is_refused(name, file):
    for end in range(len(SMALL[name])):
        refused(SMALL[name][:end], file)


@by_proc
@settings(deadline=None, max_examples=400)
@given(st.data())
def test_any_damage_to_a_small_checkpoint_is_an_error_or_values(tmp_path_factory, data):
    damaged = bytearray(SMALL[data.draw(st.sampled_from(sorted(SMALL)))])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert_refused_or_read(bytes(damaged), tmp_path_factory.getbasetemp() / "damaged")


@by_proc
@settings(deadline=None, max_examples=30)
@given(st.sampled_from(VECTORS), st.data())
def test_any_damage_to_a_checkpoint_is_an_error_or_values(tmp_path_factory, name, data):
    damaged = bytearray((DATA / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert_refused_or_read(bytes(damaged), tmp_path_factory.getbasetemp() / "damaged")


def programs_of(inner):
    """What can be made of a few programs, each of which leaves one value or fails."""
    several = st.lists(inner, max_size=4).map(b"".join)
    ending = st.sampled_from([b"b", b"R", b"\x81", b"a", b"0", b"K\x01s", b"\x85R", b"\x86R"])
    called = st.tuples(st.sampled_from(STAND_INS), several)
    return (
        several.map(lambda parts: b"](" + parts + b"e")
        | several.map(lambda parts: b"(" + parts + b"t")
        | inner.map(lambda part: SETTING + part + b"s")
        | inner.map(lambda part: part + b"q\x01")
        | called.map(lambda call: calls(*call))
        | st.tuples(inner, inner, ending).map(b"".join)
    )


programs = st.recursive(st.sampled_from(ATOMS), programs_of, max_leaves=12)


@by_proc
@settings(deadline=None, max_examples=400)
@given(programs)
def test_any_program_is_an_error_or_values(tmp_path_factory, body):
    path = tmp_path_factory.getbasetemp() / "program"
    assert_refused_or_read(zipped(b"Nq\x010" + body), path)


PNG = b"\x89PNG\r\n\x1a\n" + bytes(99)
PAGE = b"\n  <!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


@pytest.mark.parametrize(
    "data, told",
    [
        (b"", "empty"),
        (PAGE, "web page"),
        (PNG, "no checkpoint"),
        (b"text", "no checkpoint"),
        (b"\xff\xd8\xff\xe0", "no checkpoint"),
        (b"PK\5\6" + bytes(18), "no checkpoint"),
        (b"PK\3\4", "zip archive"),
        (b"PK\3\4" + bytes(99), "zip archive"),
        (b"\x80", "not a whole pickle"),
        (b"\x80\x02.", "not a whole pickle"),
        (b"\x80\xff.", "not a whole pickle"),
        (bytes(100), "no checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_refused_and_told(data, told, file):
    assert told in refused(data, file)


def test_a_zip_of_something_else_is_refused(file):
    for names in (["a.txt"], ["data.pkl"], ["a/b/data.pkl"], ["a/data.pkl/"], []):
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, bare(b"N"))
        refused(file.read_bytes(), file)


def test_what_is_no_file_is_the_system_s_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "none.pt")
    with pytest.raises(OSError, match="a folder, and no file"):
        read_checkpoint(tmp_path)

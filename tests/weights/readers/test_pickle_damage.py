"""Damaged pickles are refused or read as plain values."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.weights.readers.pickles import PickleError, read_arrays
from helpers.array_pickles import refused
from helpers.hostile_pickles import by_proc
from helpers.memory import at_most

WHOLE = pickle.dumps({"a": np.arange(6, dtype="f4").reshape(2, 3), "b": [1, "x", None]}, 4)


@pytest.mark.parametrize("end", range(len(WHOLE)))
def test_every_beginning_of_a_pickle_is_refused(end):
    refused(WHOLE[:end])


@pytest.mark.parametrize(
    "data", [b"", b".", b"\x80", b"\x80\x04.", b"\x80\xff.", b"0.", b"text", b"PK\3\4"]
)
def test_what_is_no_pickle_is_refused(data):
    refused(data)


@by_proc
@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_damage_is_a_pickle_error_or_plain_values(data):
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        with at_most(2**29):
            found = read_arrays(bytes(damaged))
    except PickleError:
        return
    assert_plain(found)


def assert_plain(value):
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        for item in value.values():
            assert_plain(item)
    elif isinstance(value, list):
        for item in value:
            assert_plain(item)
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "fiub" and not value.dtype.hasobject
    else:
        assert value is None or type(value) in (str, int, float, bool)

"""Arrays that are not numeric, or not whole, are refused."""

import pickle
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from ganinv.weights.readers.pickles import read_arrays
from helpers.array_pickles import refused, same
from helpers.hostile_pickles import array_by_hand, global_, integer, raw, text


@pytest.mark.parametrize(
    "array",
    [
        np.array([object], dtype=object),
        np.array([None, 1]),
        np.array([[1], [1, 2]], dtype=object),
        np.zeros(2, dtype="f4,i4"),
        np.zeros(2, dtype=[("a", "O"), ("b", "f4")]),
        np.zeros(2, dtype=[("a", "f4", (3,))]),
        np.zeros(2, dtype="V8"),
        np.array(["text"]),
        np.array([b"text"]),
        np.array(["2024-01-01"], dtype="M8[D]"),
        np.array([1], dtype="m8[s]"),
        np.array([1j]),
        np.array([1], dtype="g"),
    ],
    ids=str,
)
@pytest.mark.parametrize("protocol", [3, 4])
def test_arrays_of_other_types_are_refused(array, protocol):
    assert "type" in refused(pickle.dumps(array, protocol))


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        frozenset([1]),
        b"bytes",
        bytearray(b"x"),
        1j,
        range(3),
        Path("a"),
        np.float32(1),
        type,
        len,
        ValueError("x"),
        np.ma.zeros(3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_are_not_plain_are_refused(value):
    refused(pickle.dumps(value, 4))
    refused(pickle.dumps({"a": [value]}, 4))


def test_an_array_by_hand_is_read_where_it_is_whole():
    expected = np.array([1, 2], "<f4")
    assert same(read_arrays(array_by_hand(b"K\x02\x85", raw(expected.tobytes()))), expected)


@pytest.mark.parametrize(
    "shape",
    [
        integer(10**12) + b"\x85",
        integer(10**30) + b"\x85",
        integer(2**62) + integer(4) + b"\x86",  # 0 in 64 bits
        integer(2**63) + integer(2) + b"\x86",
        integer(2**64 + 2) + b"\x85",  # 2 in 64 bits
        b"K\x01\x85",
        b"K\x03\x85",
        b")",
        integer(-2) + b"\x85",
        integer(-1) + integer(-2) + b"\x86",
        b"\x88\x85",  # True
        b"G" + struct.pack(">d", 2.0) + b"\x85",
        text("2") + b"\x85",
        b"K\x02",
        b"N",
        b"](K\x02e",
        b"(" + b"K\x01" * 63 + b"K\x02t",
        b"(" + integer(10**9) * 100_000 + b"t",
        b"K\0" + integer(10**30) + b"\x86",
    ],
)
def test_a_shape_that_its_bytes_do_not_fill_is_refused(shape):
    tracemalloc.start()
    refused(array_by_hand(shape, raw(bytes(8))))
    if b"\x8a" in shape:
        refused(
            array_by_hand(shape, raw(b""))
            if shape[:2] == b"K\0"
            else array_by_hand(shape, raw(bytes(16)))
        )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


@pytest.mark.parametrize(
    "spec",
    ["O", "O8", "V8", "f16", "f3", "f1", "c8", "f4,f4", "3f4", "<f4", "U1", "b8", "", "f4\n", "M8"],
)
def test_only_plain_numeric_types_are_known(spec):
    refused(array_by_hand(b"K\x02\x85", raw(bytes(8)), spec=spec))


@pytest.mark.parametrize(
    "data", [text("12345678"), b"N", b"](K\x01K\x02e", b"K\x08", b"}", global_("numpy.ndarray")]
)
def test_data_that_are_no_bytes_are_refused(data):
    refused(array_by_hand(b"K\x02\x85", data))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.",  # an array without its state
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R}b.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)RNb.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)RK\x01K\x02\x86b.",
        b"\x80\x02cnumpy\ndtype\n)R.",
        b"\x80\x02cnumpy\ndtype\n)\x81.",
        b"\x80\x02cnumpy\ndtype\nK\x04\x85R.",
        b"\x80\x02cnumpy\ndtype\n" + text("f4") + b"\x85R.",
        b"\x80\x02cnumpy\ndtype\n" + text("f4") + b"\x85R}b.",
        b"\x80\x02cnumpy\ndtype\n" + text("f4") + b"\x85RNb.",
    ],
)
def test_pieces_of_arrays_are_refused(data):
    refused(data)

"""Arrays are read out of pickles, in the memory of the file."""

import pickle
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.weights.readers.pickles import PickleError, read_arrays
from helpers.array_pickles import array_of, same

KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_every_numeric_type_are_read(kind, protocol):
    array = array_of(kind)
    assert same(read_arrays(pickle.dumps(array, protocol)), array)


@pytest.mark.parametrize("protocol", [0, 1, 2, 5])
def test_protocols_that_need_more_than_arrays_are_read_right_or_refused(protocol):
    """numpy encodes bytes by way of _codecs up to protocol 2, and calls _frombuffer in 5."""
    array = array_of("f4")
    data = pickle.dumps({"a": array}, protocol)
    try:
        found = read_arrays(data)
    except PickleError as error:
        assert "refused" in str(error)
    else:
        assert same(found, {"a": array})


def test_protocol_2_of_python_2_is_read():
    """As a numpy of Python 2 wrote it: the data are an 8-bit string."""
    array = np.array([[1, 2], [3, 4]], "<i4")
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
        b"(K\x01K\x02K\x02\x86cnumpy\ndtype\nU\x02i4K\0K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89U\x10"
        + array.tobytes()
        + b"tb."
    )
    assert same(pickle.loads(data, encoding="latin1"), array)
    try:
        assert same(read_arrays(data), array)
    except PickleError as error:  # what it must not do is read it wrong
        assert "shape, type and bytes" in str(error)


@pytest.mark.parametrize("kind", [">f4", ">f8", ">i2", ">u8", "<f4", "=i4"])
def test_the_byte_order_is_kept(kind):
    array = array_of(kind)
    found = read_arrays(pickle.dumps(array, 4))
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (1, 5), (7,)])
def test_fortran_order_is_read_in_its_place(shape):
    array = np.asfortranarray(array_of("f4", shape))
    found = read_arrays(pickle.dumps(array, 4))
    assert np.array_equal(found, array)


def test_views_are_read_as_what_they_show():
    whole = array_of("f8", (6, 8))
    for view in (whole[::2, 1::3], whole.T, whole[::-1], np.broadcast_to(whole[0], (3, 8))):
        assert np.array_equal(read_arrays(pickle.dumps(view, 4)), view)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0, 2), (1,) * 10])
def test_odd_shapes_are_read(shape):
    array = np.zeros(shape, "f4")
    assert same(read_arrays(pickle.dumps(array, 4)), array)


def test_containers_around_arrays_are_read():
    a, b = array_of("f4"), array_of("u1")
    value = {"net": {"0": [a, {"b": b}], "t": (1, 2.5, None, True, "text")}, "a again": a}
    found = read_arrays(pickle.dumps(value, 4))
    assert same(found, value)


def test_names_of_numpy_1_and_2_are_the_same():
    array = array_of("f4")
    data = pickle.dumps(array, 4)
    new, old = b"numpy._core.multiarray", b"numpy.core.multiarray"
    (name,) = (name for name in (new, old) if name in data)
    other = {new: old, old: new}[name]
    short = bytes([len(name)]) + name, bytes([len(other)]) + other
    frame = data.index(b"\x95") + 1
    length = struct.unpack("<Q", data[frame : frame + 8])[0] + len(other) - len(name)
    renamed = data[:frame] + struct.pack("<Q", length) + data[frame + 8 :].replace(*short)
    assert same(read_arrays(renamed), array)


arrays = st.builds(
    lambda kind, shape, seed: np.random.default_rng(seed).integers(0, 2, shape).astype(kind),
    st.sampled_from([*KINDS, ">f4", ">i8"]),
    st.lists(st.integers(0, 4), max_size=4).map(tuple),
    st.integers(0, 9),
)
trees = st.recursive(
    arrays | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=80)
@given(trees, st.sampled_from([3, 4]))
def test_any_tree_of_arrays_comes_back(tree, protocol):
    assert same(read_arrays(pickle.dumps(tree, protocol)), tree)


def test_reading_takes_about_the_memory_of_the_file():
    data = pickle.dumps(np.zeros(2_000_000, "f4"), 4)
    tracemalloc.start()
    read_arrays(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(data)

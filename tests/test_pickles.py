"""Arrays are read out of pickles; nothing in a pickle is ever run, and memory stays bounded.

Hostile pickles are written opcode by opcode. Those that could run something are first given to
`pickle.loads`, which must fall for them: else they would prove nothing.
"""

import copyreg
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.weights.readers import pickles
from ganinv.weights.readers.pickles import PickleError, read_arrays
from helpers.hostile_pickles import (
    Reduces,
    array_by_hand,
    as_list,
    as_tuple,
    at_most,
    by_proc,
    doubling,
    global_,
    integer,
    raw,
    text,
    touch,
)


def same(found, expected):
    if isinstance(expected, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and found.dtype == expected.dtype
            and found.shape == expected.shape
            and found.tobytes() == expected.tobytes()
        )
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            same(found[key], expected[key]) for key in expected
        )
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and found == expected


def refused(data):
    """The message with which `data` is refused."""
    with pytest.raises(PickleError) as caught:
        read_arrays(data)
    assert str(caught.value)
    return str(caught.value)


# --- what is to be read ---

KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")


def array_of(kind, shape=(2, 3, 4)):
    values = np.random.default_rng(0).integers(0, 100, shape)
    return (values % 2 if kind == "?" else values).astype(kind)


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


# --- what would run something ---


@pytest.fixture
def canary(tmp_path):
    """A file that comes to be when a pickle had its way."""
    return tmp_path / "canary"


def calls(name, argument, protocol=2):
    """A pickle that calls a global with one string."""
    module, _, attribute = name.rpartition(".")
    return b"\x80" + bytes([protocol]) + global_(name) + text(argument) + b"\x85R."


def hostile(path):
    """Pickles that make the file `path` when they are believed: name -> bytes."""
    evil = Reduces(exec, touch(path))
    shell = f"touch '{path}'"
    found = {
        f"os.system, protocol {n}": pickle.dumps(Reduces(os.system, shell), n) for n in range(6)
    }
    found |= {
        "eval": calls("builtins.eval", touch(path)),
        "exec": calls("builtins.exec", touch(path)),
        "eval of Python 2": calls("__builtin__.eval", touch(path), 1),
        "in a dict": pickle.dumps({"a": [1, {"b": evil}]}, 4),
        "as a key": pickle.dumps({("a", 1): 1, "b": evil}, 4),
        "in an object array": pickle.dumps(np.array([evil], dtype=object), 4),
        "in a tuple of arguments": pickle.dumps(Reduces(max, 1, evil), 4),
        "nested reduces": pickle.dumps(Reduces(str, Reduces(str, evil)), 4),
        "argument of _reconstruct": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n("
        + global_("numpy.ndarray")
        + b"K\0\x85U\x01b"
        + pickle.dumps(evil, 2)[2:-1]
        + b"0tR.",
        "instead of the dtype": b"\x80\x02cnumpy\ndtype\n"
        + pickle.dumps(evil, 2)[2:-1]
        + b"0U\x02f4\x85R.",
        "INST": b"(" + text(touch(path)) + b"ibuiltins\nexec\n.",
        "OBJ": b"(" + global_("builtins.exec") + text(touch(path)) + b"o.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93" + text(touch(path)) + b"\x85R.",
        "dotted STACK_GLOBAL": b"\x80\x04\x8c\x05numpy"
        + text("f2py.sys.modules.get")
        + b"\x93"
        + text("os")
        + b"\x85R0"
        + calls("os.system", shell)[2:],
        "NEWOBJ": b"\x80\x02"
        + global_("subprocess.Popen")
        + b"]("
        + text("touch")
        + text(str(path))
        + b"e\x85\x81.",
        "after what is harmless": b"\x80\x02}0" + calls("builtins.exec", touch(path))[2:],
        "by way of the memo": b"\x80\x02"
        + global_("builtins.exec")
        + b"q\x050"
        + text(touch(path))
        + b"\x85q\x060h\x05h\x06R.",
        "getattr": b"\x80\x02"
        + global_("builtins.getattr")
        + global_("os.path")
        + text("os")
        + b"\x86R0"
        + calls("os.system", shell)[2:],
        "map": b"\x80\x02"
        + global_("builtins.list")
        + global_("builtins.map")
        + global_("builtins.exec")
        + b"]("
        + text(touch(path))
        + b"e\x86R\x85R.",
    }
    return found


@pytest.mark.parametrize("name", hostile(Path("x")))
def test_what_a_pickle_asks_for_is_never_run(name, canary):
    data = hostile(canary)[name]
    refused(data)
    assert not canary.exists()


@pytest.mark.parametrize("name", sorted(set(hostile(Path("x"))) - {"NEWOBJ"}))
def test_the_same_pickles_do_run_where_they_are_believed(name, canary):
    try:
        pickle.loads(hostile(canary)[name])
    except Exception as error:  # what they leave on the stack afterwards is their affair
        assert canary.exists(), error
    assert canary.exists()


def test_nothing_is_imported_for_a_pickle(tmp_path, monkeypatch):
    canary = tmp_path / "imported"
    (tmp_path / "ganinv_trap.py").write_text(f"{touch(canary)}\nx = dict\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for data in (
        b"\x80\x02cganinv_trap\nx\n.",
        b"\x80\x02cganinv_trap\nx\n)R.",
        b"\x80\x04\x8c\x0bganinv_trap\x8c\x01x\x93.",
        b"(iganinv_trap\nx\n.",
    ):
        refused(data)
    assert not canary.exists() and "ganinv_trap" not in sys.modules
    pickle.loads(b"\x80\x02cganinv_trap\nx\n.")
    assert canary.exists()
    del sys.modules["ganinv_trap"]


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "numpy.load",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.frombuffer",
        "numpy.core.multiarray._reconstruct.__globals__",
        "numpy.ndarray.tofile",
        "numpy.dtype.__class__",
        "numpy.testing._private.utils.runstring",
        "_codecs.encode",
        "copyreg._reconstructor",
        "copy_reg._reconstructor",
        "torch._utils._rebuild_tensor_v2",
        "collections.OrderedDict",
        "builtins.bytearray",
        "ganinv.weights.readers.pickles._Array",
    ],
)
def test_every_other_name_is_refused_and_told(name):
    module, _, attribute = name.rpartition(".")
    by_stack = b"\x80\x04" + text(module) + text(attribute) + b"\x93."
    for data in (b"\x80\x02" + global_(name) + b".", by_stack):
        message = refused(data)
        assert attribute in message and "refused" in message
    first, _, rest = name.partition(".")  # a dotted path below an innocent module
    refused(b"\x80\x04" + text(first) + text(rest) + b"\x93.")


@pytest.mark.parametrize(
    "name", ["numpy.ndarray", "numpy.dtype", "numpy.core.multiarray._reconstruct"]
)
def test_the_names_that_are_known_are_no_values_themselves(name):
    refused(b"\x80\x02" + global_(name) + b".")
    refused(b"\x80\x02]" + global_(name) + b"a.")


@pytest.mark.parametrize(
    "call",
    [
        b"K\x03\x85R",
        b"K\x03\x85\x81",
        b"K\x03\x85}\x92",
        b")R",
        b")\x81",
        b"J\xff\xff\xff\x7f\x85R",
        b"K\x03\x85R}b",
    ],
)
def test_ndarray_is_never_called_directly(call):
    refused(b"\x80\x04" + global_("numpy.ndarray") + call + b".")
    refused(b"(K\x03inumpy\nndarray\n.")
    refused(b"(" + global_("numpy.ndarray") + b"K\x03o.")


def test_persistent_ids_are_refused():
    for data in (b"Pany\n.", b"\x80\x02" + text("any") + b"Q.", b"\x80\x02]" + text("x") + b"Qa."):
        assert "refers to data outside" in refused(data)


@pytest.mark.parametrize("opcode", [b"\x82\xf1", b"\x83\xf1\0", b"\x84\xf1\0\0\0"])
def test_unknown_extension_codes_are_refused(opcode):
    refused(b"\x80\x02" + opcode + b".")


@pytest.mark.parametrize("used_before", [False, True])
def test_extension_codes_that_are_registered_are_no_way_around(canary, used_before):
    data = b"\x80\x02\x82\xf1" + text(f"touch '{canary}'") + b"\x85R."
    copyreg.add_extension("os", "system", 0xF1)
    try:
        if used_before:  # then Python keeps the function, and asks no find_class any more
            assert pickle.loads(b"\x80\x02\x82\xf1.") is os.system
        refused(data)
    finally:
        copyreg.remove_extension("os", "system", 0xF1)
    assert not canary.exists()


@pytest.mark.parametrize(
    "name", ["numpy.ndarray", "numpy.dtype", "numpy.core.multiarray._reconstruct"]
)
@pytest.mark.parametrize("state", ["N}%s\x86", "}%s"], ids=["slots", "dict"])
def test_one_pickle_cannot_change_how_the_next_is_read(name, state):
    """BUILD sets attributes; it must not reach what stands for numpy's functions and classes."""
    before, after = state.encode("latin1").split(b"%s")
    mark = text("planted") + b"K\x01s"
    refused(b"\x80\x02" + global_(name) + before + mark + after + b"b.")
    refused(b"\x80\x02" + global_(name) + before + mark + after + b"b0].")
    planted = [
        thing for thing in vars(pickles).values() if "planted" in getattr(thing, "__dict__", ())
    ]
    for thing in planted:
        del thing.planted
    assert planted == []
    assert same(read_arrays(pickle.dumps(array_of("f4"), 4)), array_of("f4"))


# --- arrays that are not numeric, or not whole ---


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


LIMITED = """
import importlib.util, re, resource, sys
def peak():  # MiB; not ru_maxrss, which a process inherits from the one that started it
    return int(re.search("VmHWM:\\s+([0-9]+)", open("/proc/self/status").read())[1]) // 1024
spec = importlib.util.spec_from_file_location("pickles", sys.argv[1])  # without torch: quick
pickles = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pickles)
data = sys.stdin.buffer.read()
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
before = peak()
try:
    pickles.read_arrays(data)
    verdict = "read"
except pickles.PickleError as error:
    verdict = "refused" if len(str(error)) < 10_000 else "refused at length"
print(verdict, peak() - before)
"""


def read_under_limits(data):
    """Read in a process of 2 GiB and 5 seconds: "read" or "refused", and MiB taken.

    A process that the system had to end is an error here.
    """
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, pickles.__file__],
        input=data,
        capture_output=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr.decode()[-500:]}"
    verdict, taken = done.stdout.decode().rsplit(" ", 1)
    return verdict, int(taken)


LISTS = doubling(b"]", as_list, 60)
TUPLES = doubling(b"K\x01", as_tuple, 60)
BOMBS = {
    "bytes announced": b"\x80\x04\x8e" + struct.pack("<Q", 10**9) + b"x.",
    "more bytes than there are": b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.",
    "text announced": b"\x80\x04\x8d" + struct.pack("<Q", 10**9) + b"x.",
    "bytearray announced": b"\x80\x05\x96" + struct.pack("<Q", 10**9) + b"x.",
    "frame announced": b"\x80\x04\x95" + struct.pack("<Q", 10**9) + b"x.",
    "integer announced": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"x.",
    "memo index": b"\x80\x02]r"
    + struct.pack("<I", 60_000_000)
    + b"0"
    + global_("os.system")
    + b".",
    "memo index in text": b"]p60000000\n0" + global_("os.system") + b".",
    "deep lists": b"]" * 200_000 + b"a" * 199_999 + b".",
    "deep tuples": b")" + b"\x85" * 200_000 + b".",
    "deep tuple as a key": b"})" + b"\x85" * 200_000 + b"K\x01s.",
    "deep dicts": b"}" + b"K\x01}" * 200_000 + b"s" * 200_000 + b".",
    "a list that holds itself": b"]q\0h\0a.",
    "a dict that holds itself": b"}q\0K\x01h\0s.",
    "array of 10**12": array_by_hand(integer(10**12) + b"\x85", raw(bytes(8))),
    "type doubled": LISTS + b"0" + global_("numpy.dtype") + b"h\x3b\x85R.",
    "shape doubled": array_by_hand(TUPLES[2:], raw(bytes(8))),
    "tuples doubled as a key": b"\x80\x02}" + TUPLES[2:] + b"K\x01s.",
}


@by_proc
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_little_memory_and_time(name):
    verdict, taken = read_under_limits(BOMBS[name])
    assert verdict == "refused"
    assert taken < 200  # MiB


@by_proc
@pytest.mark.parametrize("data", [LISTS + b".", TUPLES + b"."], ids=["lists", "tuples"])
def test_what_is_shared_is_not_copied_wherever_it_stands(data):
    """2**60 copies otherwise."""
    verdict, taken = read_under_limits(data)
    assert verdict in ("read", "refused") and taken < 200


# --- damage ---

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

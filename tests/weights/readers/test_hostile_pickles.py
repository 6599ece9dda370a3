"""Nothing in a pickle of arrays is ever run, imported, or able to change how the next is read.

Hostile pickles are written opcode by opcode. Those that could run something are first given to
`pickle.loads`, which must fall for them: else they would prove nothing.
"""

import copyreg
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from ganinv.weights.readers import pickles
from ganinv.weights.readers.pickles import read_arrays
from helpers.array_pickles import array_of, refused, same
from helpers.hostile_pickles import Reduces, global_, text, touch


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

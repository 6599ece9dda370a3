"""Read arrays out of a pickle without running what the pickle asks for.

A pickle is a program: it names importable things and calls them. Here every name resolves to an
inert stand-in of ours or is refused, and arrays are rebuilt from their recorded shape, type and
bytes, so neither numpy's nor anybody else's code sees unchecked input.
"""

import io
import math
import pickle
import re

import numpy as np


class PickleError(ValueError):
    """A pickle that holds something else than plain containers and numeric arrays."""


class _Type:
    """Stands for numpy.dtype; keeps the type string and the byte order."""

    def __init__(self, spec, *_):
        if not isinstance(spec, str) or not re.fullmatch(r"[fiu][1248]|b1", spec):
            spec = repr(spec[:20]) if isinstance(spec, str) else type(spec).__name__
            raise PickleError(f"arrays of type {spec} are not read")
        self.spec, self.order = spec, "<"

    def __setstate__(self, state):
        self.order = state[1] if state[1] in ("<", ">") else "|"


class _Array:
    """Stands for numpy.ndarray while it is rebuilt; `array` appears with its state."""

    array = None

    def __setstate__(self, state):
        _, shape, kind, fortran, data = state
        whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
        if not (whole and isinstance(kind, _Type) and isinstance(data, bytes)):
            raise PickleError("an array's state is not shape, type and bytes")
        dtype = np.dtype(kind.order + kind.spec)
        if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(data):
            raise PickleError("an array's bytes do not fit its shape")
        self.array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


class _ArrayClass:
    """Stands for the class numpy.ndarray itself, which pickles pass as an argument."""

    def __new__(cls, *_):
        raise PickleError("numpy.ndarray is called directly")


def _reconstruct(*_):
    return _Array()


_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _Type,
}


_OPCODES = """
    PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG
    LONG1 LONG4 FLOAT BINFLOAT UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING
    SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS GET BINGET LONG_BINGET PUT
    BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD PERSID BINPERSID
"""


class _ArrayUnpickler(pickle._Unpickler):
    """The unpickler in Python: the one in C makes room for what a header announces, hashes keys
    of any depth, and calls cached extensions without asking."""

    def load_build(self):
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, (_Type, _Array)):
            raise PickleError("it sets attributes of something that is no array; refused")
        target.__setstate__(state)

    def load_setitems(self):
        items = self.pop_mark()
        self._set(items[::2], items[1::2])

    def load_setitem(self):
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key], [value])

    def load_dict(self):
        items = self.pop_mark()
        self.append({})
        self._set(items[::2], items[1::2])

    def _set(self, keys, values):
        if any(type(key) not in (str, int) for key in keys) or type(self.stack[-1]) is not dict:
            raise PickleError("a key is neither text nor a number")
        self.stack[-1].update(zip(keys, values, strict=True))

    dispatch = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _OPCODES.split()
    } | {
        pickle.BUILD[0]: load_build, pickle.SETITEMS[0]: load_setitems,
        pickle.SETITEM[0]: load_setitem, pickle.DICT[0]: load_dict,
    }  # fmt: skip

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise PickleError(f"it asks for {module}.{name}, which is not an array; refused")
        return _ALLOWED[module, name]

    def persistent_load(self, pid):
        raise PickleError("it refers to data outside itself; refused")


def read_arrays(data):
    """Unpickle bytes that hold nested dicts, lists and numeric numpy arrays.

    Raises PickleError for anything else, and for bytes that are no whole pickle.
    """
    try:
        return _plain(_ArrayUnpickler(io.BytesIO(data)).load(), {})
    except PickleError:
        raise
    except Exception as error:  # a damaged pickle fails in many ways
        raise PickleError(f"not a whole pickle ({type(error).__name__}: {error})") from None


def _plain(value, done):
    """Containers by their contents; each once, however often it is referred to."""
    if id(value) not in done:
        done[id(value)] = value, _plain_anew(value, done)
    return done[id(value)][1]


def _plain_anew(value, done):
    if isinstance(value, _Array):
        if value.array is None:
            raise PickleError("an array has no contents")
        return value.array
    if type(value) is dict:
        return {str(key): _plain(item, done) for key, item in value.items()}
    if type(value) in (list, tuple):
        return [_plain(item, done) for item in value]
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise PickleError(f"it holds a {type(value).__name__}, which is not an array")

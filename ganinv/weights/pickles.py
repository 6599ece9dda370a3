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
            raise PickleError(f"arrays of type {spec!r} are not read")
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


class _ArrayUnpickler(pickle.Unpickler):
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
        return _plain(_ArrayUnpickler(io.BytesIO(data)).load())
    except PickleError:
        raise
    except Exception as error:  # a damaged pickle fails in many ways
        raise PickleError(f"not a whole pickle ({type(error).__name__}: {error})") from None


def _plain(value):
    if isinstance(value, _Array):
        if value.array is None:
            raise PickleError("an array has no contents")
        return value.array
    if type(value) is dict:
        return {str(key): _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return [_plain(item) for item in value]
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise PickleError(f"it holds a {type(value).__name__}, which is not an array")

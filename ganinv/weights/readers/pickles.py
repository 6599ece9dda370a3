"""Read arrays out of a pickle without running what the pickle asks for.

A pickle is a program: it names importable things and calls them. Here every name resolves to an
inert stand-in of ours or is refused, and arrays are rebuilt from their recorded shape, type and
bytes, so neither numpy's nor anybody else's code sees unchecked input.
"""

import io
import math
import pickle
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

Convert = Callable[[Any], Any]  # replaces the stand-ins within a value


class PickleError(ValueError):
    """A pickle that holds something else than plain containers and numeric arrays."""

    def __init__(
        self, message: str
    ) -> None:  # parts of it may be the pickle's: of any length, for a terminal
        super().__init__("".join(c if c.isprintable() else "?" for c in message[:300]))


class StandIn:
    """What a name in a pickle becomes. `plain` gives its contents, where it has any."""

    def plain(self, convert: Convert) -> Any:
        """Give its contents, each through `convert`. Raises PickleError where it has none."""
        raise PickleError(f"it holds a {type(self).__name__}, which is not an array")


class _Type(StandIn):
    """Stands for numpy.dtype; keeps the type string and the byte order."""

    def __init__(self, spec, *_):
        if not isinstance(spec, str) or not re.fullmatch(r"[fiu][1248]|b1", spec):
            spec = repr(spec[:20]) if isinstance(spec, str) else type(spec).__name__
            raise PickleError(f"arrays of type {spec} are not read")
        self.spec, self.order = spec, "<"

    def __setstate__(self, state):
        self.order = state[1] if state[1] in ("<", ">") else "|"


class _Array(StandIn):
    """Stands for numpy.ndarray while it is rebuilt; `array` appears with its state."""

    array = None

    def __setstate__(self, state):
        _, shape, kind, fortran, data = state
        whole = isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 2**62 for n in shape)
        if not (whole and isinstance(kind, _Type) and isinstance(data, bytes)):
            raise PickleError("an array's state is not shape, type and bytes")
        dtype = np.dtype(kind.order + kind.spec)
        if len(shape) > 32 or math.prod(shape) * dtype.itemsize != len(data):
            raise PickleError("an array's bytes do not fit its shape")
        self.array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")

    def plain(self, convert):
        if self.array is None:
            raise PickleError("an array has no contents")
        return self.array


class _ArrayClass:
    """Stands for the class numpy.ndarray itself, which pickles pass as an argument."""

    def __new__(cls, *_):
        raise PickleError("numpy.ndarray is called directly")


def _reconstruct(*_):
    return _Array()


ARRAYS = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _Type,
}
_OPCODES = """
    PROTO FRAME STOP MARK POP POP_MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG
    LONG1 LONG4 FLOAT BINFLOAT UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 STRING BINSTRING
    SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3
    EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT DICT SETITEM SETITEMS BINGET LONG_BINGET
    BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD PERSID BINPERSID
"""


class _Opcodes(dict):
    """What each opcode does, for one pickle: a single byte may take some hundred of memory."""

    def __init__(self, opcodes, steps):
        super().__init__(opcodes)
        self.steps = steps

    def __getitem__(self, opcode):
        self.steps -= 1
        if self.steps < 0:
            raise PickleError("it takes more steps than any checkpoint needs; refused")
        return super().__getitem__(opcode)

    def __missing__(self, opcode):
        raise PickleError(f"it uses the opcode {bytes([opcode])!r}, which is not known; refused")


def put_items(target: dict, keys: Sequence[Any], values: Sequence[Any]) -> None:
    """Fill a dict. The keys' hashes are bounded: that of a deep tuple overflows the stack, and
    large numbers may share one, which makes the dict slow."""
    if any(type(key) is not str and (type(key) is not int or abs(key) >= 2**60) for key in keys):
        raise PickleError("a key is neither text nor a number")
    target.update(zip(keys, values, strict=True))


class ArrayUnpickler(pickle._Unpickler):
    """The unpickler in Python: the one in C makes room for what a header announces, hashes keys
    of any depth, and calls cached extensions without asking.

    `allowed` maps (module, name) to what takes its place. GET and PUT are left out: their index,
    written out in digits, may be as large as one likes, see `put_items`.
    """

    allowed: dict[tuple[str, str], Any] = ARRAYS
    # the base class's own, of which the stubs know nothing
    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]
    steps = 500_000  # StyleGAN2 with its discriminator takes some fifty thousand

    def load(self) -> Any:
        """Run the pickle; what it leaves may hold stand-ins. Raises PickleError and others."""
        # the stubs know the table as the class's; this one counts the steps of a single pickle
        self.dispatch = _Opcodes(type(self).dispatch, self.steps)  # type: ignore[misc]
        return super().load()

    def load_reduce(self) -> None:
        """Call a stand-in, by arguments that are a short tuple."""
        arguments = self.stack[-1]  # copied by every call
        if type(arguments) is not tuple or len(arguments) > 100:
            raise PickleError("it calls something with arguments that are no short tuple; refused")
        super().load_reduce()  # type: ignore[misc]  # private, so not in the stubs

    def load_build(self) -> None:
        """Set the state of a stand-in, and of nothing else."""
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, StandIn) or not hasattr(target, "__setstate__"):
            raise PickleError("it sets attributes of something that is no array; refused")
        target.__setstate__(state)

    def load_setitems(self) -> None:
        """Set several items of a dict."""
        items = self.pop_mark()
        self._set(items[::2], items[1::2])

    def load_setitem(self) -> None:
        """Set one item of a dict."""
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key], [value])

    def load_dict(self) -> None:
        """Make a dict of the items above the mark."""
        items = self.pop_mark()
        self.append({})
        self._set(items[::2], items[1::2])

    def _set(self, keys, values):
        if type(self.stack[-1]) is not dict:
            raise PickleError("it sets items of something that is no dict; refused")
        put_items(self.stack[-1], keys, values)

    # the stubs give the functions an argument of the class in C
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {  # type: ignore[assignment]
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _OPCODES.split()
    } | {
        pickle.REDUCE[0]: load_reduce,
        pickle.BUILD[0]: load_build,
        pickle.SETITEMS[0]: load_setitems,
        pickle.SETITEM[0]: load_setitem,
        pickle.DICT[0]: load_dict,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Give the stand-in of a name that is allowed; nothing is imported."""
        if (module, name) not in self.allowed:
            raise PickleError(f"it asks for {module}.{name}, which is not an array; refused")
        return self.allowed[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Refuse data outside the pickle."""
        raise PickleError("it refers to data outside itself; refused")


def read_arrays(data: bytes) -> Any:
    """Unpickle bytes that hold nested dicts, lists and numeric numpy arrays.

    Raises PickleError for anything else, and for bytes that are no whole pickle.
    """
    return load_plain(ArrayUnpickler(io.BytesIO(data)).load)


def load_plain(load: Callable[[], Any]) -> Any:
    """Call `load`, an unpickler's, and replace every stand-in by its contents.

    Raises PickleError, also for what fails otherwise.
    """
    try:
        return _plain(load(), {})
    except PickleError:
        raise
    except Exception as error:  # a damaged pickle fails in many ways
        raise PickleError(f"not a whole pickle ({type(error).__name__}: {error})") from None


def _plain(value, done):
    """Containers by their contents; each once, however often it is referred to."""
    if id(value) not in done:
        done[id(value)] = value, _plain_anew(value, lambda item: _plain(item, done))
    return done[id(value)][1]


def _plain_anew(value, convert):
    if isinstance(value, StandIn):
        return value.plain(convert)
    if type(value) is dict:
        items = {str(key): convert(item) for key, item in value.items()}
        if len(items) < len(value):
            raise PickleError("a dict has the same key as text and as a number")
        return items
    if type(value) in (list, tuple):
        return [convert(item) for item in value]
    if value is None or type(value) in (str, int, float, bool):
        return value
    raise PickleError(f"it holds a {type(value).__name__}, which is not an array")

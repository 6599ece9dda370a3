"""Pickles written by hand, opcode by opcode, whole and hostile."""

import struct
from pathlib import Path

import pytest


def text(value):
    """The opcode that pushes a string."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def touch(path):
    return f"open({str(path)!r}, 'w').close()"


def global_(name):
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


class Reduces:
    """Something that pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def array_by_hand(shape, data, spec="f4", order="<", fortran=b"\x89"):
    """An array's pickle with any shape and data, as opcodes and as bytes."""
    return (
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n"
        + global_("numpy.ndarray")
        + b"K\0\x85C\x01b\x87R(K\x01"
        + shape
        + global_("numpy.dtype")
        + text(spec)
        + b"K\0K\x01\x87R(K\x03"
        + text(order)
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
        + fortran
        + data
        + b"tb."
    )


def integer(value):
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def raw(data):
    return b"B" + struct.pack("<I", len(data)) + data


# --- what would take all memory, or for ever ---

by_proc = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is measured by way of /proc"
)


def doubling(start, join, depth):
    """A pickle of a value that holds the one before it twice, `depth` times over."""
    data = b"\x80\x02" + start + b"q\0"
    for i in range(1, depth):
        data += b"0" + join(b"h" + bytes([i - 1])) + b"q" + bytes([i])
    return data


def as_list(part):
    return b"](" + part + part + b"e"


def as_tuple(part):
    return part + part + b"\x86"

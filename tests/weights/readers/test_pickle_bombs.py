"""Pickles that would take all memory, or for ever, are refused in little of both."""

import os
import struct
import subprocess
import sys

import pytest

from ganinv.weights.readers import pickles
from helpers.hostile_pickles import (
    array_by_hand,
    as_list,
    as_tuple,
    by_proc,
    doubling,
    global_,
    integer,
    raw,
)

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

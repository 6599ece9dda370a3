"""Checkpoints that would take all memory, or for ever, are refused in little of both."""

import io
import struct
import subprocess
import sys
import zipfile
from functools import partial

import pytest

from helpers.containers import (
    CENTRAL,
    CONTAINERS,
    FIELDS,
    FLOATS,
    SETTING,
    bare,
    calls,
    pid,
    streamed,
    tensor,
    with_contents_changed,
    zip64,
    zipped,
)
from helpers.hostile_pickles import (
    array_by_hand,
    as_list,
    as_tuple,
    by_proc,
    doubling,
    global_,
    integer,
    raw,
    text,
)

REFUSED = global_("os.system")  # at the end of what would otherwise be read


LISTS = doubling(b"]", as_list, 60)[2:]
TUPLES = doubling(b"K\x01", as_tuple, 60)[2:]
DEEP = b")" + b"\x85" * 10_000
TOO_DEEP = b")" + b"\x85" * 150_000  # its hash overflows the stack
LONG = b"(" + b"N" * 100_000 + b"l"
ONE_HASH = b"".join(integer(k * (2**61 - 1)) + b"N" for k in range(50_000))
LONG_NUMBERS = b"(" + 4 * (b"\x8b" + struct.pack("<i", 3 * 10**6) + b"\x01" * 3 * 10**6) + b"t"
RECONSTRUCT = "torch_utils.persistence._reconstruct_persistent_obj"


def announced(opcode, layout, number):
    return opcode + struct.pack(layout, number) + b"x"


def again(call, times=100_000):
    """Opcodes that leave one value, over and over."""
    return b"](" + call * times + b"e"


ANNOUNCED = {
    "bytes of 2**62": announced(b"\x8e", "<Q", 2**62),
    "bytes of 2**40": announced(b"\x8e", "<Q", 2**40),
    "bytes of 2**32": announced(b"B", "<I", 2**32 - 1),
    "text of 2**62": announced(b"\x8d", "<Q", 2**62),
    "text of 2**64": announced(b"\x8d", "<Q", 2**64 - 1),
    "text of 2**32": announced(b"X", "<I", 2**32 - 1),
    "8-bit text of 2**31": announced(b"T", "<i", 2**31 - 1),
    "bytearray of 2**62": announced(b"\x96", "<Q", 2**62),
    "frame of 2**62": announced(b"\x95", "<Q", 2**62),
    "number of 2**31 bytes": announced(b"\x8b", "<i", 2**31 - 1),
    "memo index of 2**31": b"]r" + struct.pack("<I", 2**31) + REFUSED,
    "memo index of 2**32": b"]r" + struct.pack("<I", 2**32 - 1) + REFUSED,
    "memo index in digits": b"]p4294967295\n" + REFUSED,
}
DEEP_PARTS = {
    "deep tuples": DEEP,
    "deep tuple as a key": b"}" + TOO_DEEP + b"K\x01s",
    "deep tuple as OrderedDict's key": calls("collections.OrderedDict") + TOO_DEEP + b"K\x01s",
    "deep tuple as a persistent id": DEEP + b"Q",
    "deep tuple as a storage's key": pid(key=TOO_DEEP) + b"Q",
    "deep tuple as a storage's type": pid(kind=DEEP) + b"Q",
    "deep tuple as a storage's tag": pid(tag=DEEP) + b"Q",
    "deep tuple as a size": tensor(size=DEEP, stride=DEEP),
    "deep tuple as an argument": calls("torch.Size", DEEP),
    "deep tuple as arguments": global_("torch.Size") + DEEP + b"R",
    "deep tuple as arguments of a class": global_("collections.OrderedDict") + DEEP + b"\x81",
    "deep tuple as bytes": calls("torch.storage._load_from_bytes", TOO_DEEP),
    "deep tuple as an encoding": calls("_codecs.encode", text("x"), TOO_DEEP),
    "deep tuple as a path": calls("pathlib.PosixPath", DEEP),
    "deep tuple as a state": global_("argparse.Namespace") + b")\x81" + DEEP + b"b",
    "deep tuple as a name": DEEP + DEEP + b"\x93",
    "deep tuple as an array's state": calls("numpy.core.multiarray._reconstruct") + DEEP + b"b",
    "deep tuple as a shape": array_by_hand(DEEP, raw(b""))[2:-1],
    "deep tuple as a byte order": calls("numpy.dtype", text("f4")) + b"K\x03" + DEEP + b"\x86b",
    "deep lists": b"]" * 10_000 + b"a" * 9_999,
    "deep dicts": b"}" + b"K\x01}" * 10_000 + b"s" * 10_000,
    "deep records": global_("argparse.Namespace")
    + b"q\x010h\x01)\x81"
    + (SETTING + b"h\x01)\x81") * 10_000
    + b"sb" * 10_000,
    "deep OrderedDicts": global_("collections.OrderedDict")
    + b"q\x010h\x01)R"
    + (text("a") + b"h\x01)R") * 10_000
    + b"s" * 10_000,
    "deep objects of NVIDIA's": (
        global_(RECONSTRUCT)
        + b"}"
        + text("class_name")
        + text("G")
        + b"s"
        + text("state")
        + SETTING
    )
    * 5000
    + b"N"
    + b"ss\x85R" * 5000,
}
LOOPS = {
    "a list that holds itself": b"]q\0h\0a",
    "a dict that holds itself": b"}q\0K\x01h\0s",
    "an OrderedDict that holds itself": calls("collections.OrderedDict") + b"q\0K\x01h\0s",
    "a record that holds itself": global_("argparse.Namespace") + b")\x81q\0" + SETTING + b"h\0sb",
    "a set that holds itself": b"\x8fq\0(h\0\x90",
    "doubled lists": LISTS + b"0" + REFUSED,
    "doubled lists as a size": calls("torch.Size", LISTS) + b"0" + REFUSED,
    "doubled tuples as a size": tensor(size=TUPLES, stride=TUPLES),
    "doubled tuples as a key": b"}" + TUPLES + b"K\x01s",
    "doubled tuples as a path": calls("pathlib.PosixPath", TUPLES),
    "doubled lists as a state": global_("argparse.Namespace") + b")\x81" + LISTS + b"b",
}
REPEATED = {
    "a long set": LONG
    + b"\x85q\0"
    + global_("torch.Size")
    + b"q\x01"
    + again(b"h\x01h\0R")
    + REFUSED,
    "a long list of pairs": b"]("
    + b"".join(b"](" + integer(k) + b"Ne" for k in range(10_000))
    + b"e\x85q\0"
    + global_("collections.OrderedDict")
    + b"q\x01"
    + again(b"h\x01h\0R"),
    "long arguments": LONG[:-1]
    + b"tq\0"
    + global_("numpy.core.multiarray._reconstruct")
    + b"q\x01"
    + again(b"h\x01h\0R"),
    "a long path": text("x" * 1_000_000)
    + b"q\0("
    + b"h\0" * 99
    + b"tq\x02"
    + global_("pathlib.PosixPath")
    + b"q\x01"
    + again(b"h\x01h\x02R"),
    "long text made bytes": b"("
    + text("x" * 1_000_000)
    + text("latin1")
    + b"tq\0"
    + global_("_codecs.encode")
    + b"q\x01"
    + again(b"h\x01h\0R"),
}
LENGTHY = {
    "memo indices of one hash": b"N"
    + b"".join(b"p%d\n" % (k * (2**61 - 1)) for k in range(50_000)),
    "keys of one hash": b"}(" + ONE_HASH + b"u",
    "OrderedDict's keys of one hash": calls("collections.OrderedDict") + b"(" + ONE_HASH + b"u",
    "a long shape": array_by_hand(b"(" + integer(2**30) * 200_000 + b"t", raw(b""))[2:-1],
    "a shape of long numbers": array_by_hand(LONG_NUMBERS, raw(b""))[2:-1],
    "a size of long numbers": tensor(size=LONG_NUMBERS, stride=b"(K\0K\0K\0K\0t"),
    "a storage of a long number": b"("
    + text("storage")
    + global_("torch.FloatStorage")
    + text("0")
    + text("cpu")
    + LONG_NUMBERS[1:-1]
    + b"tQ",
    "a long number as a key": b"}" + LONG_NUMBERS + b"K\0s",
    "a long name": b"c" + b"x" * 3 * 10**6 + b"\n" + b"y" * 3 * 10**6 + b"\n",
    "a long class name": calls(RECONSTRUCT, b"}" + text("class_name") + text("x" * 10**6) + b"s"),
    "a long number in digits": b"I" + b"9" * 10**6 + b"\n",
    "a long float in digits": b"F" + b"x" * 10**6 + b"\n",
    "many steps": b"N0" * 250_001,
    "many tensors, few enough": b"("
    + pid()
    + b"QK\0K\x01\x85K\x01\x85tq\x01"
    + global_("torch._utils._rebuild_tensor_v2")
    + b"q\x02]("
    + b"h\x02h\x01R" * 60_000
    + b"C\x01xe",  # bytes are no value; refused at the very end
}


def storage_again():
    """A pickle that asks for one storage of a megabyte, over and over."""
    stream = streamed(pid(numel=250_000, view=b"N") + b"Q", [("0", 250_000, bytes(1_000_000))])
    load = global_("torch.storage._load_from_bytes") + b"q\1" + raw(stream) + b"\x85q\0"
    return bare(load + again(b"h\1h\0R"))


def storages_nested():
    """A storage of a megabyte in a stream in a stream …"""
    body = pid(numel=250_000, view=b"N") + b"Q"
    data = streamed(body, [("0", 250_000, bytes(1_000_000))])
    for _ in range(150):
        data = streamed(calls("torch.storage._load_from_bytes", raw(data)))
    return bare(calls("torch.storage._load_from_bytes", raw(data)))


def deflated():
    """A zip whose data.pkl is compressed: 256 MiB of zeros."""
    archive = io.BytesIO(zipped(b"", **{"data.pkl": None}))
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as more:
        more.writestr("archive/data.pkl", bytes(2**28))
    return archive.getvalue()


def many_names(count):
    """A zip with a long list of contents, all of them the bytes of the first file."""
    data = zipped(tensor())
    end = data.rindex(b"PK\5\6")
    start = struct.unpack("<L", data[end + 16 : end + 20])[0]
    fields = dict(zip(FIELDS.split(), CENTRAL.unpack_from(data, start), strict=True))
    entry = CENTRAL.pack(*(fields | dict(name_length=4)).values())
    more = b"".join(entry + b"%04x" % i for i in range(count))
    return zip64(
        data[:end] + more + data[end:],
        size=end - start + len(more),
        offset=start,
        locator=end + len(more),
    )


def many_views():
    """A zip whose one large file goes by many names, and is aligned for none."""
    keys = [f"{i:07}" for i in range(200)]
    body = (
        b"]("
        + b"".join(
            tensor(storage=pid(key=text(key), numel=250_000) + b"Q", size=b"M\0\1\x85")
            for key in keys
        )
        + b"e"
    )
    data = zipped(body, dict.fromkeys(keys, b""), **{"large__": b"x" * 1_000_000})
    where = data.index(b"PK\3\4\x14", data.index(b"archive/large__") - 40)
    for key in keys:
        data = with_contents_changed(data, f"archive/data/{key}", offset=where, size=1_000_000)
    return data


def in_many_storages():
    stream = streamed(b"N0" * 300_000 + b"N")
    return bare(b"](" + calls("torch.storage._load_from_bytes", raw(stream)) * 20 + b"e")


BODIES = (
    DEEP_PARTS
    | LOOPS
    | LENGTHY
    | {f"{name}, again and again": body for name, body in REPEATED.items()}
)
BOMBS = (
    {
        f"{name}, {kind}": partial(CONTAINERS[kind], body)
        for name, body in ANNOUNCED.items()
        for kind in ("bare", "stream")
    }
    | {name: partial(zipped, body) for name, body in BODIES.items()}
    | {
        "a storage, again and again": storage_again,
        "storages in storages": storages_nested,
        "2**40 numbers, zip": lambda: zipped(tensor(storage=pid(numel=2**40) + b"Q")),
        "2**40 numbers, stream": lambda: streamed(
            tensor(storage=pid(numel=2**40) + b"Q"), [("0", 2**40, FLOATS)]
        ),
        "2**62 numbers, stream": lambda: streamed(
            tensor(storage=pid(numel=2**62) + b"Q"), [("0", 2**62, FLOATS)]
        ),
        "an expanded tensor": lambda: zipped(
            tensor(size=integer(2**40) + b"\x85", stride=b"K\0\x85")
        ),
        "compressed data.pkl": deflated,
        "a list of contents of megabytes": lambda: many_names(200_000),
        "many names of one file": lambda: many_names(50_000),
        "many views of one file": many_views,
        "many steps in many storages": in_many_storages,
    }
)

LIMITED = """
import gc, os, re, resource, sys, time
import torch
from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.pickles import PickleError

def status(name):
    return int(re.search(name + ":\\s+([0-9]+)", open("/proc/self/status").read())[1]) // 1024

torch.set_num_threads(1)
gc.freeze()  # else each child looks through all that was imported, and so copies it
for path in sys.argv[1:]:
    if child := os.fork():
        code = os.waitpid(child, 0)[1]
        if code:
            print(f"ended with {code}", 0, 0, flush=True)
        continue
    room = (status("VmSize") + 1024) << 20
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    before, start = status("VmHWM"), time.process_time()
    try:
        read_checkpoint(path)
        verdict = "read"
    except PickleError as error:
        verdict = "refused" if 0 < len(str(error)) <= 300 else "refused at length"
    print(verdict, status("VmHWM") - before, time.process_time() - start, flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Each bomb read in a process of its own: "read" or "refused", MiB and seconds taken."""
    folder = tmp_path_factory.mktemp("bombs")
    for i, make in enumerate(BOMBS.values()):
        (folder / str(i)).write_bytes(make())
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *(str(folder / str(i)) for i in range(len(BOMBS)))],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.rsplit(" ", 2) for line in done.stdout.splitlines()]
    return dict(zip(BOMBS, lines, strict=True))


@by_proc
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_little_memory_and_time(name, verdicts):
    verdict, taken, seconds = verdicts[name]
    assert verdict == "refused"
    assert int(taken) < 300 and float(seconds) < 15  # of the processor's, however slow

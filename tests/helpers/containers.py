"""Containers of checkpoints written by hand: around any body, whole and false ones.

A body is the opcodes of a pickle without its beginning and end.
"""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch

from ganinv.weights.readers import checkpoints
from ganinv.weights.readers.checkpoints import Record, read_checkpoint
from ganinv.weights.readers.pickles import PickleError
from helpers.hostile_pickles import array_by_hand, global_, integer, raw, text

VECTORS = ["nvidia_64.pkl", "tf_64.pkl", "rosinality_64.pt"]


def read(data, path):
    """Read bytes as a checkpoint, by way of the file `path`."""
    path.write_bytes(data)
    return read_checkpoint(path)


def refused(data, path):
    """The message with which `data` is refused."""
    with pytest.raises(PickleError) as caught:
        read(data, path)
    message = str(caught.value)
    assert 0 < len(message) <= 300 and message.isprintable()
    return message


def same(found, expected):
    """Whether `found` is what a checkpoint of `expected` should read as."""
    if isinstance(expected, torch.Tensor):
        alike = (found.dtype, found.shape) == (expected.dtype, expected.shape)
        return type(found) is torch.Tensor and alike and torch.equal(found, expected.detach())
    if isinstance(expected, np.ndarray):
        alike = (found.dtype, found.shape) == (expected.dtype, expected.shape)
        return type(found) is np.ndarray and alike and np.array_equal(found, expected)
    if isinstance(expected, dict):
        expected = {str(key): value for key, value in expected.items()}
        return list(found) == list(expected) and all(map(same, found.values(), expected.values()))
    if isinstance(expected, (list, tuple)):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, set):
        return type(found) is list and sorted(found) == sorted(expected)
    return type(found) is type(expected) and found == expected


def assert_well_formed(value, done=None):
    """Nothing but what the reader promises; every tensor's and array's memory is its own."""
    done = {} if done is None else done
    if id(value) in done:
        return
    done[id(value)] = value
    if isinstance(value, Record):
        assert type(value.kind) is str and type(value.state) is dict
        assert_well_formed(value.state, done)
    elif isinstance(value, dict):
        assert all(type(key) is str for key in value)
        for item in value.values():
            assert_well_formed(item, done)
    elif isinstance(value, list):
        for item in value:
            assert_well_formed(item, done)
    elif isinstance(value, (torch.Tensor, np.ndarray)):
        if isinstance(value, torch.Tensor):
            assert type(value) is torch.Tensor and value.data_ptr() % value.element_size() == 0
            assert value.numel() * value.element_size() < 2**24
        value.clone() if isinstance(value, torch.Tensor) else value.copy()  # read every byte
    else:
        assert value is None or type(value) in (str, int, float, bool)


MAGIC = 0x1950A86A20F9469CFC6C
SYSTEM = dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4))
FLOATS = np.arange(12, dtype="<f4").tobytes()  # the storage "0" of what follows


def bare(body):
    return b"\x80\x02" + body + b"."


def zipped(body, storages=None, **changes):
    """torch.save's zip. `changes`: more files, or others in place of these; None for none."""
    files = {"data.pkl": bare(body), "version": b"3\n", "byteorder": b"little"}
    files |= {f"data/{key}": data for key, data in (storages or {"0": FLOATS}).items()} | changes
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in files.items():
            if data is not None:
                archive.writestr(f"archive/{name}", data)
    return file.getvalue()


def streamed(body, storages=(), magic=MAGIC, version=1001, system=SYSTEM, keys=None):
    """torch.save's older stream; `storages` are tuples of key, number of elements, bytes."""
    keys = [key for key, _, _ in storages] if keys is None else keys
    return (
        b"".join(pickle.dumps(value, 2) for value in (magic, version, system))
        + bare(body)
        + pickle.dumps(keys, 2)
        + b"".join(struct.pack("<Q", count) + data for _, count, data in storages)
    )


def embedded(body, **changes):
    """A pickle with a storage in it, whose stream holds the body."""
    stream = streamed(body, **changes)
    return bare(calls("torch.storage._load_from_bytes", raw(stream)))


CONTAINERS = dict(bare=bare, zip=zipped, stream=streamed, embedded=embedded)
in_every_container = pytest.mark.parametrize("container", CONTAINERS)


def calls(name, *arguments):
    """The opcodes that call a global."""
    return global_(name) + b"(" + b"".join(arguments) + b"tR"


def pid(*, kind=None, key=None, numel=12, tag=b"", view=b""):
    """The opcodes of a persistent id as torch.save's, less the last, BINPERSID."""
    kind = global_("torch.FloatStorage") if kind is None else kind
    key, tag = text("0") if key is None else key, tag or text("storage")
    return b"(" + tag + kind + key + text("cpu") + integer(numel) + view + b"t"


def tensor(storage=None, offset=b"K\0", size=b"K\x0c\x85", stride=b"K\x01\x85"):
    storage = pid() + b"Q" if storage is None else storage
    rest = b"\x89" + calls("collections.OrderedDict")
    return calls("torch._utils._rebuild_tensor_v2", storage, offset, size, stride, rest)


def with_floats(container, body):
    """The container with the twelve numbers that `tensor` refers to."""
    return zipped(body) if container == "zip" else streamed(body, [("0", 12, FLOATS)])


in_both_formats = pytest.mark.parametrize("container", ["zip", "stream"])


def saved(value, new, protocol=2):
    file = io.BytesIO()
    options = dict(_use_new_zipfile_serialization=new, pickle_protocol=protocol)
    torch.save(value, file, **options)
    return file.getvalue()


new_and_old = pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])


STAND_INS = [f"{module}.{name}" for module, name in checkpoints._NAMES]


CENTRAL = struct.Struct("<4s4B4HL2L5H2L")  # of a file in the list of contents; its name follows
FIELDS = """
    signature made_by system needs needs_system flags method time date crc packed size
    name_length extra comment disk internal external offset
"""


def with_contents_changed(data, name, **changes):
    """A zip archive whose list of contents says something else of one file."""
    end = data.rindex(b"PK\5\6")
    position = data.index(name.encode(), struct.unpack("<L", data[end + 16 : end + 20])[0])
    position -= CENTRAL.size
    fields = dict(zip(FIELDS.split(), CENTRAL.unpack_from(data, position), strict=True)) | changes
    data = bytearray(data)
    CENTRAL.pack_into(data, position, *fields.values())
    return bytes(data)


def zip64(data, **changes):
    """The archive with the end records of its 64-bit form, as PyTorch writes them."""
    end = data.rindex(b"PK\5\6")
    count, _, size, offset = struct.unpack("<HHLL", data[end + 8 : end + 20])
    fields = dict(count=count, size=size, offset=offset, locator=end) | changes
    record = struct.pack(
        "<4sQHHLLQQQQ",
        b"PK\6\6",
        44,
        45,
        45,
        0,
        0,
        fields["count"],
        fields["count"],
        fields["size"],
        fields["offset"],
    )
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, fields["locator"], 1)
    last = b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return data[:end] + record + locator + last


SETTING = b"}" + text("a")

# --- what programs are made of ---

ATOMS = [  # programs that push one value
    b"N",
    b")",
    b"]",
    b"}",
    b"\x88",
    b"\x8f",
    b"K\0",
    b"K\x01",
    b"K\x02",
    integer(-1),
    integer(2**40),
    integer(2**70),
    text("0"),
    text("f4"),
    text("latin1"),
    raw(bytes(4)),
    b"h\x01",
    pid() + b"Q",
    tensor(),
    array_by_hand(b"K\x01\x85", raw(bytes(4)))[2:-1],
    *map(global_, STAND_INS),
]

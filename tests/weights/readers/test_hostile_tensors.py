"""Tensors, storages and arrays that are not what they say are refused."""

import pickle
import struct

import pytest
import torch

from helpers.containers import (
    FLOATS,
    MAGIC,
    bare,
    calls,
    embedded,
    in_both_formats,
    pid,
    read,
    refused,
    same,
    streamed,
    tensor,
    with_floats,
    zipped,
)
from helpers.hostile_pickles import array_by_hand, global_, integer, raw, text


@in_both_formats
@pytest.mark.parametrize(
    "parts",
    [
        dict(size=b"K\x0d\x85"),
        dict(offset=b"K\x01"),
        dict(offset=integer(-1)),
        dict(offset=integer(2**62)),
        dict(offset=integer(2**64)),
        dict(offset=integer(2**62 - 1), size=b"K\x02\x85"),
        dict(offset=b"\x89"),
        dict(offset=b"N"),
        dict(offset=b"G" + bytes(8)),
        dict(offset=text("0")),
        dict(size=b"\x88\x85"),
        dict(size=b"G" + struct.pack(">d", 2) + b"\x85"),
        dict(size=text("1") + b"\x85"),
        dict(size=text("1"), stride=text("1")),
        dict(size=b"}", stride=b"}"),
        dict(size=b"}K\x01K\x01s", stride=b"}K\x01K\x01s"),
        dict(size=b"K\x0c", stride=b"K\x01"),
        dict(size=b"N", stride=b"N"),
        dict(size=b"N\x85"),
        dict(size=b")"),
        dict(size=b"K\x02K\x02\x86"),
        dict(size=integer(-1) + b"\x85"),
        dict(size=integer(-12) + integer(-1) + b"\x86", stride=b"K\x01K\x01\x86"),
        dict(size=integer(2**40) + b"\x85", stride=b"K\0\x85"),
        dict(size=integer(2**62) + b"\x85"),
        dict(size=integer(2**64) + b"\x85"),
        dict(size=integer(2**32) * 2 + b"\x86", stride=b"K\0K\0\x86"),
        dict(size=b"K\x0d\x85", stride=b"K\0\x85"),
        dict(size=b"K\x02\x85", stride=b"K\x0c\x85"),
        dict(size=b"K\x02\x85", stride=integer(2**61) + b"\x85"),
        dict(size=b"K\x02\x85", stride=integer(2**64) + b"\x85"),
        dict(size=b"K\x02\x85", stride=integer(-1) + b"\x85"),
        dict(size=b"K\x02\x85", stride=b"\x88\x85"),
        dict(size=b"(" + b"K\x01" * 33 + b"t", stride=b"(" + b"K\x01" * 33 + b"t"),
        dict(size=b"(" + b"K\x01" * 99999 + b"t", stride=b"(" + b"K\x01" * 99999 + b"t"),
        dict(storage=b"N"),
        dict(storage=b"K\x01"),
        dict(storage=tensor()),
        dict(storage=global_("torch.FloatStorage")),
        dict(storage=global_("torch.FloatStorage") + b")R"),
        dict(storage=global_("torch.FloatStorage") + b")\x81"),
        dict(storage=calls("collections.OrderedDict")),
        dict(storage=pid(numel=13) + b"Q"),
        dict(storage=pid(numel=-1) + b"Q"),
        dict(storage=pid(numel=2**40) + b"Q"),
        dict(storage=pid(numel=2**64) + b"Q"),
        dict(storage=pid(kind=global_("torch.DoubleStorage")) + b"Q"),
        dict(storage=pid(key=text("1")) + b"Q"),
        dict(storage=pid(key=text("../byteorder")) + b"Q"),
    ],
)
def test_a_tensor_that_its_storage_does_not_hold_is_refused(parts, container, file):
    refused(with_floats(container, tensor(**parts)), file)


@in_both_formats
def test_two_tensors_must_agree_about_their_storage(container, file):
    double = pid(kind=global_("torch.IntStorage")) + b"Q"
    refused(with_floats(container, b"](" + tensor() + tensor(storage=double) + b"e"), file)
    refused(with_floats(container, b"](" + tensor(storage=double) + tensor() + b"e"), file)


@in_both_formats
@pytest.mark.parametrize(
    "body",
    [
        b"NQ",
        b"K\x01Q",
        b")Q",
        b"]Q",
        b"}Q",
        text("storage") + b"Q",
        b"P0\n",
        b"Pstorage\n",
        b"(" + text("storage") + b"tQ",
        pid()[:-1] + b"lQ",
        pid(tag=text("module")) + b"Q",
        pid(tag=b"N") + b"Q",
        pid(tag=b")\x85\x85") + b"Q",
        pid(kind=b"N") + b"Q",
        pid(kind=text("FloatStorage")) + b"Q",
        pid(kind=global_("torch.float32")) + b"Q",
        pid(kind=global_("collections.OrderedDict")) + b"Q",
        pid(kind=b"}") + b"Q",
        pid(key=b"K\0") + b"Q",
        pid(key=b"N") + b"Q",
        pid(key=b")\x85") + b"Q",
        pid(view=b"}") + b"Q",
        pid(view=b"(" + text("0") + b"K\0K\x0ct") + b"Q",
    ],
)
def test_persistent_ids_of_other_shapes_are_refused(body, container, file):
    refused(with_floats(container, body), file)
    refused(with_floats(container, b"]" + body + b"a"), file)
    refused(with_floats(container, tensor(storage=body)), file)


@in_both_formats
def test_a_storage_is_no_value_by_itself(container, file):
    refused(with_floats(container, pid() + b"Q"), file)
    refused(with_floats(container, b"}" + text("a") + pid() + b"Qs"), file)


def test_persistent_ids_have_no_place_in_a_bare_pickle(file):
    assert "refers to data outside" in refused(bare(tensor()), file)


@pytest.mark.parametrize(
    "body", [b"N", b"]", b"}", calls("torch.Size"), tensor(), pid()[:-1] + b"N" * 2 + b"tQ\x85"]
)
def test_a_storage_in_a_pickle_holds_nothing_else(body, file):
    refused(embedded(body), file)
    refused(embedded(body, storages=[("0", 12, FLOATS)]), file)


def test_a_storage_in_a_pickle_is_read(file):
    stream = streamed(pid(view=b"N") + b"Q", [("0", 12, FLOATS)])
    storage = calls("torch.storage._load_from_bytes", raw(stream))
    assert same(read(bare(tensor(storage=storage)), file), torch.arange(12.0))
    in_another = streamed(storage)
    refused(bare(tensor(storage=calls("torch.storage._load_from_bytes", raw(in_another)))), file)
    for data in (b"", b".", FLOATS, pickle.dumps(MAGIC, 2), stream[:-1], zipped(tensor())):
        body = tensor(storage=calls("torch.storage._load_from_bytes", raw(data)))
        refused(bare(body), file)
    for argument in (b"N", text("x"), b"]", b"K\x01", calls("collections.OrderedDict")):
        refused(bare(tensor(storage=calls("torch.storage._load_from_bytes", argument))), file)


@pytest.mark.parametrize("spec", ["O", "O8", "V8", "c8", "U1", "f4,f4", "M8"])
def test_arrays_of_other_types_are_refused(spec, file):
    refused(array_by_hand(b"K\x02\x85", raw(bytes(8)), spec=spec), file)
    dtype = calls("numpy.dtype", text(spec), b"K\0K\x01")
    refused(bare(calls("numpy.core.multiarray.scalar", dtype, raw(bytes(8)))), file)

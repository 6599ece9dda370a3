"""The stand-ins of a checkpoint's names, given what they do not expect."""

import pytest
import torch

from ganinv.weights.readers import checkpoints, stand_ins
from ganinv.weights.readers.checkpoints import Record
from ganinv.weights.readers.pickles import PickleError
from helpers.containers import (
    CONTAINERS,
    STAND_INS,
    assert_well_formed,
    bare,
    calls,
    in_every_container,
    pid,
    read,
    refused,
    same,
    tensor,
    zipped,
)
from helpers.hostile_pickles import global_, integer, raw, text

ARGUMENTS = {
    "nothing": b")",
    "None": b"N\x85",
    "a number": b"K\x03\x85",
    "a large number": integer(10**30) + b"\x85",
    "many numbers": b"(" + b"K\x7f" * 90 + b"t",
    "text": text("f4") + b"\x85",
    "much text": b"(" + text("x" * 100) * 90 + b"t",
    "bytes": raw(b"abc") + b"\x85",
    "a list": b"]\x85",
    "lists": b"]]]]]]" + b"(" + b"]" * 7 + b"t",
    "a dict": b"}\x85",
    "dicts": b"(" + b"}" * 7 + b"t",
    "a class": global_("numpy.dtype") + b"\x85",
    "a stand-in": calls("collections.OrderedDict") + b"\x85",
    "a type": global_("torch.FloatStorage") + b"\x85",
    "a tensor": tensor() + b"\x85",
    "a storage": pid() + b"Q\x85",
    "no tuple": b"]",
    "a dict for a tuple": b"}K\x01K\x02s",
    "text for a tuple": text("abcd"),
}


@pytest.mark.parametrize("name", STAND_INS[:4] + STAND_INS[13:])  # of the storages one will do
def test_odd_arguments_are_refused_or_read_as_values(name, file):
    for arguments in ARGUMENTS.values():
        for ending in (b"R", b"\x81", b"R}b", b"RNb", b"R\x85R"):
            try:
                found = read(zipped(global_(name) + arguments + ending), file)
            except PickleError as error:
                assert str(error)
            else:
                assert_well_formed(found)


@pytest.mark.parametrize("name", STAND_INS)
def test_one_checkpoint_cannot_change_how_the_next_is_read(name, file):
    plant = text("planted") + b"K\x01s"
    before = {key: dict(vars(thing)) for key, thing in vars(checkpoints).items() if is_ours(thing)}
    for change in (
        b"}" + plant + b"b",
        b"N}" + plant + b"\x86b",
        plant,
        b"K\x01a",
        b"(K\x01e",
        b"(K\x01\x90",
        b"(" + plant[:-1] + b"u",
        b"}" + text("text") + text("Half") + b"sb",
    ):
        refused(zipped(global_(name) + change), file)
        refused(zipped(global_(name) + change + b"0]"), file)
    after = {key: dict(vars(thing)) for key, thing in vars(checkpoints).items() if is_ours(thing)}
    assert before == after
    assert all(kind.text == name[1][:-7] for name, kind in checkpoints._STORAGES.items())
    assert same(read(zipped(tensor()), file), torch.arange(12.0))


def is_ours(thing):
    return getattr(thing, "__module__", "") in (checkpoints.__name__, stand_ins.__name__)


def test_what_is_changed_after_its_check_is_not_believed(file):
    """A size that is a list, checked as one of 1 element, then made 2**40."""
    view = tensor(size=b"]q\x07K\x01a", stride=b"]q\x08K\0a")
    found = read(zipped(b"](" + view + b"h\x07" + integer(2**40) + b"ah\x08K\0ae"), file)
    assert found[0].shape == (1,) and found[1] == [1, 2**40]


@pytest.mark.parametrize(
    "body",
    [
        global_("argparse.Namespace") + b")\x81" + state + b"b"
        for state in (
            b"N",
            b"]",
            b")",
            b"K\x01",
            text("x"),
            b"N}\x86",
            b"}}\x86",
            raw(b"x"),
            calls("collections.OrderedDict"),
            global_("argparse.Namespace"),
        )
    ]
    + [
        b"}Nb",
        b"}}b",
        b"]}b",
        b")}b",
        b"K\x01}b",
        text("x") + b"}b",
        pid() + b"Q}b",
        b"})K\x01s",
        b"}NK\x01s",
        b"}\x88K\x01s",
        b"}]K\x01s",
        b"}G" + bytes(8) + b"K\x01s",
        b"(K\x01K\x02K\x03d",
        b"](K\x01K\x02u",
        b"}K\x01a",
        calls("collections.OrderedDict") + b"NK\x01s",
        calls("collections.OrderedDict") + b")K\x01s",
        b"}K\x01N" + text("1") + b"N0ss",
        b"}(K\x01N" + text("1") + b"Nu",
        calls("collections.OrderedDict") + b"(K\x01N" + text("1") + b"Nu",
        calls("collections.OrderedDict", b"]](K\x01ea"),
        calls("collections.OrderedDict", b"](](K\x01K\x02e](K\x01K\x02K\x03ee"),
        calls("collections.OrderedDict", b"](](NK\x02ee"),
        b"}K\x01\x90",
        calls("collections.OrderedDict", b"](NK\x02e"),
        calls("collections.OrderedDict", b"}"),
    ],
)
def test_states_and_keys_of_other_kinds_are_refused(body, file):
    refused(zipped(body), file)


@pytest.mark.parametrize("kind", ["argparse.Namespace", "dnnlib.tflib.network.Network"])
def test_a_record_keeps_whatever_keys_and_is_not_changed_by_them(kind, file):
    keys = ["__class__", "__dict__", "kind", "state", "plain", "__reduce__"]
    state = b"}(" + b"".join(text(key) + b"K\x01" for key in keys) + b"u"
    found = read(bare(global_(kind) + b")\x81" + state + b"b"), file)
    assert type(found) is Record and found.kind in ("Namespace", "Network")
    assert found.state == dict.fromkeys(keys, 1)


@pytest.mark.parametrize(
    "meta",
    [
        b"N",
        b"]",
        b"}",
        b"}" + text("class_name") + b"Ns",
        b"}" + text("class_name") + text("G") + b"s",
        b"}" + text("class_name") + text("G") + b"s" + text("state") + b"Ns",
        b"}" + text("class_name") + text("G") + b"s" + text("state") + b"]s",
        b"}" + text("class_name") + global_("numpy.dtype") + b"s" + text("state") + b"}s",
        text("class_name"),
    ],
)
def test_objects_of_nvidia_s_without_name_or_state_are_refused(meta, file):
    refused(bare(calls("torch_utils.persistence._reconstruct_persistent_obj", meta)), file)


@in_every_container
@pytest.mark.parametrize(
    "body",
    [
        b"h\x05",
        b"j\xff\xff\xff\x7f",
        b"g5\n",
        b"]p5\n",
        b"0",
        b"q\x01",
        b"\x94",
        b"a",
        b"s",
        b"]s",
        b"b",
        b"]b",
        b"R",
        b"\x81",
        b"Q",
        b"e",
        b"t",
        b"1",
        b"\x85",
        b"\x93",
        b"\x90",
    ],
)
def test_what_was_never_put_is_refused(body, container, file):
    refused(CONTAINERS[container](body), file)


def test_encodings_other_than_latin1_are_refused(file):
    for name in ("utf-8", "rot13", "zlib_codec", "idna", "punycode", "unicode_escape"):
        body = calls("_codecs.encode", text("x"), text(name))
        assert "latin1" in refused(zipped(body), file)
    for arguments in ([], [b"N"], [b"]"], [text("\u20ac"), text("latin1")], [text("a")] * 3):
        refused(zipped(calls("_codecs.encode", *arguments)), file)

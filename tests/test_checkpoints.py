"""Checkpoints of PyTorch and NVIDIA are read; nothing in them is run, memory and time stay bounded.

Hostile pickles are written opcode by opcode, as bodies without beginning and end, and put into
each container that a checkpoint comes in. Those that could run something are first given to
`pickle.loads` or an unsafe `torch.load`, which must fall for them: else they would prove nothing.
"""

import argparse
import collections
import io
import os
import pickle
import struct
import subprocess
import sys
import types
import warnings
import zipfile
from functools import partial
from pathlib import Path, PosixPath

import lpips
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.weights.readers import checkpoints, stand_ins
from ganinv.weights.readers.checkpoints import Record, read_checkpoint
from ganinv.weights.readers.pickles import PickleError
from helpers.hostile_pickles import (
    Reduces,
    array_by_hand,
    as_list,
    as_tuple,
    at_most,
    by_proc,
    doubling,
    global_,
    integer,
    raw,
    text,
    touch,
)

DATA = Path(__file__).parent / "data"
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


@pytest.fixture
def file(tmp_path):
    return tmp_path / "checkpoint.pt"


@pytest.fixture
def canary(tmp_path):
    """A file that comes to be when a pickle had its way."""
    return tmp_path / "canary"


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


# --- containers, by hand ---

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


# --- what is to be read ---


def saved(value, new, protocol=2):
    file = io.BytesIO()
    options = dict(_use_new_zipfile_serialization=new, pickle_protocol=protocol)
    torch.save(value, file, **options)
    return file.getvalue()


new_and_old = pytest.mark.parametrize("new", [True, False], ids=["zip", "stream"])
whole = torch.arange(24).reshape(4, 6)
TENSORS = {
    **{str(dtype): whole.to(dtype) for dtype in checkpoints.DTYPES.values()},
    "0-d": torch.tensor(1.5),
    "empty": torch.empty(0),
    "empty of a shape": torch.empty(3, 0, 2, dtype=torch.half),
    "transposed": whole.T,
    "a part": whole[1:3, 2:5],
    "every second": whole.float()[::2, ::3],
    "permuted": torch.rand(2, 3, 4).permute(2, 0, 1),
    "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "a parameter": torch.nn.Parameter(torch.rand(3)),
    "the odd bytes": torch.arange(9, dtype=torch.uint8)[1:],
}


@new_and_old
@pytest.mark.parametrize("name", TENSORS)
def test_tensors_come_back(name, new, file):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read(saved({"a": [TENSORS[name]]}, new), file)
    assert same(found, {"a": [TENSORS[name]]})
    assert_well_formed(found)


@new_and_old
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_torch_save_is_read(protocol, new, file):
    value = {"a": torch.arange(5.0), "b": "text", "c": [1, 2.5, None, True]}
    assert same(read(saved(value, new, protocol), file), value)


@new_and_old
def test_storages_may_be_shared(new, file):
    value = {"all": whole, "row": whole[1], "again": whole, "column": whole[:, 2]}
    found = read(saved(value, new), file)
    assert same(found, value) and found["all"] is found["again"]


@new_and_old
def test_state_dicts_come_back_in_their_order(new, file):
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    state = net.state_dict()
    assert state._metadata
    assert same(read(saved(state, new), file), dict(state))


VALUES = {
    "numbers": [0, -1, 2**31, -(2**63), 10**30, 1.5, float("inf"), True, None],
    "text": ["", "é\n\0", "x" * 300],
    "nested": {"a": [{"b": (1, [2, {"c": ()}])}], "0": {}, "1": []},
    "numbers as keys": {0: "a", 7: "b", 140234234234016: "c"},
    "a size": torch.Size([2, 3]),
    "sets": [{1, 2, 3}, set()],
    "an array": np.arange(6, dtype="f4").reshape(2, 3),
    "a Fortran array": np.asfortranarray(np.arange(6).reshape(2, 3)),
}


@new_and_old
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", VALUES)
def test_other_values_come_back(name, protocol, new, file):
    assert same(read(saved(VALUES[name], new, protocol), file), VALUES[name])


@new_and_old
@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "u1", "?"])
def test_numpy_scalars_are_read_as_numbers(kind, new, file):
    scalar = np.array(1).astype(kind)[()]
    assert same(read(saved([scalar], new), file), [scalar.item()])


@new_and_old
@pytest.mark.parametrize(
    "value, expected",
    [
        (PosixPath("/a/b.png"), "/a/b.png"),
        (PosixPath("a/b"), "a/b"),
        (PosixPath("."), ""),
        (torch.device("cpu"), "cpu"),
        (torch.float16, "torch.float16"),
    ],
    ids=str,
)
def test_paths_devices_and_types_are_read_as_text(value, expected, new, file):
    assert same(read(saved({"a": value}, new), file), {"a": expected})


@new_and_old
@pytest.mark.parametrize("kind", [argparse.Namespace, types.SimpleNamespace])
def test_options_are_read_as_a_record(kind, new, file):
    found = read(saved({"args": kind(size=256, lr=0.002, path="x")}, new), file)["args"]
    assert isinstance(found, Record) and found.kind == "Namespace"
    assert same(found.state, dict(size=256, lr=0.002, path="x"))


def test_tensors_outlive_their_file(file):
    found = read(saved({"a": torch.arange(9.0)}, True), file)
    file.unlink()
    assert same(found, {"a": torch.arange(9.0)})


def test_a_write_to_a_tensor_does_not_reach_the_file(file):
    data = saved(torch.arange(9.0), True)
    read(data, file).zero_()
    assert file.read_bytes() == data


@pytest.mark.parametrize("pad", range(1, 9))
def test_an_archive_packed_anew_is_read_with_its_tensors_aligned(pad, file):
    """Other tools than PyTorch leave tensors wherever they come to lie."""
    data = zipped(tensor(), version=b"x" * pad)
    found = read(data, file)
    assert same(found, torch.arange(12.0))
    assert_well_formed(found)


@in_both_formats
def test_a_tensor_by_hand_is_read(container, file):
    assert same(read(with_floats(container, tensor()), file), torch.arange(12.0))
    size, stride = b"K\x02K\x03\x86", b"K\x06K\x02\x86"
    part = tensor(size=size, stride=stride, offset=b"K\x01")
    expected = torch.arange(12.0).reshape(2, 6)[:, 1::2]
    assert same(read(with_floats(container, part), file), expected)


LPIPS = Path(lpips.__file__).parent / "weights"


@pytest.mark.parametrize("version", ["v0.0", "v0.1"])
@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
def test_files_that_python_2_wrote_are_read_as_torch_load_does(net, version):
    path = LPIPS / version / f"{net}.pth"
    assert b"]q\x03(U\x13lin0" in path.read_bytes()  # an OrderedDict of pairs, 8-bit strings
    assert same(read_checkpoint(path), torch.load(path, "cpu", weights_only=True))


def test_parameters_of_the_first_versions_are_read(file):
    state = b"\x88\x89" + calls("collections.OrderedDict") + b"\x87b"
    parameter = calls("torch.nn.parameter.Parameter", tensor(storage=pid(view=b"N") + b"Q")) + state
    data = with_floats("stream", b"}" + text("w") + parameter + b"s")
    assert same(read(data, file), {"w": torch.arange(12.0)})
    assert type(torch.load(file, weights_only=True)["w"]) is torch.nn.Parameter


def test_a_list_of_pairs_serves_once(file):
    """A short pickle could else make many large dicts of it."""
    pairs = b"](](" + text("a") + b"K\x01e](K\x02Nee"
    assert same(read(bare(calls("collections.OrderedDict", pairs)), file), {"a": 1, "2": None})
    again = pairs + b"q\0tR" + global_("collections.OrderedDict") + b"(h\0tR"
    refused(bare(b"](" + global_("collections.OrderedDict") + b"(" + again + b"e"), file)


# --- NVIDIA's pickles ---


def test_nvidia_s_checkpoint_is_read():
    found = read_checkpoint(DATA / "nvidia_64.pkl")
    assert list(found) == ["G", "D", "G_ema", "augment_pipe", "training_set_kwargs"]
    assert found["augment_pipe"] is None and found["training_set_kwargs"]["resolution"] == 64
    kinds = {name: found[name].kind for name in ("G", "D", "G_ema")}
    assert kinds == {"G": "Generator", "D": "Discriminator", "G_ema": "Generator"}
    G = found["G_ema"].state
    assert {key: G[key] for key in ("z_dim", "w_dim", "img_resolution", "num_ws")} == dict(
        z_dim=48, w_dim=40, img_resolution=64, num_ws=10
    )
    mapping, synthesis = G["_modules"]["mapping"], G["_modules"]["synthesis"]
    assert (mapping.kind, synthesis.kind) == ("MappingNetwork", "SynthesisNetwork")
    assert list(synthesis.state["_modules"]) == ["b4", "b8", "b16", "b32", "b64"]
    assert mapping.state["_buffers"]["w_avg"].shape == (40,)
    b64 = synthesis.state["_modules"]["b64"]
    assert list(b64.state["_modules"]) == ["conv0", "conv1", "torgb"]
    weight = b64.state["_modules"]["conv1"].state["_parameters"]["weight"]
    assert weight.shape == (8, 8, 3, 3) and weight.dtype == torch.float32
    assert weight.isfinite().all() and weight.std() > 0.1
    assert_well_formed(found)


def test_nvidia_s_tensorflow_checkpoint_is_read():
    found = read_checkpoint(DATA / "tf_64.pkl")
    assert [(network.kind, network.state["name"]) for network in found] == [
        ("Network", "G"),
        ("Network", "D"),
        ("Network", "Gs"),
    ]
    Gs = found[2].state
    assert Gs["version"] == 4 and "raise" in Gs["build_module_src"]
    assert list(Gs["components"]) == ["synthesis", "mapping"]
    variables = dict(Gs["components"]["mapping"].state["variables"])
    assert variables["Dense0/weight"].shape == (48, 40)
    assert_well_formed(found)


def test_the_two_checkpoints_of_nvidia_hold_the_same_numbers():
    torch_G = read_checkpoint(DATA / "nvidia_64.pkl")["G_ema"].state["_modules"]["mapping"]
    tf_G = read_checkpoint(DATA / "tf_64.pkl")[2].state["components"]["mapping"]
    weight = torch_G.state["_modules"]["fc0"].state["_parameters"]["weight"]
    assert np.array_equal(weight.T, dict(tf_G.state["variables"])["Dense0/weight"])


def test_rosinality_s_checkpoint_is_read_as_torch_load_does():
    found = read_checkpoint(DATA / "rosinality_64.pt")
    assert list(found) == ["g_ema", "latent_avg"]
    assert same(found, torch.load(DATA / "rosinality_64.pt", weights_only=True))
    assert_well_formed(found)


class Persistent:
    """Pickles as a class of NVIDIA's torch_utils.persistence does."""

    def __init__(self, source, **state):
        self.source = source
        self.__dict__ |= state

    def __reduce__(self):
        meta = dict(
            type="class",
            version=6,
            module_src=self.source,
            class_name="Generator",
            state=self.__dict__,
        )
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,), None


@pytest.fixture
def nvidia_module(monkeypatch):
    """Modules named as NVIDIA's: the one that runs embedded source, and two classes."""

    def _reconstruct_persistent_obj(meta):
        exec(meta["module_src"])

    def setstate(self, state):
        exec(state["build_module_src"])

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    module = dict(__module__="dnnlib.tflib.network", __setstate__=setstate)
    easy_dict = type("EasyDict", (dict,), dict(__module__="dnnlib.util"))
    names = {
        "torch_utils.persistence._reconstruct_persistent_obj": _reconstruct_persistent_obj,
        "dnnlib.tflib.network.Network": type("Network", (), module),
        "dnnlib.util.EasyDict": easy_dict,
    }
    for name in ("torch_utils", "dnnlib", "dnnlib.tflib"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name, value in names.items():
        name, _, attribute = name.rpartition(".")
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        setattr(sys.modules[name], attribute, value)
    return types.SimpleNamespace(Network=names["dnnlib.tflib.network.Network"], EasyDict=easy_dict)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_nvidia_s_source_is_not_run(protocol, nvidia_module, canary, file):
    weights = torch.rand(2, 3)
    inner = Persistent("raise SystemError", _buffers=collections.OrderedDict(w=weights.T))
    G = Persistent(
        touch(canary),
        _modules=collections.OrderedDict(inner=inner),
        z_dim=512,
        shared=weights,
        _parameters=collections.OrderedDict(a=torch.nn.Parameter(weights)),
    )
    data = pickle.dumps({"G": G, "same": G, "weights": weights}, protocol)
    found = read(data, file)
    assert not canary.exists()
    assert found["G"].kind == "Generator" and found["G"] is found["same"]
    state = found["G"].state
    assert state["z_dim"] == 512 and state["source"] == touch(canary)
    assert same(state["_parameters"], {"a": weights}) and state["shared"] is found["weights"]
    assert same(state["_modules"]["inner"].state["_buffers"], {"w": weights.T})
    with pytest.raises(SystemError):  # the same, believed
        pickle.loads(data)
    pickle.loads(pickle.dumps(Persistent(touch(canary)), protocol))
    assert canary.exists()


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_nvidia_s_tensorflow_source_is_not_run(protocol, nvidia_module, canary, file):
    network, weight = nvidia_module.Network(), np.arange(6, dtype="f4").reshape(2, 3)
    network.__dict__ |= dict(
        build_module_src=touch(canary),
        variables=[("a/weight", weight)],
        static_kwargs=nvidia_module.EasyDict(func_name="G_main", layers=8),
    )
    data = pickle.dumps((None, None, network), protocol)
    state = read(data, file)[2].state
    assert not canary.exists()
    assert same(state["variables"], [("a/weight", weight)])
    assert same(state["static_kwargs"], dict(func_name="G_main", layers=8))
    pickle.loads(data)
    assert canary.exists()


# --- what would run something ---

EVIL_IMPORT = calls("builtins.__import__", text("os"))


def hostile(path):
    """Bodies that make the file `path` when they are believed: name -> opcodes."""
    code, shell = text(touch(path)), text(f"touch '{path}'")
    evil = calls("builtins.exec", code)
    command = b"](" + text("touch") + text(str(path)) + b"e"
    return {
        "os.system": calls("os.system", shell),
        "posix.system": calls("posix.system", shell),
        "eval": calls("builtins.eval", code),
        "exec": evil,
        "eval of Python 2": calls("__builtin__.eval", code),
        "open": calls("builtins.open", text(str(path)), text("w")),
        "subprocess.call": calls("subprocess.call", command),
        "timeit": calls("timeit.timeit", text("pass"), code),
        "getattr": calls("builtins.getattr", EVIL_IMPORT, text("system")) + b"(" + shell + b"tR",
        "partial": calls("functools.partial", global_("os.system"), shell) + b")R",
        "attrgetter": calls("operator.attrgetter", text("system"))
        + b"("
        + EVIL_IMPORT
        + b"tR("
        + shell
        + b"tR",
        "methodcaller": calls("operator.methodcaller", text("system"), shell)
        + b"("
        + EVIL_IMPORT
        + b"tR",
        "map": calls(
            "builtins.list", calls("builtins.map", global_("os.system"), b"](" + shell + b"e")
        ),
        "nested reduces": calls("builtins.str", calls("builtins.str", evil)),
        "object array": pickle.dumps(np.array([Reduces(exec, touch(path))], dtype=object), 2)[2:-1],
        "object scalar": calls(
            "numpy._core.multiarray.scalar", calls("numpy.dtype", text("O8"), b"K\0K\x01"), evil
        ),
        "in a dict": b"}" + text("a") + evil + b"s",
        "as a key": b"}" + evil + b"K\x01s",
        "a state": global_("argparse.Namespace") + b")\x81" + evil + b"b",
        "a persistent id": evil + b"Q",
        "a storage's type": pid(kind=evil) + b"Q",
        "a storage": tensor(storage=evil),
        "a size": tensor(size=evil),
        "a backward hook": tensor()[:-2] + evil + b"tR",
        "NVIDIA's state": calls(
            "torch_utils.persistence._reconstruct_persistent_obj",
            b"}" + text("class_name") + text("G") + b"s" + text("state") + evil + b"s",
        ),
        "INST": b"(" + code + b"ibuiltins\nexec\n",
        "OBJ": b"(" + global_("builtins.exec") + code + b"o",
        "STACK_GLOBAL": text("builtins") + text("exec") + b"\x93" + code + b"\x85R",
        "a dotted name": b"\x80\x04"
        + text("builtins")
        + text("exec.__call__")
        + b"\x93"
        + code
        + b"\x85R",
        "a class": global_("subprocess.Popen") + command + b"\x85\x81",
        "a class with keywords": global_("subprocess.Popen") + command + b"\x85}\x92",
        "the memo": global_("builtins.exec") + b"q\x050" + code + b"\x85q\x060h\x05h\x06R",
        "the memo in digits": global_("builtins.exec") + b"p5\n0g5\n" + code + b"\x85R",
        "a duplicate": global_("builtins.exec") + b"2" + code + b"\x85R0",
        "after what is harmless": tensor() + b"0" + evil,
    }


WAYS = hostile(Path("x"))
# a persistent id ends these before they come to it, or the lack of NVIDIA's module, or another
# process makes the file in its own time
LATER = {
    "a storage's type",
    "a storage",
    "a size",
    "a backward hook",
    "after what is harmless",
    "NVIDIA's state",
    "a class",
    "a class with keywords",
}


@in_every_container
@pytest.mark.parametrize("name", WAYS)
def test_what_a_checkpoint_asks_for_is_never_run(name, container, canary, file):
    refused(CONTAINERS[container](hostile(canary)[name]), file)
    assert not canary.exists()


@in_every_container
@pytest.mark.parametrize("name", sorted(set(WAYS) - LATER))
def test_the_same_checkpoints_do_run_where_they_are_believed(name, container, canary, file):
    data = CONTAINERS[container](hostile(canary)[name])
    try:
        if container in ("zip", "stream"):
            torch.load(io.BytesIO(data), weights_only=False)
        else:
            pickle.loads(data)
    except Exception as error:  # what they leave on the stack afterwards is their affair
        assert canary.exists(), error
    assert canary.exists()


def test_what_torch_save_writes_of_something_hostile_is_refused(canary, file):
    for new in (True, False):
        data = saved({"a": torch.zeros(2), "b": Reduces(os.system, f"touch '{canary}'")}, new)
        assert "system" in refused(data, file)
        assert not canary.exists()
        torch.load(io.BytesIO(data), weights_only=False)
        assert canary.exists()
        canary.unlink()


NAMES = """
    torch.load torch.hub.load torch.jit.load torch.jit._load torch.save torch.serialization.load
    torch.package.PackageImporter torch._utils._rebuild_tensor_v3 torch.UntypedStorage
    torch._utils._rebuild_device_tensor_from_numpy torch.Tensor torch.ops.load_library
    torch.storage.TypedStorage torch.storage.UntypedStorage torch.utils.cpp_extension.load
    torch.nn.modules.linear.Linear torch._C._jit_pass_inline torch.FloatStorage.from_file
    numpy.load numpy.fromfile numpy.memmap numpy.f2py.run_main numpy.testing.runstring
    numpy.core.multiarray.fromfile numpy._core.multiarray.frombuffer numpy.ndarray.tofile
    functools.partial operator.attrgetter operator.methodcaller builtins.getattr
    builtins.__import__ builtins.open builtins.compile builtins.breakpoint builtins.bytearray
    builtins.bytes copyreg._reconstructor copy_reg._reconstructor copyreg.__newobj__
    collections.defaultdict io.BytesIO io.open pathlib.Path pathlib.PosixPath.unlink
    shutil.rmtree zipfile.ZipFile importlib.import_module runpy.run_path code.interact pdb.run
    pty.spawn webbrowser.open subprocess.Popen multiprocessing.Process socket.socket ctypes.CDLL
    os.remove os.execv pickle.loads _pickle.loads dill.loads joblib.load _codecs.decode
    codecs.open types.FunctionType argparse.FileType torch_utils.persistence.import_hook
    dnnlib.util.open_url dnnlib.util.get_obj_by_name dnnlib.tflib.network.import_hook
    ganinv.weights.readers.checkpoints.Record
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_every_other_name_is_refused_and_told(name, file):
    module, _, attribute = name.rpartition(".")
    for body in (global_(name), text(module) + text(attribute) + b"\x93"):
        for container in CONTAINERS.values():
            message = refused(container(body), file)
            assert attribute in message and "refused" in message
    first, _, rest = name.partition(".")
    refused(bare(text(first) + text(rest) + b"\x93"), file)


def test_nothing_is_imported_for_a_checkpoint(canary, file, tmp_path, monkeypatch):
    (tmp_path / "ganinv_trap.py").write_text(f"{touch(canary)}\nx = dict\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for container in CONTAINERS.values():
        refused(container(global_("ganinv_trap.x")), file)
    assert not canary.exists() and "ganinv_trap" not in sys.modules
    pickle.loads(bare(global_("ganinv_trap.x")))
    assert canary.exists()
    del sys.modules["ganinv_trap"]


@in_every_container
@pytest.mark.parametrize(
    "body",
    [
        b"\x82\xf1",
        b"\x83\xf1\0",
        b"\x84\xf1\0\0\0",
        b"}2",
        b"(\x91",
        b"\x96" + bytes(8),
        b"]\x97",
        b"](i__main__\nx\n",
        b"\xff",
        b"\x00",
    ],
    ids=[
        "EXT1",
        "EXT2",
        "EXT4",
        "DUP",
        "FROZENSET",
        "BYTEARRAY8",
        "NEXT_BUFFER",
        "INST",
        "255",
        "0",
    ],
)
def test_opcodes_that_no_checkpoint_needs_are_refused_and_told(body, container, file):
    assert "opcode" in refused(CONTAINERS[container](body), file)


# --- the stand-ins, in others' hands ---

STAND_INS = [f"{module}.{name}" for module, name in checkpoints._NAMES]
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


# --- tensors that are not what they say ---


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


# --- containers that are not what they say ---


@pytest.mark.parametrize(
    "changes",
    [
        dict(version=1000),
        dict(version="1001"),
        dict(version=None),
        dict(magic=MAGIC, version=[MAGIC]),
        dict(system=[]),
        dict(system={}),
        dict(system=dict(little_endian=False)),
        dict(system=dict(little_endian=1)),
        dict(keys=None, storages=[]),
        dict(keys=[]),
        dict(keys=["1"]),
        dict(keys=["0", "0"]),
        dict(keys=["0", "1"]),
        dict(keys=[0]),
        dict(keys="0"),
        dict(keys={"0": 1}),
        dict(keys=[["0"]]),
        dict(storages=[("0", 11, FLOATS)]),
        dict(storages=[("0", 12, FLOATS[:-1])]),
        dict(storages=[("0", 12, b"")]),
        dict(storages=[("0", 2**63, FLOATS)]),
        dict(storages=[("1", 12, FLOATS)]),
        dict(storages=[("0", 12, FLOATS), ("0", 12, FLOATS)]),
        dict(storages=[("0", 12, FLOATS), ("1", 12, FLOATS)]),
    ],
    ids=str,
)
def test_a_stream_that_contradicts_itself_is_refused(changes, file):
    changes = dict(storages=[("0", 12, FLOATS)]) | changes
    refused(streamed(tensor(), **changes), file)
    data = streamed(pid() + b"Q", **changes)
    refused(bare(tensor(storage=calls("torch.storage._load_from_bytes", raw(data)))), file)


def test_another_magic_number_is_no_stream(file):
    assert read(streamed(tensor(), magic=MAGIC + 1), file) == MAGIC + 1  # a pickle of one number


@pytest.mark.parametrize(
    "changes",
    [
        {"data.pkl": None},
        {"data.pkl": None, "constants.pkl": bare(tensor())},
        {"byteorder": b"big"},
        {"byteorder": b""},
        {"byteorder": b"little\n"},
        {"data/0": None},
        {"data/0": b""},
        {"data/0": FLOATS[:-1]},
        {"data/0": FLOATS + b"\0"},
        {"data.pkl": b""},
        {"data.pkl": b"\x80"},
        {"data.pkl": bare(tensor())[:-1]},
    ],
    ids=str,
)
def test_a_zip_that_contradicts_itself_is_refused(changes, file):
    refused(zipped(tensor(), **changes), file)


def test_a_zip_with_two_checkpoints_is_refused(file):
    archive = io.BytesIO(zipped(tensor()))
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("other/data.pkl", bare(b"N"))
    refused(archive.getvalue(), file)
    for again in ("archive/data.pkl", "archive/data/0", "archive/byteorder", "archive/data.pkl\0x"):
        archive = io.BytesIO(zipped(tensor()))
        with zipfile.ZipFile(archive, "a") as more, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            info = zipfile.ZipInfo(again)
            info.orig_filename = info.filename = again  # with the zero that ends a name
            more.writestr(info, bare(b"N"))
        assert "two files of one name" in refused(archive.getvalue(), file)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["data.pkl", "data/0", "byteorder"])
def test_compressed_files_are_refused(name, method, file):
    archive = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(zipped(tensor()))) as old, zipfile.ZipFile(archive, "w") as new:
        for info in old.infolist():
            kind = method if info.filename == f"archive/{name}" else zipfile.ZIP_STORED
            new.writestr(info.filename, old.read(info), compress_type=kind)
    assert "compressed" in refused(archive.getvalue(), file)


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


@pytest.mark.parametrize("name", ["data.pkl", "data/0", "byteorder"])
@pytest.mark.parametrize(
    "changes",
    [
        dict(flags=1),
        dict(flags=0x41),
        dict(method=8),
        dict(method=99),
        dict(size=2**32 - 1),
        dict(size=2**31),
        dict(size=2**32 - 1, packed=2**32 - 1),
        dict(size=700),
        dict(size=0),
        dict(size=1),
        dict(offset=2**32 - 1),
        dict(offset=2**31),
        dict(offset=1),
        dict(offset=500),
        dict(name_length=3),
        dict(signature=b"PK\3\4"),
        dict(needs=200),
    ],
    ids=str,
)
def test_a_false_list_of_contents_is_refused(name, changes, file):
    data = zipped(tensor())
    assert same(read(with_contents_changed(data, f"archive/{name}"), file), torch.arange(12.0))
    refused(with_contents_changed(data, f"archive/{name}", **changes), file)


def test_an_entry_may_not_be_another_one_s_bytes(file):
    """Else an archive could hold many times its own size."""
    many = {str(i): bytes(1000) for i in range(9)}
    data = zipped(tensor(), many)
    for i in range(9):
        data = with_contents_changed(data, f"archive/data/{i}", offset=0, size=2000)
    assert "overlap" in refused(data, file)


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


@pytest.mark.parametrize(
    "changes",
    [
        dict(size=2**62),
        dict(size=2**63),
        dict(size=0),
        dict(size=1),
        dict(offset=2**62),
        dict(offset=2**64 - 1),
        dict(offset=3, size=50),
    ],
    ids=str,
)
def test_false_sizes_in_64_bits_are_refused(changes, file):
    data = zipped(tensor())
    assert same(read(zip64(data), file), torch.arange(12.0))
    refused(zip64(data, **changes), file)


@pytest.mark.parametrize("name", ["data.pkl", "data/0", "version"])
def test_names_that_are_no_text_are_refused(name, file):
    data = with_contents_changed(zipped(tensor()), f"archive/{name}", flags=0x800)  # UTF-8, it says
    assert same(read(data, file), torch.arange(12.0))
    end = data.rindex(name.encode())
    refused(data[:end] + b"\xff" + data[end + 1 :], file)


@pytest.mark.parametrize(
    "key", ["../../x", "/etc/passwd", "..", "", "\0", "\udc80", "0\0", "a" * 9999]
)
def test_keys_are_names_in_the_archive_and_nowhere_else(key, file, tmp_path):
    (tmp_path / "x").write_bytes(FLOATS)
    name = key.encode("utf-8", "surrogatepass")
    opcode = b"X" + struct.pack("<I", len(name)) + name
    refused(zipped(tensor(storage=pid(key=opcode) + b"Q")), file)


def test_names_that_lead_elsewhere_are_only_names(file, tmp_path):
    key = "../../../x"
    found = read(zipped(tensor(storage=pid(key=text(key)) + b"Q"), {key: FLOATS}), file)
    assert same(found, torch.arange(12.0))
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


# --- what would take all memory, or for ever ---

REFUSED = global_("os.system")  # at the end of what would otherwise be read
SETTING = b"}" + text("a")
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


# --- damage ---


def assert_refused_or_read(data, path):
    """Any damage is a PickleError, or goes unnoticed and gives values of the usual kinds."""
    path.write_bytes(data)
    try:
        with at_most(2**29):
            found = read_checkpoint(path)
            assert_well_formed(found)
    except PickleError as error:
        assert str(error)


@pytest.mark.parametrize("name", VECTORS)
def test_a_checkpoint_cut_short_is_refused(name, file):
    data = (DATA / name).read_bytes()
    for part in range(20):
        refused(data[: len(data) * part // 20], file)
    for end in (1, 2, 3, 4, 30, 100, len(data) - 1, len(data) - 2):
        refused(data[:end], file)


ITEMS = {"w": torch.arange(6.0).reshape(2, 3).T, "n": [1, 2.5, "x", None], "a": np.arange(3.0)}
SMALL = {
    "zip": saved(ITEMS, True),
    "stream": saved(ITEMS, False),
    "a bare pickle": pickle.dumps(ITEMS, 4),
    "a record": bare(
        global_("argparse.Namespace")
        + b")\x81"
        + SETTING
        + array_by_hand(b"K\x01\x85", raw(bytes(4)))[2:-1]
        + b"sb"
    ),
}


@by_proc
@pytest.mark.parametrize("name", SMALL)
def test_a_small_checkpoint_cut_short_anywhere_is_refused(name, file):
    for end in range(len(SMALL[name])):
        refused(SMALL[name][:end], file)


@by_proc
@settings(deadline=None, max_examples=400)
@given(st.data())
def test_any_damage_to_a_small_checkpoint_is_an_error_or_values(tmp_path_factory, data):
    damaged = bytearray(SMALL[data.draw(st.sampled_from(sorted(SMALL)))])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert_refused_or_read(bytes(damaged), tmp_path_factory.getbasetemp() / "damaged")


@by_proc
@settings(deadline=None, max_examples=30)
@given(st.sampled_from(VECTORS), st.data())
def test_any_damage_to_a_checkpoint_is_an_error_or_values(tmp_path_factory, name, data):
    damaged = bytearray((DATA / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert_refused_or_read(bytes(damaged), tmp_path_factory.getbasetemp() / "damaged")


atoms = st.sampled_from(
    [
        b"N",
        b")",
        b"]",
        b"}",
        b"\x88",
        b"K\0",
        b"K\x01",
        b"K\x02",
        integer(-1),
        integer(2**40),
        text("0"),
        text("f4"),
        text("latin1"),
        raw(bytes(4)),
        pid() + b"Q",
        tensor(),
        b"h\x01",
        b"\x8f",
        array_by_hand(b"K\x01\x85", raw(bytes(4)))[2:-1],
        *map(global_, STAND_INS),
    ]
)


def programs_of(inner):
    """What can be made of a few programs, each of which leaves one value or fails."""
    several = st.lists(inner, max_size=4).map(b"".join)
    ending = st.sampled_from([b"b", b"R", b"\x81", b"a", b"0", b"K\x01s", b"\x85R", b"\x86R"])
    called = st.tuples(st.sampled_from(STAND_INS), several)
    return (
        several.map(lambda parts: b"](" + parts + b"e")
        | several.map(lambda parts: b"(" + parts + b"t")
        | inner.map(lambda part: SETTING + part + b"s")
        | inner.map(lambda part: part + b"q\x01")
        | called.map(lambda call: calls(*call))
        | st.tuples(inner, inner, ending).map(b"".join)
    )


programs = st.recursive(atoms, programs_of, max_leaves=12)


@by_proc
@settings(deadline=None, max_examples=400)
@given(programs)
def test_any_program_is_an_error_or_values(tmp_path_factory, body):
    path = tmp_path_factory.getbasetemp() / "program"
    assert_refused_or_read(zipped(b"Nq\x010" + body), path)


PNG = b"\x89PNG\r\n\x1a\n" + bytes(99)
PAGE = b"\n  <!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"


@pytest.mark.parametrize(
    "data, told",
    [
        (b"", "empty"),
        (PAGE, "web page"),
        (PNG, "no checkpoint"),
        (b"text", "no checkpoint"),
        (b"\xff\xd8\xff\xe0", "no checkpoint"),
        (b"PK\5\6" + bytes(18), "no checkpoint"),
        (b"PK\3\4", "zip archive"),
        (b"PK\3\4" + bytes(99), "zip archive"),
        (b"\x80", "not a whole pickle"),
        (b"\x80\x02.", "not a whole pickle"),
        (b"\x80\xff.", "not a whole pickle"),
        (bytes(100), "no checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_refused_and_told(data, told, file):
    assert told in refused(data, file)


def test_a_zip_of_something_else_is_refused(file):
    for names in (["a.txt"], ["data.pkl"], ["a/b/data.pkl"], ["a/data.pkl/"], []):
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, bare(b"N"))
        refused(file.read_bytes(), file)


def test_what_is_no_file_is_the_system_s_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "none.pt")
    with pytest.raises(IsADirectoryError):
        read_checkpoint(tmp_path)

"""What a checkpoint asks to be called is never run, nor NVIDIA's source inside one.

Those that could run something are first given to `pickle.loads` or an unsafe `torch.load`, which
must fall for them: else they would prove nothing.
"""

import collections
import io
import os
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.containers import (
    CONTAINERS,
    calls,
    in_every_container,
    pid,
    read,
    refused,
    same,
    saved,
    tensor,
)
from helpers.hostile_pickles import Reduces, global_, text, touch


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

"""Other projects' checkpoints: the reference files, and ones that are built here."""

import argparse
import hashlib
import math
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ganinv.errors import WeightsError
from helpers.paths import DATA

FORMATS = {"nvidia_64.pkl": "nvidia", "tf_64.pkl": "tensorflow", "rosinality_64.pt": "rosinality"}
OUTPUTS = {"nvidia": "nvidia_64", "tensorflow": "nvidia_64", "rosinality": "rosinality_64"}
WIDTH = 512  # of an encoder's codes


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def vectors(format_):
    with np.load(DATA / f"{OUTPUTS[format_]}_outputs.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file}


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def kept_in(root):
    folder = root / "checkpoints" / "converted"
    return names_in(folder) if folder.is_dir() else []


def sentence(call, *arguments):
    """The sentence with which `call` refuses."""
    with pytest.raises(WeightsError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and 20 < len(message) < 700
    return message


class Persistent:
    """Pickles as an object of NVIDIA's torch_utils.persistence; `reconstruct` stands for theirs."""

    def __init__(self, kind, buffers=(), modules=(), **attributes):
        parts = dict(_parameters={}, _buffers=dict(buffers), _modules=dict(modules))
        self.meta = dict(type="class", version=6, module_src="", class_name=kind)
        self.meta["state"] = attributes | parts

    def __reduce__(self):
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


def module_of(record):
    """A module that was read from one of NVIDIA's pickles, to be pickled again."""
    state = dict(record.state)
    tensors = state.pop("_parameters") | state.pop("_buffers")
    modules = {name: module_of(child) for name, child in state.pop("_modules").items()}
    return Persistent(record.kind, tensors, modules, **state)


def state_of(record, prefix=""):
    """What torch's state_dict gives of a module that was read from one of NVIDIA's pickles."""
    found = {
        prefix + name: x
        for kind in ("_parameters", "_buffers")
        for name, x in record.state[kind].items()
    }
    for name, child in record.state["_modules"].items():
        found |= state_of(child, f"{prefix}{name}.")
    return found


class Generator(nn.Module):
    """A module with the weights of a state, by their names; pickles as a class of `model`."""

    def __init__(self, state=()):
        super().__init__()
        for name, x in dict(state).items():
            *path, last = name.split(".")
            module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, EqualLinear())
                module = module._modules[part]
            module.register_buffer(last, x) if last == "kernel" else module.register_parameter(
                last, nn.Parameter(x)
            )


class EqualLinear(nn.Module):
    """A part of such a module."""


def save_whole(module, path):
    """Write what `torch.save(module)` does where its classes are those of a file model.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "model", types.ModuleType("model"))
        for cls in (Generator, EqualLinear):
            patch.setattr(cls, "__module__", "model")
            setattr(sys.modules["model"], cls.__name__, cls)
        torch.save(module, path)


def pickled(value, dump=pickle.dumps):
    """A pickle, in which NVIDIA's classes may occur."""

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("it was called")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("torch_utils", "torch_utils.persistence"):
            patch.setitem(sys.modules, name, types.ModuleType(name))
        module = sys.modules["torch_utils.persistence"]
        module._reconstruct_persistent_obj = _reconstruct_persistent_obj
        return dump(value)


def stylegan3():
    layers = {"input": Persistent("SynthesisInput"), "L0_36_1024": Persistent("SynthesisLayer")}
    parts = dict(
        mapping=Persistent("MappingNetwork", z_dim=512),
        synthesis=Persistent("SynthesisNetwork", modules=layers),
    )
    return pickled({"G": None, "D": None, "G_ema": Persistent("Generator", modules=parts)})


def saved(value):
    """What torch.save writes."""

    def write(path):
        torch.save(value, path)

    return write


def tiny_encoder(channels=3, rows=10, decoder=False, **changes):
    """A checkpoint of an e4e's outer shape, whose layers are not there.

    A change to None leaves the entry out.
    """
    state = {"encoder.input_layer.0.weight": torch.zeros(64, channels, 3, 3)}
    state |= {f"encoder.styles.{i}.linear.bias": torch.zeros(1) for i in range(rows)}
    if decoder:
        state |= {f"decoder.{name}": x for name, x in wide_decoder().items()}
    opts = argparse.Namespace(encoder_type="Encoder4Editing", start_from_latent_avg=True)
    made = dict(state_dict=state, opts=opts, latent_avg=torch.ones(WIDTH)) | changes
    return {name: value for name, value in made.items() if value is not None}


def wide_decoder():
    """rosinality_64's generator, whose w is 40 wide, laid into one that takes the encoder's 512.

    The further entries of w are zero and do nothing.
    """
    weights = dict(torch.load(DATA / "rosinality_64.pt")["g_ema"])
    for name, x in weights.items():
        if name.endswith("modulation.weight"):
            padded = nn.functional.pad(x, (0, WIDTH - x.shape[1]))
            weights[name] = padded * math.sqrt(WIDTH / x.shape[1])  # the equalized rate is another
    for name in ("style.4.weight", "style.4.bias"):
        x = weights[name]
        weights[name] = nn.functional.pad(x, (0, 0, 0, WIDTH - 40)[-2 * x.ndim :])
    return weights

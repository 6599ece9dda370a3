"""NVIDIA's generator from its state alone, `torch.save(G.state_dict())`: names and tensors.

The pickles of NVIDIA's code also hold each layer's constants. Of a state they follow from names
and shapes, by the rules of training/networks.py in stylegan2-ada-pytorch: the equalized learning
rate (arXiv 1710.10196, 4.1), the mapping network's own of 0.01, and the architecture, which is
`resnet` where blocks have a skip, `skip` where the first block has an image head, else `orig`.
The limit of activations, `conv_clamp`, leaves no trace in a state: none is set.
"""

import math
from collections.abc import Mapping

import torch

from ganinv.weights.readers.stand_ins import Record
from ganinv.weights.readers.stylegan2 import MAPPING_RATE


def as_modules(state: Mapping[str, torch.Tensor]) -> Record:
    """Make of a state the module that it was taken from, as NVIDIA's pickles hold one.

    The state's names begin with `mapping.` and `synthesis.`. Raises ValueError for what has no such
    layers, LookupError for shapes that no layer has.
    """
    generator = _module("Generator")
    for name, x in state.items():
        *path, last = name.split(".")
        module = generator
        for part in path:
            module = module.state["_modules"].setdefault(part, _module(part))
        module.state["_buffers"][last] = x
    parts = generator.state["_modules"]
    if not {"mapping", "synthesis"} <= parts.keys():
        missing = ", ".join({"mapping", "synthesis"} - parts.keys())
        raise ValueError(f"its generator has no {missing} network")
    _complete_mapping(parts["mapping"])
    _complete_synthesis(parts["synthesis"])
    return generator


def _module(kind):
    record = Record(kind)
    record.state = dict(_modules={}, _parameters={}, _buffers={})
    return record


def _weight(module):
    weight = module.state["_buffers"].get("weight")
    if weight is None:
        raise ValueError(f"its layer {module.kind} has no weight")
    return weight


def _equalize(module, rate=1.0):
    """Set the factors of the equalized learning rate, by the number of a weight's inputs."""
    inputs = math.prod(_weight(module).shape[1:])
    module.state |= dict(weight_gain=rate / math.sqrt(max(inputs, 1)), bias_gain=rate)


def _complete_mapping(mapping):
    layers = mapping.state["_modules"]
    for name, layer in layers.items():
        _equalize(layer, 1.0 if name == "embed" else MAPPING_RATE)
    if "fc0" in layers:
        embedded = _weight(layers["embed"]).shape[0] if "embed" in layers else 0
        mapping.state["z_dim"] = _weight(layers["fc0"]).shape[1] - embedded


def _complete_synthesis(synthesis):
    blocks = synthesis.state["_modules"]
    parts = [block.state["_modules"] for block in blocks.values()]
    first = blocks["b4"].state["_modules"] if "b4" in blocks else {}
    residual = any("skip" in layers for layers in parts)
    architecture = "resnet" if residual else "skip" if "torgb" in first else "orig"
    for name, block in blocks.items():
        block.state["architecture"] = architecture
        for part, layer in block.state["_modules"].items():
            _complete_layer(part, layer, name)


def _complete_layer(part, layer, block):
    if part in ("torgb", "skip"):
        _equalize(layer)
    elif part in ("conv0", "conv1"):
        size = int(block[1:]) if block[1:].isdigit() else 0
        noisy = "noise_strength" in layer.state["_buffers"]
        layer.state |= dict(
            up=2 if part == "conv0" else 1, resolution=size, use_noise=noisy, conv_clamp=None
        )
    affine = layer.state["_modules"].get("affine")
    if affine is not None:
        _equalize(affine)

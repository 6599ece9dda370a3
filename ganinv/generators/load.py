"""Generators by name or path: from a weight file to a network that renders."""

from pathlib import Path
from typing import Any

import torch

from ganinv.generators.base import Generator, freeze, measure_w
from ganinv.generators.dcgan import DCGAN
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from ganinv.generators.stylegan2 import StyleGAN2
from ganinv.weights.find import find_file
from ganinv.weights.fit import check_fit
from ganinv.weights.locate import locate
from ganinv.weights.readers.parts import Network
from ganinv.weights.store import read_network

ARCHITECTURES: dict[str, type[Generator]] = {
    "dcgan": DCGAN,
    "mobile_stylegan": MobileStyleGAN,
    "stylegan2": StyleGAN2,
}
WIDEST = 4096  # z or w that W is measured for: ten thousand draws at once take memory


def load_generator(name: str | Path, device: str | torch.device = "cpu") -> Generator:
    """Load a generator by its name in the manifest or by the path of a file.

    A file is one of ours (.safetensors) or a StyleGAN2 checkpoint of NVIDIA's or rosinality's
    code, e4e's and pSp's included, which is converted once and kept. It comes frozen, in eval
    mode, float32. Weights that are named and not here are fetched outside a clone; in a clone
    they raise WeightsError with the command that brings them. A file that is no generator raises
    WeightsError too.
    """
    path, label, sha256 = locate(name, "generator", check=check_network)
    generator = read_network(path, "generator", ARCHITECTURES, _build)
    generator.name, generator.sha256 = label, sha256
    generator.file = find_file(name)
    return generator.to(device)


def check_network(network: Network) -> None:
    """Raise ValueError, with the reason, for a network that is none of ours, or does not fit."""
    if network.architecture not in ARCHITECTURES:
        raise ValueError(f"it holds no generator (its architecture is {network.architecture})")
    check_fit(ARCHITECTURES[network.architecture], network.config, network.tensors)


def _build(architecture: type[Generator], config: dict[str, Any], state: dict[str, torch.Tensor]):
    """The generator, frozen; W's mean and spread are measured where the file does not bring them.

    A class of the table takes its own sizes as keyword arguments.
    """
    generator = architecture(**config)
    missing, _ = generator.load_state_dict(state, strict=False)  # which ones, `read_network` checks
    freeze(generator)
    if missing:
        if max(generator.z_dim, generator.w_dim, generator.c_dim) > WIDEST:
            raise ValueError("it lacks w_avg or w_std, and is too wide to measure them")
        measure_w(generator, w_avg=state.get("w_avg"))
    if not (generator.w_avg.isfinite().all() and generator.w_std.isfinite()):
        raise ValueError("its mean or spread of W is not finite: its weights are damaged")
    return generator

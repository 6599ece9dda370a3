"""Encoders by name or path: from a weight file to a network that gives codes."""

from pathlib import Path
from typing import Any

import torch

from ganinv.encoders.base import Encoder
from ganinv.encoders.domain import DomainEncoder
from ganinv.encoders.irse import IRSEEncoder
from ganinv.weights.fit import check_fit
from ganinv.weights.locate import locate
from ganinv.weights.readers.parts import Network
from ganinv.weights.store import read_network

ARCHITECTURES: dict[str, type[Encoder]] = {"irse": IRSEEncoder, "domain": DomainEncoder}


def load_encoder(name: str | Path, device: str | torch.device = "cpu") -> Encoder:
    """Load an encoder by its name in the manifest or by the path of a file.

    A file is one of ours (.safetensors) or a checkpoint of e4e or pSp, which is converted once
    and kept. It comes frozen, in eval mode, float32. Weights that are named and not here are
    fetched outside a clone. Raises WeightsError for those in a clone, with the command that brings
    them, and for a file that is no encoder.
    """
    path, label, sha256 = locate(name, "encoder", check=check_network)
    encoder = read_network(path, "encoder", ARCHITECTURES, _build)
    encoder.name, encoder.sha256 = label, sha256
    encoder.attach_trunk()
    return encoder.float().eval().requires_grad_(False).to(device)


def check_network(network: Network) -> None:
    """Raise ValueError, with the reason, for a network that is none of ours, or does not fit."""
    if network.architecture not in ARCHITECTURES:
        raise ValueError(f"it holds no encoder (its architecture is {network.architecture})")
    architecture = ARCHITECTURES[network.architecture]
    architecture.check_file(network.config, network.tensors)
    check_fit(architecture, network.config, network.tensors)


def _build(architecture: type[Encoder], config: dict[str, Any], state: dict[str, torch.Tensor]):
    architecture.check_file(config, state)
    with torch.device("meta"):  # its memory is that of the tensors just read
        encoder = architecture(**config)
    encoder.load_state_dict(state, assign=True)
    return encoder

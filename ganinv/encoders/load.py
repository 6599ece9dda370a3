"""Encoders: image -> latent. An encoder is a callable with a `resolution` that maps images
(N, 3, H, W) in [-1, 1] of that resolution or larger to codes (N, num_ws, w_dim), its latent
average added."""

import torch

from ganinv.encoders.domain import DomainEncoder
from ganinv.encoders.irse import IRSEEncoder, irse_config
from ganinv.errors import WeightsError
from ganinv.weights.locate import locate
from ganinv.weights.store import read_weights

ARCHITECTURES = {"irse": IRSEEncoder, "domain": DomainEncoder}
CHECKS = {"irse": irse_config}  # which say what another network is
COMPLETE = {"domain": DomainEncoder.attach_trunk}  # with weights that are not in its own file


def load_encoder(name, device="cpu"):
    """Load an encoder by its name in the manifest or by the path of a file.

    A file is one of ours (.safetensors) or a checkpoint of e4e or pSp, which is converted once
    and kept. It comes frozen, in eval mode, float32. Raises WeightsError for weights that are not
    here, with the command that brings them, and for a file that is no encoder.
    """
    path, label, sha256 = locate(name, "encoder")
    description, state = read_weights(path)
    architecture = description.get("architecture")
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise WeightsError(f"{path} holds no encoder (its architecture is {architecture!r})")
    try:
        if architecture in CHECKS:
            CHECKS[architecture](state, description["config"].get("head", "e4e"))
        with torch.device("meta"):  # its memory is that of the tensors just read
            encoder = ARCHITECTURES[architecture](**description["config"])
        encoder.load_state_dict(state, assign=True)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path} does not fit its own description: {reason}") from None
    encoder.name, encoder.sha256 = label, sha256
    if architecture in COMPLETE:
        COMPLETE[architecture](encoder)
    return encoder.float().eval().requires_grad_(False).to(device)

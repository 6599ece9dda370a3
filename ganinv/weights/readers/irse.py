"""Encoders of e4e and pSp checkpoints, to the names and arguments of `encoders.irse`."""

from collections.abc import Mapping
from typing import Any

import torch

from ganinv.weights.readers.parts import Part

HEADS = {"Encoder4Editing": "e4e", "GradualStyleEncoder": "psp"}  # by opts.encoder_type
WIDTH = 512  # of a code


def check_irse(state: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError for what is no IR-SE50 on images, by its first layer alone.

    ReStyle's encoder (arXiv 2104.02699) also sees the current reconstruction: 6 channels.
    Comparing every name and shape is for those who load it.
    """
    first = state.get("input_layer.0.weight")
    if first is None:
        raise ValueError(
            "it has no IR-SE50 body, which pSp and e4e share: input_layer.0 is missing"
        )
    channels = first.shape[1]
    if channels != 3:
        relative = " (ReStyle's sees the reconstruction, too)" if channels == 6 else ""
        raise ValueError(
            f"its encoder takes {channels} channels{relative}; pSp and e4e see 3, the image"
        )


def count_rows(state: Mapping[str, torch.Tensor]) -> int:
    """Count the style blocks of an encoder's state: the rows of its codes."""
    return len({name.split(".")[1] for name in state if name.startswith("styles.")})


def read_encoder(
    state: dict[str, torch.Tensor],
    options: Mapping[str, Any],
    average: torch.Tensor | None,
    head: str | None,
) -> Part:
    """Read an encoder's state, named without the checkpoint's prefix.

    `options` are the checkpoint's opts, `average` its latent_avg (512,) or (num_ws, 512), `head`
    "e4e" or "psp" where that is known. Raises ValueError, with the reason, for another network.
    """
    check_irse(state)
    if head is None:
        named, known = options.get("encoder_type"), ", ".join(HEADS)
        raise ValueError(
            f"its encoder is of type {named!r}; known are {known} (where opts do not say, "
            "convert it with `ganinv weights convert FILE --head e4e` or psp)"
        )
    rows = count_rows(state)
    wanted = options.get("start_from_latent_avg", True)
    if average is None and wanted:
        raise ValueError("it holds no latent_avg, which its encoder's codes are offsets to")
    state["latent_avg"] = torch.zeros(rows, WIDTH)
    if average is not None and wanted:
        state["latent_avg"] = average.float().reshape(-1, WIDTH).expand(rows, -1)
    facts = dict(
        resolution=256, w_dim=WIDTH, num_ws=rows, generator_resolution=2 ** (rows // 2 + 1)
    )
    return Part("irse", dict(head=head, num_ws=rows), state, "encoder", head, facts)

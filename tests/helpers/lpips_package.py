"""The package lpips, as a reference."""

import warnings

import lpips
import torch
from safetensors.torch import load_file
from torch import nn

from ganinv.weights.find import ensure


def package_lpips(net):
    """The lpips package's own module, the backbone's weights put in by hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    state = load_file(ensure(f"lpips-{net}"))
    convs = [m for m in model.net.modules() if isinstance(m, nn.Conv2d)]
    assert len(state) == 2 * len(convs)
    with torch.no_grad():
        for i, conv in enumerate(convs):
            conv.weight.copy_(state[f"conv.{i}.weight"])
            conv.bias.copy_(state[f"conv.{i}.bias"])
    return model.requires_grad_(False)

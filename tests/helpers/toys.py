"""Toys: tiny random generators, in memory and as files."""

import json

import torch
from safetensors.torch import save_file
from torch import nn

from ganinv.generators.base import freeze, measure_w
from ganinv.generators.mobile_stylegan import MobileStyleGAN, Style, StyledConv

TOY_CONFIG = dict(channels=[32, 32, 16], z_dim=32, w_dim=32, mapping_layers=2)


@torch.no_grad()
def build_toy(seed=2):
    """A random MobileStyleGAN at 32x32 whose images lie in [-1, 1], with contrast about 0.25."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = freeze(MobileStyleGAN(**TOY_CONFIG))
        for layer in generator.fc:
            nn.init.orthogonal_(layer.weight)
        for module in generator.modules():
            if isinstance(module, Style):
                module.weight.mul_(0.3)  # else the scale of the image varies wildly with w
            if isinstance(module, StyledConv):
                module.noise.normal_(std=0.1)
                module.bias.normal_(std=0.3)
    measure_w(generator)
    z = torch.randn(256, generator.z_dim, generator=torch.Generator().manual_seed(3))
    ws = generator.mapping(z)
    generator.to_img.mul_(0.25 / generator.synthesis(ws).std())
    generator.to_img_bias[:3] -= 2 * generator.synthesis(ws).mean((0, 2, 3))  # the LL channels
    generator.name = "toy"
    return generator


def save_toy(path, state, **description):
    """Write a state as a generator file; `description` changes what its metadata say."""
    described = dict(architecture="mobile_stylegan", config=TOY_CONFIG) | description
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(tensors, path, metadata={"ganinv": json.dumps(described)})
    return path

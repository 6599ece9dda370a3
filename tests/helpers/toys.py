"""Toys: tiny random generators, in memory and as files."""

import copy
import json
import math

import torch
from safetensors.torch import save_file
from torch import nn

from ganinv.generators.base import freeze, measure_w
from ganinv.generators.dcgan import DCGAN
from ganinv.generators.mobile_stylegan import MobileStyleGAN, Style, StyledConv
from ganinv.weights.store import save_weights

TOY_CONFIG = dict(channels=[32, 32, 16], z_dim=32, w_dim=32, mapping_layers=2)
DCGAN_CONFIG = dict(resolution=32, width=4, z_dim=16)


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


def build_dcgan(**changes):
    """A frozen DCGAN of random weights at 32x32, large enough that z shows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = DCGAN(**DCGAN_CONFIG | changes)
        for p in generator.parameters():
            nn.init.normal_(p, mean=float(p.ndim == 1), std=0.2)  # biases, or z = 0 is flat
    return freeze(generator)


def save_dcgan(path, **changes):
    """Write `build_dcgan` as a generator file; `changes` are those to its configuration."""
    described = {"architecture": "dcgan", "config": DCGAN_CONFIG | changes}
    save_weights(path, build_dcgan(**changes).state_dict(), described)
    return path


def draw_image(generator, seed=1):
    """A normal z (1, z_dim) and the image (3, H, W) that it renders."""
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return z, generator.synthesis(generator.mapping(z))[0]


def rendering_by(generator, synthesis):
    """A copy of a generator, its weights shared, that renders by another function."""
    own = copy.copy(generator)
    own.synthesis = synthesis
    return own


def poisoned(generator, at, value=math.nan):
    """A copy of a generator whose image number `at` is `value` times itself."""
    count = 0

    def synthesis(ws, **options):
        nonlocal count
        count += 1
        images = generator.synthesis(ws, **options)
        return images * value if count == at else images

    return rendering_by(generator, synthesis)

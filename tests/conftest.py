"""Shared fixtures. Most tests use `toy`, a tiny random generator: the student is slow."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from ganinv import load_generator
from ganinv.generators.base import freeze, measure_w
from ganinv.generators.mobile_stylegan import MobileStyleGAN, Style, StyledConv
from ganinv.params import make_params

TOY_CONFIG = dict(channels=[32, 32, 16], z_dim=32, w_dim=32, mapping_layers=2)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tiny tensors gain nothing from threads, and lose much where the cores are shared."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def student():
    """The real generator, 1024x1024."""
    return load_generator("ffhq-student")


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


@pytest.fixture(scope="session")
def toy():
    """The tiny generator: 32x32, 8 style inputs, w_dim 32, frozen, w_avg measured."""
    return build_toy()


@pytest.fixture(scope="session")
def toy_images(toy):
    """Eight images (8, 3, 32, 32) of the toy and the ws (8, 8, 32) that render them."""
    z = torch.randn(8, toy.z_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ws = toy.mapping(z).contiguous()
        return toy.synthesis(ws), ws


def save_toy(path, state, **description):
    """Write a state as a generator file; `description` changes what its metadata say."""
    described = dict(architecture="mobile_stylegan", config=TOY_CONFIG) | description
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(tensors, path, metadata={"ganinv": json.dumps(described)})
    return path


@pytest.fixture(scope="session")
def toy_path(toy, tmp_path_factory):
    """The toy as a file that `load_generator` reads."""
    return save_toy(tmp_path_factory.mktemp("weights") / "toy.safetensors", toy.state_dict())


@pytest.fixture(scope="session")
def make_photo():
    """A function that writes a small smooth colour picture, another for each seed."""

    def write(path, seed=0, size=(48, 40)):
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(40, 216, (4, 4, 3), dtype=np.uint8))
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize(size, Image.Resampling.BICUBIC).save(path)
        return path

    return write


@pytest.fixture
def toy_params(toy_path, tmp_path):
    """A function that makes `Params` of a quick run of the toy."""

    def build(images, **changes):
        quick = dict(
            generator=str(toy_path),
            out=str(tmp_path / "run"),
            align=False,
            space="w",
            loss="l2",
            steps=4,
            lr=0.1,
            precision="float32",
            compile="off",
            device="cpu",
            log_every=0,
            snapshot_every=2,
        )
        return make_params(quick | dict(images=[str(image) for image in images]) | changes)

    return build


def strict_json(path):
    """Read JSON that must not hold NaN or Infinity."""

    def refuse(token):
        raise AssertionError(f"{path} holds {token}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def psnr(a, b):
    """Peak signal-to-noise ratio of two tensors in [-1, 1], in dB."""
    return 10 * math.log10(4 / (a - b).square().mean().item())

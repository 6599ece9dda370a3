"""The generators that are timed: config-f with random weights, for which nothing is fetched, and
those that `load_generator` knows."""

import torch

from ganinv.generators.base import Generator, freeze
from ganinv.generators.load import load_generator
from ganinv.generators.stylegan2 import StyleGAN2

CONFIG_F = "config-f"


def config_f(resolution: int) -> StyleGAN2:
    """Make StyleGAN2 config-f of a resolution with random weights from a fixed seed."""
    blocks = resolution.bit_length() - 2
    channels = [min(512, 32768 // (4 * 2**i)) for i in range(blocks)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = StyleGAN2(channels=channels)
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.data.fill_(0.1)
    generator.name = CONFIG_F
    return freeze(generator)


def find_generator(name: str, resolution: int, device: str) -> Generator:
    """Make config-f of a resolution, or load a generator by name or path at its own."""
    return config_f(resolution).to(device) if name == CONFIG_F else load_generator(name, device)

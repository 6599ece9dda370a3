"""Generators whose W is known, and what a step of their styles is."""

import pytest
import torch

from helpers.networks import random_stylegan2


@pytest.fixture(scope="session")
def w_samples():
    """A function that draws w (N, w_dim) of a generator by its mapping, float64."""

    @torch.no_grad()
    def draw(generator, count=20_000, seed=77):
        z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(seed))
        return generator.mapping(z)[:, 0].double()

    return draw


@pytest.fixture(scope="session")
def small():
    """A StyleGAN2 of random weights: 32x32, 8 style inputs of two or three styles, w_dim 20."""
    return random_stylegan2()

"""A StyleGAN2 of random weights."""

import pytest

from helpers.networks import random_stylegan2


@pytest.fixture(scope="module")
def small():
    return random_stylegan2()

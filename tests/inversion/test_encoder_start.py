"""A search starts from an encoder's codes."""

import pytest
import torch

import ganinv
from helpers.networks import random_stylegan2


@pytest.fixture(scope="module")
def stylegan2_256():
    generator = random_stylegan2(channels=[8] * 7)
    generator.name = "narrow"
    return generator


def start_from(generator, codes, **changes):
    seen = []

    def encoder(images):
        seen.append(tuple(images.shape))
        return codes

    target = torch.zeros(3, generator.resolution, generator.resolution)
    quick = dict(loss="l2", precision="float32", compile="off", log_every=0, snapshot_every=0)
    run = ganinv.invert(generator, target, init="encoder", encoder=encoder, **quick | changes)
    assert seen == [(1, *target.shape)]
    return run


def test_a_search_starts_from_the_encoders_codes(stylegan2_256):
    codes = torch.randn(1, 14, 20, generator=torch.Generator().manual_seed(3))
    run = start_from(stylegan2_256, codes, space="w+", steps=0)
    assert torch.equal(run.latent, codes[0])
    run = start_from(stylegan2_256, codes, space="w", steps=0)
    assert torch.allclose(run.latent, codes[0].mean(0).expand(14, -1), atol=1e-6)


@pytest.mark.parametrize("rows", [18, 13])
def test_an_encoder_for_another_resolution_is_refused_with_both_numbers(stylegan2_256, rows):
    wanted = rf"{rows} codes of width 20, but the generator narrow at 256x256 takes 14 of width 20"
    for space in ("w", "w+"):
        with pytest.raises(ValueError, match=wanted):
            start_from(stylegan2_256, torch.zeros(1, rows, 20), space=space, steps=1)

"""The discriminator of the encoder's training."""

import pytest
import torch

from ganinv.training.encoder.discriminator import Discriminator
from helpers.tensors import noise


def build_discriminator(size, **widths):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Discriminator(size=size, **widths)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_discriminator_scores_every_image_for_itself(size):
    discriminator, images = build_discriminator(size, width=8), noise(0, n=3, size=size)
    images.requires_grad_()
    scores = discriminator(images)
    assert scores.shape == (3,)
    alone = torch.cat([discriminator(image[None]) for image in images])
    assert torch.allclose(scores, alone, atol=1e-5)
    (gradient,) = torch.autograd.grad(scores[1], images)
    assert gradient[1].abs().amax(0).gt(0).all()  # every pixel counts
    assert not gradient[[0, 2]].any()


def test_discriminator_narrows_to_4_pixels_and_widens_to_a_limit():
    discriminator = build_discriminator(64, width=8, widest=32)
    assert [b.conv2.out_channels for b in discriminator.blocks] == [16, 32, 32, 32]
    assert discriminator.last.in_features == 32 * 4 * 4

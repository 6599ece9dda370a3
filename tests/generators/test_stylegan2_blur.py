"""Blur and up-sampling of StyleGAN2 against closed forms and a layer by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ganinv.generators.stylegan2 import Blur, StyledConv


def test_upsampling_is_bilinear_interpolation_with_zeros_outside():
    x = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    wanted = F.interpolate(F.pad(x, [1] * 4), scale_factor=2, mode="bilinear")[..., 2:-2, 2:-2]
    assert torch.allclose(Blur().upsample(x), wanted, atol=1e-6)


def test_blur_matches_numpys_convolution():
    x = np.random.default_rng(0).normal(size=(9, 7))
    wanted = x
    for axis in (0, 1):
        wanted = np.apply_along_axis(np.convolve, axis, wanted, np.array([1, 3, 3, 1]) / 4)
    blurred = Blur()(torch.from_numpy(x).float()[None, None])[0, 0].numpy()
    assert blurred.shape == (8, 6)
    assert np.allclose(blurred, wanted[2:-2, 2:-2], atol=1e-5)


def test_a_constant_image_stays_constant_in_the_middle():
    up = Blur().upsample(torch.full((1, 2, 6, 6), 0.7))
    assert torch.allclose(up[..., 1:-1, 1:-1], torch.tensor(0.7))
    assert torch.allclose(up[..., 0, 0], torch.tensor(0.7 * 9 / 16))  # three quarters, twice
    assert torch.allclose(Blur()(torch.ones(1, 2, 9, 9))[..., 1:-1, 1:-1], torch.tensor(4.0))


@torch.no_grad()
@pytest.mark.parametrize("up", [False, True])
def test_a_layer_computed_by_hand(up):
    """One channel, style 1.5: eq. 1 and 3 of the paper, every product written out."""
    layer = StyledConv(2, 1, 1, 6 if up else 3, up=up, clamp=None)
    layer.style.weight.zero_()
    layer.style.bias.fill_(1.5)
    layer.bias.fill_(0.3)
    layer.noise_strength.fill_(0.7)
    layer.prepare()
    x, kernel = torch.randn(3, 3).double().numpy(), layer.weight[0, 0].double().numpy()
    around = range(3)
    if up:  # each pixel, two apart, strews the kernel; then the filter
        wide = np.zeros((7, 7))
        for i in around:
            for j in around:
                wide[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += x[i, j] * kernel
        y = Blur()(torch.from_numpy(wide).float()[None, None])[0, 0].double().numpy()
    else:  # each pixel gathers
        wide = np.pad(x, 1)
        y = np.array(
            [[(wide[i : i + 3, j : j + 3] * kernel).sum() for j in around] for i in around]
        )
    y = y * 1.5 / np.sqrt(1.5**2 * (kernel**2).sum() + 1e-8)
    y = y + 0.7 * layer.noise[0, 0].double().numpy() + 0.3
    wanted = np.where(y > 0, y, 0.2 * y) * np.sqrt(2)
    got = layer(torch.from_numpy(x).float()[None, None], torch.zeros(1, 2), layer.noise)
    assert np.allclose(got[0, 0].numpy(), wanted, atol=1e-5)

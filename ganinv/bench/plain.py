"""StyleGAN2's synthesis as the published projectors write it, on the weights of `StyleGAN2`.

Weights are modulated and demodulated per sample (eq. 1 and 3 of arXiv 1912.04958), batches run as
grouped convolutions, and blur, noise, bias and activation are operations of their own, in eager
float32. This is what the benchmarks compare with, and a second derivation for the tests.
"""

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ganinv.generators.stylegan2 import StyleGAN2, in_colour

TAPS = (1.0, 3.0, 3.0, 1.0)


def plain_synthesis(generator: StyleGAN2, ws: Tensor, noise: str = "const") -> Tensor:
    """Render ws (N, num_ws, w_dim) as `generator.synthesis` does, in float32: (N, 3, H, W)."""
    maps = iter(generator.noise_for(noise, len(ws)))
    x, index = generator.const.repeat(len(ws), 1, 1, 1), 0
    image: Tensor | None = None
    for block in generator.blocks:
        before = x
        if block.conv0 is not None:
            x = _styled(block.conv0, x, ws[:, index], next(maps))
            index += 1
        x = _styled(block.conv1, x, ws[:, index], next(maps))
        index += 1
        if block.skip is not None:
            x = x + upfirdn2d(block.skip(before), up=2, pad=(2, 1)) * math.sqrt(0.5)
        if image is not None:
            image = upfirdn2d(image, up=2, pad=(2, 1))
        if block.to_rgb is not None:
            head = _to_rgb(block.to_rgb, x, ws[:, index])
            image = head if image is None else image + head
    return in_colour(cast(Tensor, image))  # the last block has an image head


def _affine(style, w):
    return torch.addmm(style.bias, w, style.weight.T)  # (N, c_in)


def _styled(conv, x, w, noise):
    weight = conv.weight.transpose(0, 1) if conv.up else conv.weight  # (c_out, c_in, 3, 3)
    x = modulated_conv2d(x, weight, _affine(conv.style, w), up=conv.up, demodulate=True)
    if noise is not None:
        x = x + noise * conv.noise_strength
    x = F.leaky_relu(x + conv.bias[:, None, None], 0.2) * (math.sqrt(2) * conv.gain)
    return x if conv.clamp is None else x.clamp(-conv.clamp * conv.gain, conv.clamp * conv.gain)


def _to_rgb(head, x, w):
    x = modulated_conv2d(x, head.weight, _affine(head.style, w), up=False, demodulate=False)
    x = x + head.bias[:, None, None]
    return x if head.clamp is None else x.clamp(-head.clamp, head.clamp)


def modulated_conv2d(
    x: Tensor, weight: Tensor, styles: Tensor, *, up: bool, demodulate: bool
) -> Tensor:
    """Convolve x (N, c_in, H, W) by weight (c_out, c_in, k, k), modulated by styles (N, c_in).

    Every sample has a kernel of its own; `up` doubles the resolution.
    """
    n, c_in, h, w = x.shape
    c_out, _, k, _ = weight.shape
    # channels-last weights gave wrong gradients here (torch 2.15, CPU); why was not found out
    weight = weight.contiguous()[None] * styles[:, None, :, None, None]  # (N, c_out, c_in, k, k)
    if demodulate:
        weight = weight * (weight.square().sum((2, 3, 4)) + 1e-8).rsqrt()[:, :, None, None, None]
    x = x.reshape(1, n * c_in, h, w)
    if up:
        weight = weight.transpose(1, 2).reshape(n * c_in, c_out, k, k)
        x = F.conv_transpose2d(x, weight, stride=2, groups=n)
        x = upfirdn2d(x, up=1, pad=(1, 1))
    else:
        x = F.conv2d(x, weight.reshape(n * c_out, c_in, k, k), padding=k // 2, groups=n)
    return x.reshape(n, c_out, *x.shape[2:])


def upfirdn2d(x: Tensor, *, up: int, pad: tuple[int, int]) -> Tensor:
    """Insert zeros, pad, filter with the taps in both directions; the gain makes up for zeros."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h, 1, w, 1)
    x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(n, c, h * up, w * up)
    taps = torch.tensor(TAPS, dtype=x.dtype, device=x.device) / sum(TAPS) * 2
    kernel = torch.outer(taps, taps)[None, None].repeat(c, 1, 1, 1)
    return F.conv2d(F.pad(x, [*pad, *pad]), kernel, groups=c)

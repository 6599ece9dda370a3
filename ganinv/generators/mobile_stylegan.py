"""MobileStyleGAN, a student of StyleGAN2 (Belousov 2021, arXiv 2104.04767).

The mapping network is its teacher's own, so its W is the teacher's W. The synthesis network
replaces each 3x3 convolution with a depthwise 3x3 and a pointwise 1x1, and each upsampling with
an inverse Haar transform; demodulation is a constant folded into the pointwise weights. The image
exists at the last resolution only.

Departures from the paper's code, all exact up to rounding:
- the factor 1/sqrt(fan_in) multiplies the style, a vector, in place of the activations;
- `teacher_rows` lays the rows of the teacher's W+ onto the student's by resolution and place: a
  block's first convolution takes the teacher's first at that resolution, its second the second, and
  its image head the teacher's head, which shares its row with the next resolution's first. The last
  head takes the teacher's last row; the student ends at half the resolution and an inverse Haar
  transform, so that the two convolutions at full resolution have nobody to give their rows to.
  In W all rows are one, and the layout does not matter;
- "random" noise scales fresh normal maps by the standard deviation of the stored ones, because
  the noise strength is already multiplied into those.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn

from ganinv.generators.base import Flow, Generator
from ganinv.images.pixels import at_least_float32

SLOPE = 0.2  # of every leaky ReLU, as in StyleGAN2


def inverse_haar(x: torch.Tensor) -> torch.Tensor:
    """Undo a Haar transform, (N, 4C, H, W) -> (N, C, 2H, 2W).

    The first C channels are LL; the others, viewed as (C, 3), are LH, HL, HH.
    """
    n, c4, h, w = x.shape
    c = c4 // 4
    ll = x[:, :c]
    lh, hl, hh = x[:, c:].reshape(n, c, 3, h, w).unbind(2)
    low, high, tilt, cross = ll + lh, ll - lh, hl + hh, hl - hh
    top = torch.stack((low + tilt, low - tilt), -1)  # (N, C, H, W, 2): row 0, columns 0 and 1
    bottom = torch.stack((high + cross, high - cross), -1)
    return torch.stack((top, bottom), 3).reshape(n, c, 2 * h, 2 * w) * 0.5


class Style(nn.Module):
    """Affine map from w to per-channel scales: (N, w_dim) -> (N, C, 1, 1)."""

    def __init__(self, w_dim: int, channels: int, fan_in: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, w_dim) / math.sqrt(w_dim))
        self.bias = nn.Parameter(torch.ones(channels))
        self.gain = 1 / math.sqrt(fan_in)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        """Give the scales of w."""
        return (F.linear(w, self.weight, self.bias) * self.gain)[:, :, None, None]


class StyledConv(nn.Module):
    """Modulate, convolve, add noise and bias, leaky ReLU without gain.

    `depthwise` factors the 3x3 convolution; without it the convolution is a full one.
    """

    def __init__(
        self, w_dim: int, c_in: int, c_out: int, size: int, *, depthwise: bool = True
    ) -> None:
        super().__init__()
        self.style = Style(w_dim, c_in, fan_in=c_in * 9)
        self.depthwise = nn.Parameter(torch.randn(c_in, 1, 3, 3)) if depthwise else None
        shape = (c_out, c_in, 1, 1) if depthwise else (c_out, c_in, 3, 3)
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(1, c_out, 1, 1))
        self.register_buffer("noise", torch.zeros(1, 1, size, size))

    def forward(self, x: torch.Tensor, w: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        """Convolve x (N, c_in, H, W) by the style of w (N, w_dim), with a map or None."""
        x = x * self.style(w).to(x.dtype)
        if self.depthwise is None:
            x = F.conv2d(x, self.weight, padding=1)
        else:
            x = F.conv2d(x, self.depthwise, padding=1, groups=x.shape[1])
            x = F.conv2d(x, self.weight)
        if noise is not None:
            x = x + noise.to(x.dtype)
        return F.leaky_relu(x + self.bias.to(x.dtype), SLOPE)


class Block(nn.Module):
    """Double the resolution, then two styled convolutions: (N, C, H, W) -> (N, C', 2H, 2W)."""

    def __init__(self, w_dim: int, c_in: int, c_out: int, size: int) -> None:
        super().__init__()
        self.up = Style(w_dim, c_in)
        self.conv1 = StyledConv(w_dim, c_in // 4, c_out, size)
        self.conv2 = StyledConv(w_dim, c_out, c_out, size)

    def forward(
        self, x: torch.Tensor, ws: torch.Tensor, noise: list[torch.Tensor | None]
    ) -> torch.Tensor:
        """Render a level: ws (N, 3, w_dim), `noise` of both convolutions."""
        x = inverse_haar(x * self.up(ws[:, 0]).to(x.dtype))
        x = self.conv1(x, ws[:, 0], noise[0])
        return self.conv2(x, ws[:, 1], noise[1])


class MobileStyleGAN(Generator):
    """`channels` lists the width at 4x4 and after each block; the image is twice the last one.

    FFHQ at 1024: (512, 512, 512, 512, 512, 256, 128, 64), 23 style inputs. Index 0 goes to the
    first convolution; block i takes 1 + 3i (`up` and `conv1`) and 2 + 3i (`conv2`); index 3 + 3i
    belongs to the block's image head, and of these only the last exists in the student.
    """

    mapping_parts = ("fc",)
    blocks: Sequence[Block]  # torch types a ModuleList's items as Tensor | Module

    def __init__(
        self,
        *,
        channels: Sequence[int],
        z_dim: int = 512,
        w_dim: int = 512,
        mapping_layers: int = 8,
    ) -> None:
        blocks = len(channels) - 1
        super().__init__(resolution=8 * 2**blocks, z_dim=z_dim, w_dim=w_dim, num_ws=3 * blocks + 2)
        self.channels = tuple(channels)
        widths = [z_dim] + [w_dim] * mapping_layers
        self.fc = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.const = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.first = StyledConv(w_dim, channels[0], channels[0], 4, depthwise=False)
        self.blocks = cast(
            Sequence[Block],
            nn.ModuleList(
                Block(w_dim, channels[i], channels[i + 1], 8 * 2**i) for i in range(blocks)
            ),
        )
        self.to_img_style = Style(w_dim, channels[-1], fan_in=channels[-1])
        self.to_img = nn.Parameter(torch.randn(12, channels[-1], 1, 1))
        self.to_img_bias = nn.Parameter(torch.zeros(12))

    @property
    def teacher_rows(self) -> list[int]:
        """For each row here, the row of the teacher's W+ (2 log2(resolution) - 2 rows)."""
        inner = [1 + 2 * i + k for i in range(len(self.blocks)) for k in range(3)]
        return [0, *inner, 2 * len(self.blocks) + 3]

    def style_matrices(self) -> list[list[torch.Tensor]]:
        rows: list[list[torch.Tensor]] = [[self.first.style.weight]]
        for block in self.blocks:
            rows.append([block.up.weight, block.conv1.style.weight])
            rows += [[block.conv2.style.weight], []]
        return [*rows, [self.to_img_style.weight]]

    def mapping(
        self, z: torch.Tensor, c: torch.Tensor | None = None, truncation: float = 1.0
    ) -> torch.Tensor:
        self.check_labels(c)
        x = z * z.square().mean(1, keepdim=True).rsqrt()  # (N, z_dim), onto the sphere
        for layer in self.fc:
            x = F.leaky_relu(layer(x), SLOPE) * math.sqrt(2)
        return self.broadcast(x, truncation)

    def noise_scale(self, stored: torch.Tensor) -> torch.Tensor:
        return stored.std()  # their strength is multiplied into them

    def feature_shapes(self) -> dict[int, tuple[int, int, int]]:
        return {4 << i: (c, 4 << i, 4 << i) for i, c in enumerate(self.channels)}

    def enter(self, ws: torch.Tensor) -> Flow:
        return Flow(self.const.expand(len(ws), -1, -1, -1))

    def level(
        self, index: int, flow: Flow, ws: torch.Tensor, maps: list[torch.Tensor | None]
    ) -> Flow:
        if index == 0:
            return Flow(self.first(flow.features, ws[:, 0], maps[0]))
        rows, noise = ws[:, 3 * index - 2 : 3 * index + 1], maps[2 * index - 1 : 2 * index + 1]
        return Flow(self.blocks[index - 1](flow.features, rows, noise))

    def leave(self, flow: Flow, ws: torch.Tensor) -> torch.Tensor:
        x = flow.features
        x = x * self.to_img_style(ws[:, -1]).to(x.dtype)
        x = F.conv2d(x, self.to_img, self.to_img_bias)  # (N, 12, R/2, R/2)
        return inverse_haar(at_least_float32(x))

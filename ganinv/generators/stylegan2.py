"""StyleGAN2 (Karras et al. 2020, arXiv 1912.04958) in plain PyTorch, made for inversion.

NVIDIA's and rosinality's networks, exact up to rounding. Where the arithmetic departs from theirs,
it is because the weights are frozen and only gradients to ws (and noise maps) are wanted:

- Styles scale the activations, never the weights: W (s * x) in place of (W * s) x. One convolution
  serves a batch whose images have different ws, and no gradient of a weight is ever formed.
- Demodulation, eq. 3 of the paper, multiplies the result: rsqrt(sum_i s_i^2 q_oi + 1e-8), where
  q_oi = sum_k W_oik^2 is computed once (`prepare`). It is a product of a vector and a matrix.
- A leaky ReLU's gain moves through it into the factors before it, vectors all.
- Convolutions and activations are autograd functions of their own, because autograd's keep more
  than the gradient to ws needs: a convolution here keeps nothing of its input, and an activation
  its result alone.
- Constant factors (equalized learning rate) are in the stored weights already; the readers in
  `weights/readers` multiply them in.

Measured at 1024 with config-f's widths, batch 1, one forward and backward pass to ws, on 2 cores
of an AMD EPYC (AVX-512 bf16), torch 2.15, each in a process of its own (seconds, peak of the
process): weights modulated per sample, eager float32 7.98 s, 3.1 GB; ours eager float32 3.55 s,
4.5 GB, and bf16 1.72 s, 3.0 GB; compiled float32 2.46 s, 1.9 GB, and bf16 1.10 s, 1.9 GB, of which
0.9 s are convolutions at the processor's limit. The blur, for 64 -> 32 channels and 512 -> 1024 in
bf16 (forward + backward): after the transposed convolution, as one depthwise convolution 86 + 97
ms, as two 113 + 138, as compiled sums of shifted images 107 + 162; folded into a 6x6 transposed
convolution 123 + 133, into a polyphase 3x3 one 161 + 193. At 512 channels folding costs 3.5 times
as much. So the blur stays by itself.
"""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from ganinv.generators.base import Flow, Generator
from ganinv.generators.frozen_ops import SLOPE, activate, convolve, frozen_conv

GAIN = math.sqrt(2)  # of a leaky ReLU
EPS = 1e-8
ARCHITECTURES = ("skip", "resnet", "orig")


def normalize(x: torch.Tensor) -> torch.Tensor:
    """Scale each row of (N, C) to a mean square of one."""
    return x * (x.square().mean(1, keepdim=True) + EPS).rsqrt()


class Mapping(nn.Module):
    """z (N, z_dim), and labels c (N, c_dim) where there are any, to w (N, w_dim).

    `widths` are the layers' outputs; `c_embed` is the width that labels are embedded to.
    """

    def __init__(self, z_dim: int, c_dim: int, c_embed: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.embed = nn.Linear(c_dim, c_embed) if c_dim else None
        inputs = [z_dim + (c_embed if c_dim else 0), *widths[:-1]]
        self.fc = nn.ModuleList(nn.Linear(a, b) for a, b in zip(inputs, widths, strict=True))

    def forward(self, z: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
        """Map z, and labels where there are any, to w."""
        x = normalize(z)
        if self.embed is not None:
            x = torch.cat([x, normalize(self.embed(c))], 1)  # (N, z_dim + c_embed)
        for layer in self.fc:
            x = F.leaky_relu(layer(x), SLOPE) * GAIN
        return x


class Style(nn.Module):
    """Affine map from w to one scale per channel: (N, w_dim) -> (N, C), float32 always."""

    def __init__(self, w_dim: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, w_dim) / math.sqrt(w_dim))
        self.bias = nn.Parameter(torch.ones(channels))

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        """Give the scales of w."""
        return F.linear(w, self.weight, self.bias)


def per_channel(factors: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Bring factors (N, C) or (C,) to the shape and type to go with x (N, C, H, W)."""
    return factors.to(x.dtype)[..., None, None]


class Blur(nn.Module):
    """The low-pass filter of every upsampling, [1, 3, 3, 1] in both directions, gain 4."""

    kernel: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        self.register_buffer("kernel", torch.outer(taps, taps)[None, None], persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Blur: (N, C, 2H+1, 2W+1) -> (N, C, 2H, 2W)."""
        return self.filter(x)

    def upsample(self, x: torch.Tensor) -> torch.Tensor:
        """Double the size: (N, C, H, W) -> (N, C, 2H, 2W)."""
        return self.filter(x, transposed=True, stride=2)

    def filter(self, x: torch.Tensor, **options: Any) -> torch.Tensor:
        """Convolve each channel by the filter; `options` are those of `frozen_conv`."""
        kernel = self.kernel.repeat(x.shape[1], 1, 1, 1)
        return frozen_conv(x, kernel, padding=1, groups=x.shape[1], **options)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU; doubles the resolution where `up`.

    The weight is (c_out, c_in, 3, 3), or (c_in, c_out, 3, 3) where `up`, as the transposed
    convolution takes it.
    """

    noise: torch.Tensor
    squares: torch.Tensor

    def __init__(
        self,
        w_dim: int,
        c_in: int,
        c_out: int,
        size: int,
        *,
        up: bool,
        clamp: float | None,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.up, self.clamp, self.gain = up, clamp, gain
        self.style = Style(w_dim, c_in)
        self.weight = nn.Parameter(torch.randn((c_in, c_out, 3, 3) if up else (c_out, c_in, 3, 3)))
        self.bias = nn.Parameter(torch.zeros(c_out))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise", torch.randn(1, 1, size, size))
        self.register_buffer("squares", torch.zeros(c_in, c_out), persistent=False)
        self.blur = Blur() if up else None

    def prepare(self) -> None:
        """Compute the sums of squares that demodulation takes."""
        self.squares = self._sum_squares().detach().contiguous()  # (c_in, c_out)

    def _sum_squares(self):
        squares = self.weight.square().sum((2, 3))
        return squares if self.up else squares.T

    def forward(self, x: torch.Tensor, w: torch.Tensor, noise: torch.Tensor | None) -> torch.Tensor:
        """Convolve x (N, c_in, H, W) by the style of w (N, w_dim), with a map or None."""
        style = self.style(w)
        x = x * per_channel(style, x)
        if self.blur is not None:
            x = self.blur(convolve(x, self.weight, transposed=True, stride=2))
        else:
            x = convolve(x, self.weight, padding=1)
        gain = GAIN * self.gain
        squares = self._sum_squares() if self.weight.requires_grad else self.squares
        demodulation = (style.square() @ squares + EPS).rsqrt() * gain  # (N, c_out)
        if noise is not None:
            noise = (noise * (self.noise_strength * gain)).to(x.dtype)
        bias = per_channel(self.bias * gain, x)
        limit = None if self.clamp is None else self.clamp * self.gain
        return activate(x, per_channel(demodulation, x), noise, bias, limit)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to an image's channels, without demodulation."""

    def __init__(self, w_dim: int, c_in: int, c_out: int, clamp: float | None) -> None:
        super().__init__()
        self.clamp = clamp
        self.style = Style(w_dim, c_in)
        self.weight = nn.Parameter(torch.randn(c_out, c_in, 1, 1) / math.sqrt(c_in))
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Give the image (N, c_out, H, W) of x (N, C, H, W), in float32."""
        size = x.shape[2:]
        weight = self.style(w)[:, :, None] * self.weight[:, :, 0, 0].T  # (N, C, c_out)
        rows = x.permute(0, 2, 3, 1).flatten(1, 2)  # (N, H W, C)
        x = (rows @ weight.to(x.dtype)).to(weight.dtype) + self.bias  # (N, H W, c_out)
        x = x.transpose(1, 2).unflatten(2, size)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)


class Block(nn.Module):
    """One resolution: a first convolution that doubles (none at 4x4), a second, an image head.

    `head` is the number of the image's channels, 0 for a block without an image head.
    """

    def __init__(
        self,
        w_dim: int,
        c_in: int,
        c_out: int,
        size: int,
        *,
        architecture: str,
        clamp: float | None,
        head: int,
    ) -> None:
        super().__init__()
        residual = architecture == "resnet" and c_in > 0
        self.conv0 = StyledConv(w_dim, c_in, c_out, size, up=True, clamp=clamp) if c_in else None
        self.conv1 = StyledConv(
            w_dim,
            c_out,
            c_out,
            size,
            up=False,
            clamp=clamp,
            gain=math.sqrt(0.5) if residual else 1.0,
        )
        self.skip = nn.Conv2d(c_in, c_out, 1, bias=False) if residual else None
        self.to_rgb = ToRGB(w_dim, c_out, head, clamp) if head else None
        self.blur = Blur()

    def forward(
        self,
        x: torch.Tensor,
        image: torch.Tensor | None,
        ws: torch.Tensor,
        noise: list[torch.Tensor | None],
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Bring x (N, c_in, H, W) and the image so far, or None, to the same at twice the size.

        `ws` (N, 2 or 3, w_dim) and `noise`, a list of maps or Nones, are those of its layers.
        """
        before = x
        if self.conv0 is not None:
            x = self.conv0(x, ws[:, 0], noise[0])
        x = self.conv1(x, ws[:, -2], noise[-1])
        if self.skip is not None:
            x = x + self.blur.upsample(convolve(before, self.skip.weight)) * math.sqrt(0.5)
        if image is not None:
            image = self.blur.upsample(image)
        if self.to_rgb is None:
            return x, image
        head = self.to_rgb(x, ws[:, -1])
        return x, head if image is None else image + head


def in_colour(image: torch.Tensor) -> torch.Tensor:
    """Make three channels (N, 3, H, W) of 1, 3 or 4 in [-1, 1].

    Grey is repeated. Colour with alpha, -1 transparent and 1 opaque, lies on white.
    """
    if image.shape[1] == 1:
        return image.expand(-1, 3, -1, -1)
    if image.shape[1] == 4:
        alpha = ((image[:, 3:] + 1) / 2).clamp(0, 1)  # (N, 1, H, W)
        return torch.lerp(torch.ones_like(image[:, :3]), image[:, :3], alpha)
    return image


class StyleGAN2(Generator):
    """`channels` lists the widths of the blocks at 4x4, 8x8, … up to the image's resolution.

    `mapping` are the widths of the mapping network's layers, the last of them w_dim; `c_dim` > 0
    makes it conditional. `architecture` is "skip" (an image head per block, summed), "resnet" or
    "orig" (both with a last head only). `conv_clamp` limits activations, as in ADA's fp16 runs.
    `img_channels` is what the network computes: 3, or 1 (grey) or 4 (colour and alpha), of which
    `synthesis` makes the three that every generator here renders (`in_colour`).
    FFHQ at 1024 (config-f): channels 512 five times, then 256, 128, 64, 32; 18 style inputs. The
    first convolution takes index 0, block i takes 2i - 1 and 2i, and its image head 2i + 1.
    """

    mapping_parts = ("mapping_network",)
    blocks: Sequence[Block]  # torch types a ModuleList's items as Tensor | Module

    def __init__(
        self,
        *,
        channels: Sequence[int],
        z_dim: int = 512,
        mapping: Sequence[int] = (512,) * 8,
        c_dim: int = 0,
        c_embed: int = 0,
        architecture: str = "skip",
        conv_clamp: float | None = None,
        img_channels: int = 3,
    ) -> None:
        if img_channels not in (1, 3, 4):
            raise ValueError(f"images have 1, 3 or 4 channels; got {img_channels}")
        if architecture not in ARCHITECTURES:
            raise ValueError(f"architecture must be one of {', '.join(ARCHITECTURES)}")
        w_dim, blocks = mapping[-1], len(channels)
        super().__init__(
            resolution=4 * 2 ** (blocks - 1), z_dim=z_dim, w_dim=w_dim, num_ws=2 * blocks
        )
        self.c_dim, self.channels = c_dim, tuple(channels)
        self.mapping_network = Mapping(z_dim, c_dim, c_embed, mapping)
        self.const = nn.Parameter(torch.randn(1, channels[0], 4, 4))
        self.blocks = cast(
            Sequence[Block],
            nn.ModuleList(
                Block(
                    w_dim,
                    channels[i - 1] if i else 0,
                    channels[i],
                    4 * 2**i,
                    clamp=conv_clamp,
                    architecture=architecture,
                    head=img_channels if architecture == "skip" or i == blocks - 1 else 0,
                )
                for i in range(blocks)
            ),
        )
        self.prepare()

    def prepare(self) -> None:
        for module in self.modules():
            if isinstance(module, StyledConv):
                module.prepare()

    def style_matrices(self) -> list[list[torch.Tensor]]:
        rows: list[list[torch.Tensor]] = [[] for _ in range(self.num_ws)]
        for i, block in enumerate(self.blocks):
            layers = [block.conv0, block.conv1, block.to_rgb]
            first = 2 * i - 1  # conv0's; the block at 4x4 has none
            for row, layer in enumerate(layers, first):
                if layer is not None:
                    rows[row].append(layer.style.weight)
        return rows

    def mapping(
        self, z: torch.Tensor, c: torch.Tensor | None = None, truncation: float = 1.0
    ) -> torch.Tensor:
        self.check_labels(c)
        return self.broadcast(self.mapping_network(z, c), truncation)

    def feature_shapes(self) -> dict[int, tuple[int, int, int]]:
        # what leaves the last block is read by nothing
        return {4 << i: (c, 4 << i, 4 << i) for i, c in enumerate(self.channels[:-1])}

    @property
    def levels(self) -> int:
        return len(self.blocks)

    def enter(self, ws: torch.Tensor) -> Flow:
        return Flow(self.const.expand(len(ws), -1, -1, -1))

    def level(
        self, index: int, flow: Flow, ws: torch.Tensor, maps: list[torch.Tensor | None]
    ) -> Flow:
        kind = ws.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else ws.dtype
        first = max(2 * index - 1, 0)
        rows, noise = ws[:, first : 2 * index + 2], maps[first : 2 * index + 1]
        with torch.autocast(kind, enabled=False):  # from here on, types are chosen by hand
            return Flow(*self.blocks[index](flow.features.to(dtype), flow.image, rows, noise))

    def leave(self, flow: Flow, ws: torch.Tensor) -> torch.Tensor:
        return in_colour(cast(torch.Tensor, flow.image))  # the last block has an image head

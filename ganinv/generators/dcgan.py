"""DCGAN (Radford, Metz and Chintala 2015, arXiv 1511.06434): z -> image, and its discriminator.

Transposed 4x4 convolutions, each doubling the size from 4x4 on, with BatchNorm and ReLU between
them and tanh at the end; the discriminator is the same ladder down, with leaky ReLUs.

z is the generator's only latent. It meets the protocol with one row as wide as z: `mapping` hands
z on, w_avg is 0 and w_std the root of z_dim, known in closed form since z is standard normal.

Departures from the paper:
- z is normal, not uniform, as everywhere in this project;
- z is projected by a linear layer, which is the transposed convolution of a 1x1 map;
- the discriminator ends in a score without a sigmoid: it belongs to the loss;
- its normalization is a choice. BatchNorm lets each score depend on the whole batch, so that the
  gradient penalty, taken for each image, would penalize another function: under it the layers are
  normalized image by image (Gulrajani et al. 2017, arXiv 1704.00028, section 4). Under spectral
  normalization (Miyato et al. 2018, arXiv 1802.05957) there is none, since one that divides by a
  spread gives back the slope that the weights were denied.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganinv.generators.base import Flow, Generator
from ganinv.images.pixels import at_least_float32

SPREAD = 0.02  # of the weights at the start (section 4 of the paper)
SLOPE = 0.2
WIDEST = 8  # the most channels, in multiples of `width`
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "layer": lambda channels: nn.GroupNorm(1, channels),  # over all of an image, affine by channel
    "none": lambda channels: nn.Identity(),
}


def channels(resolution: int, width: int) -> list[int]:
    """List the widths from 4x4 to half the resolution: 512, 256, 128, 64 at 64x64 for width 64.

    Raises ValueError unless the resolution is a power of two, 8 or more.
    """
    if resolution < 8 or resolution & (resolution - 1):
        raise ValueError(f"resolution is a power of two, 8 or more; got {resolution}")
    levels = int(math.log2(resolution)) - 2
    return [width * min(2**i, WIDEST) for i in reversed(range(levels))]


class DCGAN(Generator):
    """z (N, z_dim) -> images (N, 3, resolution, resolution) in (-1, 1).

    Calling it renders z. In training mode BatchNorm takes the statistics of the batch, else those
    that are stored with the weights.
    """

    styled = False

    def __init__(self, *, resolution: int = 64, width: int = 64, z_dim: int = 128) -> None:
        super().__init__(resolution=resolution, z_dim=z_dim, w_dim=z_dim, num_ws=1)
        self.w_std.fill_(math.sqrt(z_dim))
        self.widths = widths = channels(resolution, width)
        self.project = nn.Linear(z_dim, 16 * widths[0], bias=False)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=b == 3)
            for a, b in zip(widths, [*widths[1:], 3], strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(c) for c in widths)
        self.apply(_start)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Render z (N, z_dim)."""
        return self.synthesis(self.mapping(z))

    def mapping(
        self, z: torch.Tensor, c: torch.Tensor | None = None, truncation: float = 1.0
    ) -> torch.Tensor:
        self.check_labels(c)
        return self.broadcast(z, truncation)

    def feature_shapes(self) -> dict[int, tuple[int, int, int]]:
        return {4 << i: (c, 4 << i, 4 << i) for i, c in enumerate(self.widths)}

    def enter(self, ws: torch.Tensor) -> Flow:
        x = self.project(ws[:, 0]).view(len(ws), 4, 4, -1).permute(0, 3, 1, 2)  # (N, C, 4, 4)
        return Flow(x)

    def level(
        self, index: int, flow: Flow, ws: torch.Tensor, maps: list[torch.Tensor | None]
    ) -> Flow:
        x = flow.features if index == 0 else self.up[index - 1](flow.features)  # (N, C', 2H, 2W)
        return Flow(F.relu(self.norms[index](x)))

    def leave(self, flow: Flow, ws: torch.Tensor) -> torch.Tensor:
        return at_least_float32(self.up[-1](flow.features)).tanh()


class DCGANDiscriminator(nn.Module):
    """Images (N, 3, resolution, resolution) -> scores (N,), any real numbers.

    `norm` is "batch", "layer" or "none", between the convolutions; `spectral` divides every
    weight by its largest singular value, found by power iteration.
    """

    def __init__(
        self,
        *,
        resolution: int = 64,
        width: int = 64,
        norm: str = "batch",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        widths = channels(resolution, width)[::-1]
        bias = norm == "none"
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1, bias=bias or a == 3)
            for a, b in zip([3, *widths], widths, strict=False)
        )
        self.norms = nn.ModuleList([nn.Identity(), *map(NORMS[norm], widths[1:])])
        self.score = nn.Linear(16 * widths[-1], 1)
        self.apply(_start)
        if spectral:
            for layer in (*self.down, self.score):
                spectral_norm(layer)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Score images, one number each."""
        x = images
        for down, norm in zip(self.down, self.norms, strict=True):
            x = F.leaky_relu(norm(down(x)), SLOPE)  # (N, C, H/2, W/2)
        return at_least_float32(self.score(x.flatten(1))[:, 0])


def _start(layer):
    if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, std=SPREAD)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)

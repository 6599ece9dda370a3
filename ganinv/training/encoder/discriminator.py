"""The discriminator of eq. 3 (Zhu et al. 2020, arXiv 2004.00049): real images against G(E(x)).

Its losses lie in `losses.adversarial`: in the paper's code they are StyleGAN's, non-saturating with
R1; so they are here.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn


class Discriminator(nn.Module):
    """Images (N, 3, size, size) -> scores (N,). Residual blocks that halve the size down to 4x4."""

    def __init__(self, *, size: int, width: int = 32, widest: int = 128) -> None:
        super().__init__()
        steps = int(math.log2(size)) - 2
        widths = [min(width * 2**i, widest) for i in range(steps + 1)]
        self.first = nn.Conv2d(3, widths[0], 3, padding=1)
        pairs = zip(widths, widths[1:], strict=False)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in pairs)
        self.last = nn.Linear(widths[-1] * 16, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(images), 0.2)
        for block in self.blocks:
            x = block(x)
        return self.last(x.flatten(1))[:, 0]


class _Block(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, H/2, W/2)."""

    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_in, 3, padding=1)
        self.conv2 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.skip = nn.Conv2d(c_in, c_out, 1, bias=False)

    def forward(self, x):
        y = F.leaky_relu(self.conv1(x), 0.2)
        y = F.avg_pool2d(F.leaky_relu(self.conv2(y), 0.2), 2)
        return (y + self.skip(F.avg_pool2d(x, 2))) / math.sqrt(2)

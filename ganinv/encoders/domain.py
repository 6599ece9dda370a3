"""The domain-guided encoder: image -> W+ near the generator's own W.

Zhu et al. 2020, In-Domain GAN Inversion (arXiv 2004.00049): an encoder trained with the generator
frozen so that G(E(x)) gives x back, against a discriminator (eqs. 2 and 3; `training/encoder`).

Departures from the paper's code:
- the trunk is VGG16, frozen, with the weights LPIPS uses; only a head is trained, and only the head
  is stored. The paper trains a ResNet from nothing, on 8 GPUs;
- codes are one vector w for all style inputs plus one offset per input. That form, the penalty on
  the offsets' length and unlocking them one input after another while training, from the coarse
  ones to the fine, are taken from e4e (Tov et al. 2021, arXiv 2102.02766, section 4): codes that
  stay near W can be edited.
"""

import copy
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import nn

from ganinv.encoders.base import Encoder
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize
from ganinv.losses.lpips import Lpips, load_lpips

LEVELS = (1, 2, 3, 4)  # of VGG16's five: relu2_2, relu3_3, relu4_3, relu5_3
WIDTHS = (128, 256, 512, 512)


class DomainEncoder(Encoder):
    """Images (N, 3, H, W) in [-1, 1], `resolution` or larger -> codes (N, num_ws, w_dim).

    Each level of VGG16, seen at `view` pixels, is brought to `channels` by a 1x1 convolution and to
    `grid` x `grid` by averaging. From all of them w is linear, and the offsets pass through
    `hidden` units. `unlocked` is how many style inputs have an offset, from the coarsest on.
    The trunk comes from the weights lpips-vgg, `attach_trunk`, and is no part of the state dict.
    """

    w_avg: torch.Tensor

    def __init__(
        self,
        *,
        resolution: int,
        num_ws: int,
        w_dim: int,
        view: int = 128,
        grid: int = 8,
        channels: int = 32,
        hidden: int = 160,
    ) -> None:
        super().__init__()
        self.resolution, self.num_ws, self.w_dim = resolution, num_ws, w_dim
        self.view, self.grid, self.unlocked = view, grid, num_ws
        self.reduce = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in WIDTHS)
        size = len(LEVELS) * channels * grid**2
        self.base = nn.Linear(size, w_dim)
        self.hidden = nn.Linear(size, hidden)
        self.offsets = nn.Linear(hidden, num_ws * w_dim)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.offsets.bias)
        self.register_buffer("w_avg", torch.zeros(w_dim))
        self.trunk: Lpips | None = None

    def attach_trunk(self) -> Self:
        """Give it VGG16, frozen, from the weights lpips-vgg. Raises WeightsError without them."""
        self.trunk = copy.deepcopy(load_lpips("vgg", "cpu")).to(self.w_avg.device)
        return self

    def head(self) -> dict[str, torch.Tensor]:
        """Give what is trained and stored: the state dict without the trunk."""
        state = self.state_dict()
        return {name: x for name, x in state.items() if not name.startswith("trunk.")}

    def see(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Give the features of each level: a list of (N, width, grid, grid)."""
        self.check_images(images)
        images = box_resize(images, self.view)
        if self.trunk is None:
            raise RuntimeError("the encoder has no trunk; call attach_trunk first")
        levels = self.trunk.backbone(self.trunk.scaling(images))
        pooled = [F.adaptive_avg_pool2d(levels[i], self.grid) for i in LEVELS]
        return [x.to(self.w_avg.dtype) for x in pooled]

    def gather(self, levels: list[torch.Tensor]) -> torch.Tensor:
        """Give the features that codes are made from: (N, size)."""
        return torch.cat([r(x).flatten(1) for r, x in zip(self.reduce, levels, strict=True)], 1)

    def codes(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give w (N, 1, w_dim) and the offsets from it (N, num_ws, w_dim)."""
        w = self.w_avg + self.base(features)
        offsets = self.offsets(F.gelu(self.hidden(features)))
        offsets = offsets.view(-1, self.num_ws, self.w_dim)
        locked = torch.arange(self.num_ws, device=offsets.device) >= self.unlocked
        return w[:, None], offsets.masked_fill(locked[:, None], 0.0)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Bring images to codes (N, num_ws, w_dim). Raises ValueError for ones that do not fit."""
        w, offsets = self.codes(self.gather(self.see(images)))
        return w + offsets  # (N, num_ws, w_dim)


def domain_config(generator: Generator, **changes: Any) -> dict[str, Any]:
    """Find the sizes that suit a generator; see `DomainEncoder`."""
    resolution = min(generator.resolution, 256)
    view = min(resolution, 128)
    sizes = dict(view=view, grid=max(view // 16, 1))
    rows = dict(resolution=resolution, num_ws=generator.num_ws, w_dim=generator.w_dim)
    return rows | sizes | changes

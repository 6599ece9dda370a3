"""The images an encoder is trained on: drawn from the generator, changed so that not all of them
lie on its manifold, and photographs.

A drawn image has a known latent. A changed one has none, but G(E(x)) is compared with x itself
(eq. 2), which needs no latent: so pieces of two images are put together, moved and given other
colours, since photographs, too, are more than the generator can draw.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ganinv.errors import ImageError, ParamsError
from ganinv.generators.base import Generator
from ganinv.images.alignment import load_image
from ganinv.images.pixels import from_uint8, to_uint8
from ganinv.training.checks import check_images

OF_PHOTOGRAPHS = 0.2  # the share by which photographs are changed


def draw_ws(
    generator: Generator,
    count: int,
    rng: torch.Generator,
    *,
    truncation: tuple[float, float] = (0.5, 1.0),
    mixing: float = 0.4,
) -> tuple[Tensor, Tensor]:
    """Draw latents (count, num_ws, w_dim), and which of them (count,) are one w for all rows.

    Truncation is uniform between two values. A share `mixing` takes the rows from a random one on
    from a second w (style mixing, Karras et al. 2019, arXiv 1812.04948, section 3.1).
    """
    low, high = truncation
    psi = low + (high - low) * torch.rand(count, 1, 1, generator=rng)
    pair = []
    for _ in range(2):
        z = torch.randn(count, generator.z_dim, generator=rng).to(generator.device)
        ws = generator.mapping(z, generator.random_labels(count, rng))
        pair.append(torch.lerp(generator.w_avg.expand_as(ws), ws, psi.to(ws)))
    mixed = torch.rand(count, generator=rng) < mixing * (generator.num_ws > 1)
    first = torch.randint(1, max(generator.num_ws, 2), (count,), generator=rng)
    first = torch.where(mixed, first, generator.num_ws)  # the first row of the second w
    second = torch.arange(generator.num_ws) >= first[:, None]
    ws = torch.where(second[..., None].to(generator.device), pair[1], pair[0])
    return ws.contiguous(), ~mixed


def change(images: Tensor, rng: torch.Generator, share: float) -> Tensor:
    """Change images (N, 3, H, W): half of them mirrored, others composed, moved, recoloured.

    `share` is the probability of each of the three; 0 leaves everything as it is, mirrors too.
    """
    if not share or not len(images):
        return images
    draw = _Draws(rng, images)
    images = torch.where(draw.chance(0.5), images.flip(3), images)
    images = torch.where(draw.chance(share), _compose(images, draw), images)
    images = torch.where(draw.chance(share), _move(images, draw), images)
    return torch.where(draw.chance(share), _recolour(images, draw), images)


class _Draws:
    """Random numbers of the shape (N, ..., 1), from a CPU generator, on the images' device."""

    def __init__(self, rng, images):
        self.rng, self.images, self.count = rng, images, len(images)

    def uniform(self, low, high, channels=1):
        drawn = torch.rand(self.count, channels, 1, 1, generator=self.rng)
        return (low + (high - low) * drawn).to(self.images)

    def chance(self, share):
        return self.uniform(0, 1) < share

    def normal(self, size):
        return torch.randn(self.count, 1, size, size, generator=self.rng).to(self.images)


def _compose(images, draw):
    """The middle of each image before the next one, or one colour, behind a soft ragged edge."""
    size = images.shape[-1]
    line = torch.linspace(-1, 1, size, device=images.device)
    x, y = line[None, None, None, :], line[None, None, :, None] - 0.15  # faces sit low
    radius = (x / draw.uniform(0.6, 0.9)).square() + (y / draw.uniform(0.8, 1.1)).square()
    ragged = 0.35 * F.interpolate(draw.normal(6), size=size, mode="bicubic")
    front = (8 * (1 - radius + ragged)).sigmoid()  # (N, 1, H, W)
    behind = torch.where(draw.chance(0.3), draw.uniform(-1, 1, 3), images.roll(1, 0).flip(2))
    return front * images + (1 - front) * behind


def _move(images, draw):
    """Turn by 6 degrees at most, scale by 7 % and shift by 2 %: what alignment gets wrong."""
    angle, scale = draw.uniform(-0.1, 0.1)[:, 0, 0], draw.uniform(0.93, 1.07)[:, 0, 0]
    shift = draw.uniform(-0.04, 0.04, 2)[:, :, 0]
    cos, sin = angle.cos() * scale, angle.sin() * scale
    turn = torch.stack((torch.cat((cos, -sin), 1), torch.cat((sin, cos), 1)), 1)  # (N, 2, 2)
    grid = F.affine_grid(torch.cat((turn, shift), 2), images.shape, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _recolour(images, draw):
    """Other saturation, contrast, white balance and brightness."""
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * draw.uniform(0.3, 1.3)
    images = images * draw.uniform(0.75, 1.25) * draw.uniform(0.85, 1.15, 3)
    return (images + draw.uniform(-0.15, 0.15) + draw.uniform(-0.08, 0.08, 3)).clamp(-1, 1)


class Photographs:
    """The photographs of folders and named sets, aligned and decoded once, as uint8.

    Files that cannot be used are left out, and `say` is told which. Raises ParamsError where none
    can be.
    """

    def __init__(
        self,
        sources: Sequence[str | Path],
        size: int,
        say: Callable[[str], object],
        *,
        align: bool = True,
    ) -> None:
        self.images: list[np.ndarray] = []  # uint8 (size, size, 3)
        for path in check_images("photographs", *sources):
            try:
                image = load_image(path, size, align=align)
            except (ImageError, OSError) as error:
                say(f"notice: left out: {error}")
                continue
            self.images.append(to_uint8(image))
        if not self.images:
            raise ParamsError(f"photographs: no usable image in {', '.join(map(str, sources))}")

    def draw(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw `count` of them (count, 3, size, size) in [-1, 1], with repetition."""
        chosen = torch.randint(len(self.images), (count,), generator=rng).tolist()
        return from_uint8(np.stack([self.images[i] for i in chosen])).contiguous()


def share_of(count: int, share: float) -> int:
    """Count what `share` of `count` is, rounded up, and never all of them unless share is 1."""
    return min(math.ceil(count * share), count if share >= 1 else count - 1)

"""DiffAugment: the same random changes to real and to generated images, for both networks.

Zhao, Liu, Lin, Zhu and Han 2020, "Differentiable Augmentation for Data-Efficient GAN Training"
(arXiv 2006.10738), eqs. 4 to 6: D sees changed images only, real or not, also when G learns from
it, so that it cannot learn the few real ones by heart. Every change is differentiable, and G's
gradient passes through it. Images lie in [-1, 1] and may leave it; all that is drawn is drawn for
each image anew, from a generator of random numbers on the CPU: where the images are a part of a
batch, for all of that. To add a change, write its function and its row of CHANGES.

Departure from the paper: under a gradient penalty, that is taken between changed images.

Nothing here imports torch before an image is changed: parameters are checked against the table.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ganinv.compute.processes import Part

if TYPE_CHECKING:
    from torch import Generator, Tensor

# images (N, 3, S, S) -> images like them
Change = Callable[["Tensor", "Generator", Part | None], "Tensor"]
BRIGHTNESS = 0.5  # the most that is added, on [-1, 1]
SATURATION = 0.0, 2.0  # the factors of each pixel's distance to its grey
CONTRAST = 0.5, 1.5  # and to the image's mean
SHIFT = 1 / 8  # of the side, at most
HOLE = 1 / 2  # of the side
NONE = "none"


def change_colours(images: "Tensor", rng: "Generator", part: Part | None = None) -> "Tensor":
    """Change brightness, saturation and contrast of images (N, 3, S, S), in this order.

    With the grey g of a pixel and the mean m of the image, x + b becomes g + b + s (x - g), and
    that m + b + c (... - m - b): c s x + c (1 - s) g + (1 - c) m + b, in half of the time.
    """
    import torch

    added = _uniform(images, -BRIGHTNESS, BRIGHTNESS, rng, part)  # (N, 1, 1, 1), as those below
    saturation = _uniform(images, *SATURATION, rng, part)
    contrast = _uniform(images, *CONTRAST, rng, part)
    grey = images.mean(1, keepdim=True)  # (N, 1, S, S)
    even = (1 - contrast) * grey.mean((2, 3), keepdim=True) + added
    greys = torch.addcmul(even, contrast * (1 - saturation), grey)
    return torch.addcmul(greys, contrast * saturation, images)


def shift(images: "Tensor", rng: "Generator", part: Part | None = None) -> "Tensor":
    """Shift images (N, C, S, S) by whole pixels, up to an eighth of the side; zeros come in."""
    import torch
    import torch.nn.functional as F

    size = images.shape[-1]
    most = round(SHIFT * size)
    corners = _draw(
        images, part, lambda n: torch.randint(2 * most + 1, (n, 2), generator=rng)
    ).tolist()
    padded = F.pad(images, [most] * 4).unbind(0)
    shifted = [
        image[:, y : y + size, x : x + size] for image, (y, x) in zip(padded, corners, strict=True)
    ]
    return torch.stack(shifted)


def cut_out(images: "Tensor", rng: "Generator", part: Part | None = None) -> "Tensor":
    """Put zeros into a square of images (N, C, S, S), of half their side, wherever its centre."""
    import torch

    size = images.shape[-1]
    hole = round(HOLE * size)
    centres = _draw(images, part, lambda n: torch.randint(size + 1, (n, 2, 1), generator=rng))
    starts = centres - hole // 2
    away = torch.arange(size) - starts  # (N, 2, S)
    inside = (away >= 0) & (away < hole)
    holes = inside[:, 0, :, None] & inside[:, 1, None, :]  # (N, S, S)
    return images * ~holes[:, None].to(images.device)


CHANGES: dict[str, Change] = {"color": change_colours, "translation": shift, "cutout": cut_out}


def read_changes(text: str) -> tuple[str, ...]:
    """Split "color,translation,cutout", any of CHANGES in any order, or "none": ().

    Raises ValueError for other names, and for one that comes twice.
    """
    if text == NONE:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= CHANGES.keys() or len(set(names)) < len(names):
        raise ValueError(f"none, or some of {', '.join(CHANGES)}, each once, with commas between")
    return names


def augment(
    images: "Tensor", names: tuple[str, ...], rng: "Generator", part: Part | None = None
) -> "Tensor":
    """Apply changes to images (N, 3, S, S), one after another; without any, nothing is drawn.

    `part` says which rows of a batch the images are; None stands for all of them.
    """
    for name in names:
        images = CHANGES[name](images, rng, part)
    return images


def _draw(images, part, sample):
    """Numbers for images, of those that `sample(n)` draws for the whole batch."""
    return sample(len(images)) if part is None else part.of(sample(part.whole))


def _uniform(images, low, high, rng, part):
    """Numbers (N, 1, 1, 1) between two, one for each image."""
    import torch

    drawn = _draw(images, part, lambda n: torch.rand(n, 1, 1, 1, generator=rng))
    return (low + (high - low) * drawn).to(images)

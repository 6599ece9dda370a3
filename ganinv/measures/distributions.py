"""How like one set of images is to another: FID, KID, precision, recall, and what they miss.

All are taken on features of both sets. FID (Heusel et al. 2017, arXiv 1706.08500, eq. 6) and KID
(Bińkowski et al. 2018, arXiv 1801.01401: the squared MMD of the kernel (x·y / D + 1)^3, unbiased,
mean and spread over random subsets) are torchmetrics', to which features pass through an identity.
Precision and recall are those of Kynkäänniemi et al. 2019 (arXiv 1904.06991, eq. 1 and 2, k = 3),
which no library of this project has.

Departure from all of them: the features (`FEATURES`). Of VGG16's levels, plain or of unit length,
at 64x64 or enlarged, they were chosen by 128 faces of the student at 64x64 against 128 others that
were blurred, noised, faded, blended in pairs, had one half shifted, or repeated a few: FID and KID
rise with the strength of each. The levels below saw more of a slight blur, but counted it as more
than a collapse and gave it a precision and recall near 0.

FID of finite sets is above that of their distributions, the more so the smaller they are: compare
it at one number of images only. KID has no such bias, and may fall below 0.
"""

import math
import warnings

import numpy as np
import torch
from torch import nn

from ganinv.images.pixels import from_uint8
from ganinv.losses.lpips import load_lpips

FEATURES = (
    "VGG16's fifth level (relu5_3) as LPIPS sees it, of length sqrt(512) at every pixel, averaged "
    "over the image: 512 numbers; these are not Inception figures"
)
BATCH = 64  # images at a time
BLOCK = 1024  # rows of a distance matrix at a time
NEIGHBOURS = 3  # k of arXiv 1904.06991
KID_SUBSETS, KID_SUBSET = 50, 1000
ROUNDING = 1e-10  # of the features' variance: below it, squared distances are equal


@torch.no_grad()
def set_features(
    images: np.ndarray, device: str | torch.device = "cpu", *, batch: int = BATCH
) -> torch.Tensor:
    """Compute features (N, 512), float32 on the CPU, of uint8 images (N, S, S, 3), S at least 16.

    `images` may be memory-mapped: `batch` of them are read at a time. Raises ValueError for
    others.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        wrong = f"{images.dtype} {images.shape}"
        raise ValueError(f"images are {wrong}; features are taken of uint8 (N, S, S, 3)")
    if min(images.shape[1:3]) < 16:
        raise ValueError("images have fewer than 16 pixels a side, too few for VGG16")
    lpips, parts = load_lpips("vgg", torch.device(device)), []
    for start in range(0, len(images), batch):
        pixels = from_uint8(np.array(images[start : start + batch]), device)  # (n, 3, S, S)
        level = lpips.targets(pixels)[-1]  # (n, 512, S / 16, S / 16)
        parts.append(level.mean((2, 3)).cpu() * math.sqrt(level.shape[1]))
    return torch.cat(parts)


def compare_sets(real: torch.Tensor, fake: torch.Tensor, *, seed: int) -> dict[str, float]:
    """Compare features (N, D) and (M, D) by FID, KID, precision and recall.

    Returns fid, kid, kid_std (KID's spread over subsets), precision and recall. `seed` draws the
    subsets, of at most 1000 images and half of the smaller set. Raises ValueError for fewer than
    8 images of a kind.
    """
    # importing it takes two seconds
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    smaller = min(len(real), len(fake))
    if smaller < 8:
        raise ValueError(f"sets of {len(real)} and {len(fake)} images are too small to compare")
    real, fake = real.cpu().double(), fake.cpu().double()
    given = _Given(real.shape[1])
    subset = min(KID_SUBSET, smaller // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # KID's, that it keeps the features
        kid = KernelInceptionDistance(
            feature=given, subsets=KID_SUBSETS, subset_size=subset, sync_on_compute=False
        )
    # of a training by several processes the first alone is here: others would be waited for
    fid = FrechetInceptionDistance(feature=given, sync_on_compute=False)
    for metric in (fid, kid):
        metric.update(real, real=True)
        metric.update(fake, real=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kid_mean, kid_std = kid.compute()
    return {
        "fid": fid.compute().item(),
        "kid": kid_mean.item(),
        "kid_std": kid_std.item(),
        "precision": coverage(fake, real),
        "recall": coverage(real, fake),
    }


class _Given(nn.Identity):
    """Features that are there already, in the form of a network that torchmetrics asks for."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features


def coverage(points: torch.Tensor, reference: torch.Tensor, *, block: int = BLOCK) -> float:
    """Compute the share of points (N, D) that lie on the manifold of reference (M, D).

    It is the union of balls around every reference, each as large as the distance to its third
    nearest other. Of fakes among reals this is precision, of reals among fakes recall.
    Distances are computed for `block` rows at a time.
    """
    points, reference = points.double(), reference.double()
    radii = _radii(reference, block) + ROUNDING * reference.var(0).sum()  # (M,)
    inside = [(part <= radii).any(1) for part in _squared_distances(points, reference, block)]
    return torch.cat(inside).double().mean().item()


def nearest(
    real: torch.Tensor, fake: torch.Tensor, *, block: int = BLOCK
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the nearest of real (N, D) to each of fake (M, D): its index (M,) and distance (M,).

    Distances near 0 tell of images learned by heart, few different indices of a collapse.
    """
    real, fake = real.double(), fake.double()
    index = torch.cat([part.argmin(1) for part in _squared_distances(fake, real, block)])
    return index, (fake - real[index]).norm(dim=1)


def diversity(real: torch.Tensor, fake: torch.Tensor, *, block: int = BLOCK) -> float:
    """Divide the mean distance between two of fake (M, D) by that between two of real (N, D).

    It is 1 where fakes differ as much as reals, 0 where all are the same.
    """
    return (_mean_distance(fake.double(), block) / _mean_distance(real.double(), block)).item()


def _mean_distance(x, block):
    total = sum(part.sqrt().sum() for part in _squared_distances(x, x, block, own=0.0))
    return total / (len(x) * (len(x) - 1))


def _radii(x, block):
    """The squared distance (N,) of each row of x (N, D) to its third nearest other."""
    parts = _squared_distances(x, x, block, own=float("inf"))
    return torch.cat([part.kthvalue(NEIGHBOURS, dim=1).values for part in parts])


def _squared_distances(a, b, block, own=None):
    """Yield squared distances (n, M) of rows of a (N, D), `block` at a time, to b (M, D).

    Where `a` is `b`, `own` is put in place of a row's distance to itself.
    """
    centre = b.mean(0)  # large norms would cost digits
    a, b = a - centre, b - centre
    squares = b.square().sum(1)  # (M,)
    for number, part in enumerate(a.split(block)):
        distances = part.square().sum(1, keepdim=True) + squares - 2 * part @ b.T
        if own is not None:
            distances.diagonal(number * block).fill_(own)
        yield distances.clamp_(min=0)

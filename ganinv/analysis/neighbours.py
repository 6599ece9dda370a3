"""Whether samples of a GAN are copies: how near they lie to the images that it was trained on.

A distance by itself says nothing, so it is compared with that of the set's own images from their
nearest others: samples of a generator that learnt the distribution, and no image by heart, lie as
near to the set as its images lie to each other. Distances are those of the features of
`measures.distributions`. A training mirrors images, so a sample is compared mirrored, too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv.measures.distributions import set_features

REFERENCES = 256  # images of the set, at most, whose nearest others are looked for
NEAR = 0.05  # the share of them that lie nearer than the distance below which samples are counted


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The nearest images of samples: `index` (N,) in the set, `distances` (N,) from them.

    `usual` (M,) are the distances of images of the set from their nearest others.
    """

    index: Tensor
    distances: Tensor
    usual: Tensor

    @property
    def different(self) -> int:
        """The number of different images that are the nearest to a sample."""
        return len(set(self.index.tolist()))

    @property
    def near(self) -> int:
        """The number of samples that lie nearer to an image than `NEAR` of the images do."""
        return int((self.distances < self.usual.quantile(NEAR)).sum())

    def summary(self) -> dict[str, Any]:
        """List the figures, to be written as JSON."""
        return {
            "samples": len(self.distances),
            "different": self.different,
            "near": self.near,
            "distance": _described(self.distances),
            "between_images": _described(self.usual),
        }


def _described(distances):
    return {"median": distances.quantile(0.5).item(), "least": distances.min().item()}


def find_neighbours(
    samples: np.ndarray,
    images: np.ndarray,
    device: str = "cpu",
    *,
    references: int = REFERENCES,
) -> Neighbours:
    """Find the nearest of the images (N, S, S, 3) to each of the samples (M, S, S, 3), all uint8.

    The nearest others are found of as many images as `references`, spread evenly. Raises ValueError
    for fewer than two images.
    """
    if len(images) < 2:
        raise ValueError(f"{len(images)} images have no nearest others; give two at least")
    known = set_features(images, device).double()  # (N, 512)
    distances, index = _distances(samples, known, device).min(1)
    chosen = np.linspace(0, len(images) - 1, min(len(images), references)).round().astype(int)
    others = _distances(images[chosen], known, device)  # (R, N)
    others[torch.arange(len(chosen)), torch.from_numpy(chosen)] = float("inf")  # from themselves
    return Neighbours(index=index, distances=distances, usual=others.min(1).values)


def _distances(images, known, device):
    """The distance (M, N) of each image, or of its mirror image if that is nearer, to `known`."""
    either = [
        torch.cdist(
            set_features(each, device).double(),
            known,
            compute_mode="donot_use_mm_for_euclid_dist",  # that one loses digits near 0
        )
        for each in (images, images[:, :, ::-1])
    ]
    return torch.minimum(*either)

"""The closed-form start of the encoder: w as ridge regression on the trunk's features.

From 4,300 drawn images this explains 56 % of W's variance on held-out ones, in one solve; a small
network from nothing takes thousands of steps to get there. The hidden units, from which offsets
are learned, begin as the features' principal components, each of variance 1.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ganinv.encoders.domain import DomainEncoder

FIRST = 64  # images from which the 1x1 convolutions take their directions
LEAST = 1e-3  # of the first component's spread; what is below is rounding


@torch.no_grad()
def fit_head(encoder: DomainEncoder, levels: Sequence[Tensor], w: Tensor, strength: float) -> None:
    """Set the 1x1 convolutions, the linear map to w (N, w_dim), w_avg subtracted, and `hidden`.

    `levels` are the trunk's features of the same images, each (N, width, grid, grid), in half
    precision to spare memory.
    """
    for reduce, level in zip(encoder.reduce, levels, strict=True):
        _principal(reduce, level)
    parts = zip(*(level.split(256) for level in levels), strict=True)
    features = torch.cat([encoder.gather([x.float() for x in part]) for part in parts])
    weight, bias = ridge(features, w, strength)
    encoder.base.weight.copy_(weight)
    encoder.base.bias.copy_(bias)
    _whiten(encoder.hidden, features)


def _whiten(hidden, features):
    """Make a linear layer the features' principal components, each of variance 1.

    Components beyond the features' rank stay as they were drawn.
    """
    mean, count = features.mean(0), len(features)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the method is a randomized one
        most = min(hidden.out_features, *features.shape)
        _, spread, directions = torch.pca_lowrank(features - mean, q=most, center=False)
    spread, directions = spread[: count - 1], directions[:, : count - 1]
    real = spread > LEAST * spread[:1]
    units = (directions[:, real] * math.sqrt(count) / spread[real]).T  # (up to hidden, size)
    hidden.weight[: len(units)].copy_(units)
    hidden.bias[: len(units)].copy_(-units @ mean)


def _principal(reduce, level):
    """Make a 1x1 convolution the first principal directions of features (N, C, g, g)."""
    few = level[:FIRST].float().permute(0, 2, 3, 1).flatten(0, 2)  # (N g g, C)
    mean = few.mean(0)
    directions = torch.linalg.svd(few - mean, full_matrices=False).Vh
    chosen = directions[: reduce.out_channels] / (few - mean).std()
    reduce.weight[: len(chosen)].copy_(chosen[:, :, None, None])
    reduce.bias[: len(chosen)].copy_(-chosen @ mean)


def ridge(features: Tensor, wanted: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Regress with a ridge: (weight (out, in), bias (out,)) of least squares with a penalty.

    features (N, in), wanted (N, out); the penalty is `strength` times the mean squared length of
    a centred row (or, where rows outnumber columns, of a column). Solved in the smaller space.
    """
    mean, centre = features.mean(0), wanted.mean(0)
    x, y = features - mean, wanted - centre
    wide = x.shape[0] < x.shape[1]
    gram = x @ x.T if wide else x.T @ x
    gram.diagonal().add_(strength * gram.diagonal().mean())
    solve = torch.linalg.solve
    weight = (x.T @ solve(gram, y) if wide else solve(gram, x.T @ y)).T.contiguous()
    return weight, centre - weight @ mean

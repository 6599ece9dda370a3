"""Pictures whose contents move, and what flow says of them."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, shift

SIDE = 64


def texture(seed=0, side=SIDE + 32):
    """A smooth random picture on [0, 1], larger than what is cut from it."""
    rough = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 2)
    return ((rough - rough.min()) / (rough.max() - rough.min())).astype(np.float32)


def cut(picture, down, right):
    """The middle of a picture whose contents have moved by whole pixels."""
    return picture[16 - down : 16 - down + SIDE, 16 - right : 16 - right + SIDE]


def moved_by(picture, down, right):
    """The middle of a picture whose contents have moved, by parts of pixels too."""
    return cut(shift(picture, (down, right), order=1), 0, 0).copy()


def shift_of(down, right, side=SIDE):
    """The flow that says where a picture, moved by whole pixels, was: against the move."""
    flow = torch.zeros(2, side, side)
    flow[0], flow[1] = -down / side, -right / side
    return flow

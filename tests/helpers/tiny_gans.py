"""Trainings of tiny GANs on discs, by mean colours for features."""

import numpy as np
import torch
from safetensors.torch import load_file

from ganinv.errors import ParamsError

SIZE = 16
TINY = dict(
    images="discs",
    resolution=SIZE,
    width=4,
    z_dim=8,
    batch=8,
    steps=6,
    grid=3,
    measure_count=0,
    device="cpu",
    precision="float32",
    log_every=0,
    save_every=100,
)


def discs(count=40, size=SIZE, seed=0):
    """Discs of many colours on dark grounds: uint8 (count, size, size, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    images = []
    for _ in range(count):
        inside = (x**2 + y**2 < (size * rng.uniform(0.2, 0.45)) ** 2)[..., None]
        images.append(np.where(inside, rng.integers(60, 255, 3), rng.integers(0, 60, 3)))
    return np.array(images, np.uint8)


class Sets(dict):
    """The sets that trainings read, {name: array}; only these are known."""

    def load(self, images, size, *, align=False, say):
        """Stand in for `load_image_set`."""
        if images not in self:
            raise ParamsError(f"there is no folder {images}")
        assert self[images].shape[1:] == (size, size, 3)
        return self[images]


class Compared(list):
    """Features are mean colours; the list gains what is compared: real, fake, seed."""

    def features(self, images, device="cpu"):
        """Stand in for `set_features`."""
        assert images.dtype == np.uint8 and images.shape[1:] == (SIZE, SIZE, 3)
        return torch.from_numpy(images).float().mean((1, 2)) / 255

    def compare(self, real, fake, *, seed):
        """Stand in for `compare_sets`."""
        self.append((real, fake, seed))
        distance = (real.mean(0) - fake.mean(0)).norm().item()
        return {"fid": distance, "kid": distance / 2, "precision": 0.5, "recall": 0.25}


def weights_of(folder):
    """All tensors of a training's checkpoint."""
    return load_file(folder / "checkpoint.safetensors")

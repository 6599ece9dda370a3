"""Pictures for tests: sample photographs, noise, files."""

import numpy as np
import torch
from PIL import Image

from ganinv.paths import project_root


def write_photo(path, seed=0, size=(48, 40)):
    """Write a small smooth colour picture, another for each seed; return its path."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(40, 216, (4, 4, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse.resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def picture(path):
    """A file's pixels (H, W, 3), 8 bits."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def sample(name, size=96):
    """A sample photograph's centre, as a tensor (1, 3, size, size) in [-1, 1]."""
    with Image.open(project_root() / "data" / "samples" / name) as image:
        side = min(image.size)
        box = (0, 0, side, side)
        pixels = np.array(image.convert("RGB").resize((size, size), box=box), np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1


def noise(seed, n=2, size=64):
    """Uniform noise (n, 3, size, size) in [-1, 1]."""
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, size, size, generator=rng) * 2 - 1

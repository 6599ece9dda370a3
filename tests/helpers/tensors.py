"""Random tensors and the like, for tests of trainings."""

import numpy as np
import torch


def seeded(seed=0):
    """A CPU generator of random numbers."""
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    """Standard normal numbers, float32."""
    return torch.randn(*shape, generator=seeded(seed))


def doubles(*shape, seed=0):
    """Standard normal numbers, float64."""
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def noise(seed, n=4, size=32):
    """Images (n, 3, size, size) of independent pixels, uniform on [-1, 1]."""
    return torch.rand(n, 3, size, size, generator=seeded(seed)) * 2 - 1


def sigmoid(x):
    """1 / (1 + exp -x) of numbers or numpy arrays."""
    return 1 / (1 + np.exp(-x))


def eight_bits(images):
    """Images in [-1, 1] on the clamped 8-bit grid."""
    return ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


def assert_same(a, b):
    """Two dicts of tensors are the same to the bit."""
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name


def quiet(text):
    """A `say` that says nothing."""

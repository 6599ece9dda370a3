"""What several tests check: JSON as it should be, differences of images."""

import json
import math

import torch


def strict_json(path):
    """Read JSON that must not hold NaN or Infinity."""

    def refuse(token):
        raise AssertionError(f"{path} holds {token}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def psnr(a, b):
    """Peak signal-to-noise ratio of two tensors in [-1, 1], in dB."""
    return 10 * math.log10(4 / (a - b).square().mean().item())


def assert_same_bits(a, b):
    """Two inversions are equal, but for the time that they took."""
    assert torch.equal(a.latent, b.latent) and torch.equal(a.image, b.image)
    assert a.metrics == b.metrics and a.best_loss == b.best_loss
    assert [row["loss"] for row in a.history] == [row["loss"] for row in b.history]

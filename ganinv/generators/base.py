"""The protocol every generator meets: latent -> image, frozen, with W's mean and spread attached.

Everything above this package (latents, the inversion loop, figures) reads layer counts,
widths and resolutions from these attributes and never from a constant.
"""

import math

import torch
from torch import nn

NOISE_MODES = ("const", "random", "none")


class Generator(nn.Module):
    """Base of all generators.

    Attributes: `name`; `sha256` of the weight file ("" when built in memory); `resolution` in
    pixels; `z_dim`; `w_dim`; `num_ws`, the number of style inputs; buffers `w_avg` (w_dim,), the
    mean of W, and `w_std` (), the root of the mean squared distance to it.

    Subclasses implement `mapping` and `synthesis`. Inputs and outputs are on the module's device,
    float32; images are (N, 3, H, W) in about [-1, 1], not clamped.
    """

    name = ""
    sha256 = ""

    def __init__(self, *, resolution, z_dim, w_dim, num_ws):
        super().__init__()
        self.resolution, self.z_dim, self.w_dim, self.num_ws = resolution, z_dim, w_dim, num_ws
        self.register_buffer("w_avg", torch.zeros(w_dim))
        self.register_buffer("w_std", torch.ones(()))

    def mapping(self, z, c=None, truncation=1.0):
        """Map z (N, z_dim), and labels c where the model has them, to ws (N, num_ws, w_dim)."""
        raise NotImplementedError

    def synthesis(self, ws, noise="const"):
        """Render ws (N, num_ws, w_dim) to images (N, 3, resolution, resolution).

        `noise` is "const" (the stored maps), "random" (drawn anew) or "none".
        """
        raise NotImplementedError

    @property
    def device(self):
        return self.w_avg.device

    def broadcast(self, w, truncation=1.0):
        """Repeat w (N, w_dim) for every style input: (N, num_ws, w_dim), pulled to w_avg.

        w_avg + truncation * (w - w_avg), the truncation trick of StyleGAN (arXiv 1812.04948, B).
        """
        if truncation != 1.0:
            w = torch.lerp(self.w_avg, w, truncation)
        return w[:, None].expand(-1, self.num_ws, -1)  # (N, num_ws, w_dim)


def freeze(generator):
    """Put a generator into the state inversion expects: eval mode, no gradients to weights."""
    return generator.eval().requires_grad_(False)


@torch.no_grad()
def measure_w(generator, samples=10_000, seed=0):
    """Set `w_avg` and `w_std` from `samples` draws of z with a fixed seed.

    Computed in float64 and rounded once, so that machines agree.
    """
    z = torch.randn(samples, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    generator.double()
    w = torch.cat([generator.mapping(part)[:, 0] for part in z.double().split(1000)])  # (S, w_dim)
    w_avg = w.mean(0)
    w_std = math.sqrt((w - w_avg).square().sum(1).mean())
    generator.float()
    generator.w_avg.copy_(w_avg)
    generator.w_std.fill_(w_std)


def check_noise(noise):
    if noise not in NOISE_MODES:
        raise ValueError(f"noise must be one of {', '.join(NOISE_MODES)}; got {noise!r}")

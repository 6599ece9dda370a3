"""The plain code that benchmarks compare with: it computes the same as ours."""

import numpy as np
import torch

from ganinv.bench.generators import config_f
from ganinv.bench.plain import plain_synthesis, upfirdn2d


def test_both_variants_compute_the_same():
    generator = config_f(32).double()  # in float32 the plain code's gradient is off by 8e-4
    generator.prepare()
    rng = torch.Generator().manual_seed(1)
    ws = generator.mapping(torch.randn(2, 512, generator=rng).double()).contiguous()
    results = []
    for render in (generator.synthesis, lambda ws: plain_synthesis(generator, ws)):
        leaf = ws.clone().requires_grad_(True)
        image = render(leaf)
        image.square().mean().backward()
        results.append((image.detach(), leaf.grad))
    for ours, plain in zip(*results, strict=True):
        assert (ours - plain).abs().max() <= 1e-9 * plain.abs().max()


def test_upfirdn2d_of_one_pixel_by_hand():
    x = torch.zeros(1, 1, 2, 2)
    x[0, 0, 1, 1] = 1
    row = np.array([0, 1, 3, 3]) / 4  # the taps around column 2 of 4, the last one cut off
    np.testing.assert_allclose(upfirdn2d(x, up=2, pad=(2, 1))[0, 0], np.outer(row, row), atol=1e-7)

"""StyleGAN2 as the paper writes it, against which ours is compared."""

import copy

import torch

from ganinv.bench.plain import plain_synthesis
from helpers.networks import assert_close


def random_maps(generator, count, seed=2):
    """Noise maps, by turns one for all images and one for each."""
    random = torch.Generator().manual_seed(seed)
    stored = enumerate(generator.noise_maps().items())
    return {
        name: torch.randn(count if i % 2 else 1, *x.shape[1:], generator=random)
        for i, (name, x) in stored
    }


def images_and_gradients(synthesis, ws, maps):
    """Images, and the gradients of a fixed random sum over their pixels to ws and to each map."""
    inputs = [x.clone().requires_grad_(True) for x in (ws, *maps.values())]
    images = synthesis(inputs[0], dict(zip(maps, inputs[1:], strict=True)))
    random = torch.Generator().manual_seed(7)
    probe = torch.randn(images.shape, generator=random, dtype=torch.float32)
    return images.detach(), *torch.autograd.grad((images * probe).sum(), inputs)


def assert_matches_plain_synthesis(generator, ws, maps):
    """In float32 the images; in float64, where no rounding carries a value across a bend, all."""
    with torch.no_grad():
        assert_close(generator.synthesis(ws, maps), plain_synthesis(generator, ws, maps), 2e-5)
    generator = copy.deepcopy(generator).double()
    generator.prepare()
    ws, maps = ws.double(), {name: x.double() for name, x in maps.items()}
    torch.set_default_dtype(torch.float64)  # of the filter that plain_synthesis makes
    try:
        got = images_and_gradients(generator.synthesis, ws, maps)
        wanted = images_and_gradients(lambda *x: plain_synthesis(generator, *x), ws, maps)
    finally:
        torch.set_default_dtype(torch.float32)
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype == torch.float64
        assert_close(a, b, 1e-9)

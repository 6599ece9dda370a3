"""Random StyleGAN2 networks, and how far two tensors are apart."""

import re

import torch

from ganinv.generators.base import freeze
from ganinv.generators.stylegan2 import StyleGAN2

ARCHITECTURES = ("skip", "resnet", "orig")


SMALL = dict(channels=[24, 16, 12, 8], z_dim=16, mapping=[18, 20])


@torch.no_grad()
def random_stylegan2(seed=0, **changes):
    """A frozen StyleGAN2 with random weights, biases and noise strengths: 32x32, w_dim 20."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = StyleGAN2(**SMALL | changes)
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.copy_(torch.rand(()) * 0.4 + 0.1)
            if name.endswith("bias"):
                parameter.add_(torch.randn_like(parameter) * 0.2)
        generator.w_avg.normal_()
        return freeze(generator)


def random_ws(generator, count, seed=1):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, generator.num_ws, generator.w_dim, generator=random)


def distance(a, b):
    """The norm of a - b beside that of b."""
    assert a.shape == b.shape
    return ((a - b).norm() / b.norm()).item()


def assert_close(got, wanted, tolerance=1e-4):
    """Within `tolerance` of the largest absolute value, as the vectors' README asks."""
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() <= tolerance * wanted.abs().max()


TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0])


def network_of(config, state):
    """The frozen generator of what a reader returned: nothing missing but the measures of w."""
    generator = StyleGAN2(**config)
    missing, unexpected = generator.load_state_dict(state, strict=False)
    assert set(missing) <= {"w_avg", "w_std"} and not unexpected
    return freeze(generator)


def assert_same_network(got, wanted):
    """The same numbers under the same names, up to rounding, and so the same images."""
    ours, theirs = got.state_dict(), wanted.state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"w_avg", "w_std"}:
        assert_close(ours[name], theirs[name], 1e-6)
    ws = random_ws(wanted, 2)
    assert_close(got.synthesis(ws), wanted.synthesis(ws), 1e-5)


def without(*patterns):
    """A function that leaves out of a dict the names that begin with one of the patterns."""

    def keep(name):
        return not any(re.match(pattern, name) for pattern in patterns)

    return lambda variables: {name: x for name, x in variables.items() if keep(name)}

"""Adversarial losses: closed forms, finite differences."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from ganinv.generators.dcgan import DCGANDiscriminator
from ganinv.losses.adversarial import (
    OBJECTIVES,
    gradient_penalty,
    logistic_discriminator,
    nonsaturating_generator,
    r1_penalty,
)
from ganinv.training.encoder.discriminator import Discriminator
from helpers.tensors import doubles, noise, normal, seeded, sigmoid

FORMULAS = {  # as the papers print them, by numpy; gradients are theirs by hand
    "nonsaturating": (
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
        lambda f: -np.log(sigmoid(f)).mean(),
        lambda f: sigmoid(f) - 1,
    ),
    "minimax": (
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
        lambda f: np.log(1 - sigmoid(f)).mean(),
        lambda f: -sigmoid(f),
    ),
    "lsgan": (
        lambda r, f: 0.5 * np.mean((r - 1) ** 2) + 0.5 * np.mean(f**2),
        lambda f: 0.5 * np.mean((f - 1) ** 2),
        lambda f: f - 1,
    ),
    "wgan-gp": (
        lambda r, f: f.mean() - r.mean(),
        lambda f: -f.mean(),
        lambda f: -np.ones_like(f),
    ),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(),
        lambda f: -f.mean(),
        lambda f: -np.ones_like(f),
    ),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_are_the_papers_formulas(name):
    real, fake = 2 * doubles(50, seed=1), 2 * doubles(30, seed=2)
    for_discriminator, for_generator, slope = FORMULAS[name]
    discriminator, generator = OBJECTIVES[name].discriminator, OBJECTIVES[name].generator
    a, b = real.numpy(), fake.numpy()
    assert discriminator(real, fake).item() == pytest.approx(for_discriminator(a, b), abs=1e-12)
    fake.requires_grad_()
    loss = generator(fake)
    assert loss.item() == pytest.approx(for_generator(b), abs=1e-12)
    (gradient,) = torch.autograd.grad(loss, fake)
    assert np.allclose(gradient.numpy(), slope(b) / 30, atol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_are_those_of_finite_differences(name):
    real, fake = 2 * doubles(6, seed=3), 2 * doubles(6, seed=4)
    discriminator, generator = OBJECTIVES[name].discriminator, OBJECTIVES[name].generator
    real.requires_grad_(), fake.requires_grad_()
    assert torch.autograd.gradcheck(discriminator, (real, fake))
    assert torch.autograd.gradcheck(generator, (fake,))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_of_extreme_scores_are_finite(name):
    far = torch.tensor([-200.0, 200.0])
    discriminator, generator = OBJECTIVES[name].discriminator, OBJECTIVES[name].generator
    assert math.isfinite(discriminator(far, far)) and math.isfinite(generator(far))


# Two distributions on three points, as batches that hold each point in proportion: the lowest loss
# of a discriminator that scores every point as it likes is a known divergence of the two.
P, Q = torch.tensor([1, 4, 5]), torch.tensor([6, 2, 2])


def lowest(name):
    """(loss at a scores table, its gradient), for tables that the papers say are the best."""
    p, q = P.double() / 10, Q.double() / 10
    tables = {
        "nonsaturating": (p / q).log(),
        "minimax": (p / q).log(),
        "lsgan": p / (p + q),
        "hinge": (p - q).sign(),
    }
    table = tables[name].requires_grad_()
    real, fake = (torch.repeat_interleave(table, counts) for counts in (P, Q))
    loss = OBJECTIVES[name].discriminator(real, fake)
    return loss.item(), torch.autograd.grad(loss, table)[0], p.numpy(), q.numpy()


@pytest.mark.parametrize("name", ["nonsaturating", "minimax"])
def test_best_logistic_discriminator_measures_the_jensen_shannon_divergence(name):
    loss, gradient, p, q = lowest(name)
    middle = (p + q) / 2
    divergence = (p * np.log(p / middle) + q * np.log(q / middle)).sum() / 2
    assert loss == pytest.approx(math.log(4) - 2 * divergence)
    assert gradient.abs().max() < 1e-12


def test_best_least_squares_and_hinge_discriminators_are_those_of_the_papers():
    loss, gradient, p, q = lowest("lsgan")
    assert loss == pytest.approx((p * q / (p + q)).sum() / 2)
    assert gradient.abs().max() < 1e-12
    loss, _, p, q = lowest("hinge")
    assert loss == pytest.approx(2 * np.minimum(p, q).sum())


def test_slope_1_measures_how_far_apart_two_points_are():
    real, fake = torch.full((4,), 5.0), torch.full((4,), 2.0)
    assert OBJECTIVES["wgan-gp"].discriminator(real, fake).item() == -3  # D(x) = x
    assert gradient_penalty(lambda x: x, real, fake, torch.rand(4)).item() == 0


def smooth(seed=5, width=12):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(width, 7), nn.Tanh(), nn.Linear(7, 1))
    return net.double()


def test_penalty_of_a_plane_is_its_slope():
    slope = doubles(3, 2, 2)
    real, fake = doubles(5, 3, 2, 2, seed=1), doubles(5, 3, 2, 2, seed=2)
    penalty = gradient_penalty(
        lambda x: (x * slope).sum((1, 2, 3)), real, fake, torch.rand(5).double()
    )
    assert penalty.item() == pytest.approx((slope.norm().item() - 1) ** 2)


def test_penalty_is_taken_between_the_images():
    """Of D(x) = |x|^2 / 2 the gradient is x: the penalty tells where it was taken."""
    real, fake = doubles(4, 3, 2, 2, seed=1), doubles(4, 3, 2, 2, seed=2)
    share = torch.tensor([0.0, 1.0, 0.25, 0.5]).double()
    found = gradient_penalty(lambda x: x.square().sum((1, 2, 3)) / 2, real, fake, share)
    wanted = [
        (np.linalg.norm(e * r + (1 - e) * f) - 1) ** 2
        for e, r, f in zip(share.numpy(), real.numpy(), fake.numpy(), strict=True)
    ]
    assert found.item() == pytest.approx(np.mean(wanted))


@torch.no_grad()
def finite_penalty(net, points, step=1e-5):
    """The penalty at `points` (N, 3, 2, 2), every slope by central differences."""
    slopes = torch.zeros(len(points), points[0].numel(), dtype=torch.float64)
    for i in range(points[0].numel()):
        moved = torch.zeros(points[0].numel(), dtype=torch.float64)
        moved[i] = step
        moved = moved.view_as(points[0])
        slopes[:, i] = (net(points + moved) - net(points - moved))[:, 0] / (2 * step)
    return (slopes.norm(dim=1) - 1).square().mean()


def test_penalty_and_its_gradient_to_the_weights_are_those_of_finite_differences():
    net, share = smooth(), torch.rand(4, generator=seeded(3)).double()
    real, fake = doubles(4, 3, 2, 2, seed=1), doubles(4, 3, 2, 2, seed=2)
    points = share.view(4, 1, 1, 1) * real + (1 - share.view(4, 1, 1, 1)) * fake
    penalty = gradient_penalty(lambda x: net(x)[:, 0], real, fake, share)
    assert penalty.item() == pytest.approx(finite_penalty(net, points).item(), rel=1e-6)
    penalty.backward()
    for weight in (net[1].weight, net[1].bias, net[3].weight):
        flat, gradient = weight.data.view(-1), weight.grad.view(-1)
        for i in range(0, len(flat), 5):
            kept, values = flat[i].item(), []
            for moved in (kept + 1e-4, kept - 1e-4):
                flat[i] = moved
                values.append(finite_penalty(net, points).item())
            flat[i] = kept
            slope = (values[0] - values[1]) / 2e-4
            assert gradient[i].item() == pytest.approx(slope, rel=1e-4, abs=1e-7)
    assert not net[3].bias.grad  # a constant has no slope


@pytest.mark.parametrize("norm", ["layer", "none", "batch"])
def test_penalty_is_each_images_own_unless_scores_depend_on_the_batch(norm):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = DCGANDiscriminator(resolution=16, width=4, norm=norm).double()
        for layer in net.down:
            layer.weight.data.mul_(10)
    real, fake = doubles(6, 3, 16, 16, seed=1), doubles(6, 3, 16, 16, seed=2)
    share = torch.rand(6, generator=seeded()).double()
    whole = gradient_penalty(net, real, fake, share).item()
    pairs = zip(real.split(2), fake.split(2), share.split(2), strict=True)
    parts = np.mean([gradient_penalty(net, *pair).item() for pair in pairs])
    assert (whole == pytest.approx(parts, rel=1e-9)) == (norm != "batch")


def test_penalty_moves_no_generator():
    net, fake, real = smooth(), doubles(4, 3, 2, 2).requires_grad_(), doubles(4, 3, 2, 2, seed=1)
    gradient_penalty(lambda x: net(x)[:, 0], real, fake, torch.rand(4).double()).backward()
    assert fake.grad is None and net[1].weight.grad.any()


# --- the encoder's pair, and R1


def build_discriminator(size, **widths):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Discriminator(size=size, **widths)


def test_losses_are_the_non_saturating_ones():
    fake, real = torch.tensor([-3.0, 0.5, 4.0]), torch.tensor([2.0, -1.0])
    generator = np.log1p(np.exp([3.0, -0.5, -4.0])).mean()
    judged = np.log1p(np.exp([-3.0, 0.5, 4.0])).mean() + np.log1p(np.exp([-2.0, 1.0])).mean()
    assert nonsaturating_generator(fake).item() == pytest.approx(generator)
    assert logistic_discriminator(real, fake).item() == pytest.approx(judged)


def test_losses_pull_against_each_other():
    values = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(nonsaturating_generator(values), values)
    assert torch.allclose(gradient, -torch.sigmoid(-values) / 3)  # up, where it is low most
    loss = logistic_discriminator(torch.zeros(2), values)
    (gradient,) = torch.autograd.grad(loss, values)
    assert torch.allclose(gradient, torch.sigmoid(values) / 3)


def test_penalty_of_a_linear_discriminator_is_its_squared_length():
    a, real = normal(3, 8, 8), noise(0, n=5, size=8)
    penalty = r1_penalty(lambda x: (x * a).sum((1, 2, 3)), real)
    assert penalty.shape == () and not real.requires_grad
    assert penalty.item() == pytest.approx(a.square().sum().item(), rel=1e-5)


def test_penalty_of_a_quadratic_discriminator():
    a, real = normal(3, 8, 8), noise(1, n=5, size=8)
    penalty = r1_penalty(lambda x: (a * x.square()).sum((1, 2, 3)), real)
    wanted = (2 * a * real).square().sum((1, 2, 3)).mean()
    assert penalty.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_penalty_matches_finite_differences():
    discriminator, real = build_discriminator(8, width=4).double(), noise(2, 1, 8).double()
    steps = 1e-5 * torch.eye(192).double().view(192, 3, 8, 8)
    with torch.no_grad():
        slopes = (discriminator(real + steps) - discriminator(real - steps)) / 2e-5
    assert r1_penalty(discriminator, real).item() == pytest.approx(
        slopes.square().sum().item(), rel=1e-4
    )


def test_penalty_has_a_gradient_for_the_weights():
    discriminator, real = build_discriminator(8, width=4).double(), noise(3, 2, 8).double()
    weight = discriminator.blocks[0].conv1.weight
    (gradient,) = torch.autograd.grad(r1_penalty(discriminator, real), weight)
    direction = normal(*weight.shape, seed=5).double()
    ends = []
    for step in (1e-6, -1e-6):
        moved = copy.deepcopy(discriminator)
        moved.blocks[0].conv1.weight.data += step * direction
        ends.append(r1_penalty(moved, real).item())
    wanted = (ends[0] - ends[1]) / 2e-6
    assert (gradient * direction).sum().item() == pytest.approx(wanted, rel=1e-3)

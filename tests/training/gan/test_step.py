"""One step of a GAN: by hand, and on a ring of Gaussians."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from ganinv.losses.adversarial import OBJECTIVES
from ganinv.training.gan.step import average_weights, averaging_decay, gan_step
from helpers.tensors import doubles, seeded, sigmoid


class Point(nn.Module):
    """A generator that draws one number, whatever z; and a discriminator with one slope."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))

    def forward(self, x):
        return self.value + 0 * x


class Slope(Point):
    def forward(self, x):
        return self.value * x


BY_HAND = {  # the derivative of each loss by the scores: real, fake; the generator's
    "nonsaturating": (lambda s: sigmoid(s) - 1, sigmoid, lambda s: sigmoid(s) - 1),
    "minimax": (lambda s: sigmoid(s) - 1, sigmoid, lambda s: -sigmoid(s)),
    "lsgan": (lambda s: s - 1, lambda s: s, lambda s: s - 1),
    "wgan-gp": (lambda s: -1, lambda s: 1, lambda s: -1),
    "hinge": (lambda s: -1 if s < 1 else 0, lambda s: 1 if s > -1 else 0, lambda s: -1),
}


@pytest.mark.parametrize("critic_steps", [1, 3])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_step_on_one_number_is_that_of_a_hand(name, critic_steps):
    """The Dirac GAN (arXiv 1801.04406, section 3): D first, by its gradient; then G, against it."""
    theta, psi, truth, rate, weight = 0.3, 0.6, 1.2, 0.1, 4.0
    nets = Point(theta), Slope(psi)
    row = gan_step(
        *nets,
        [torch.optim.SGD(net.parameters(), lr=rate) for net in nets],
        lambda: torch.full((5,), truth, dtype=torch.float64),
        lambda: torch.zeros(5, dtype=torch.float64),
        objective=name,
        critic_steps=critic_steps,
        gp_weight=weight,
        rng=seeded(),
    )
    of_real, of_fake, of_generator = BY_HAND[name]
    for _ in range(critic_steps):
        gradient = of_real(psi * truth) * truth + of_fake(psi * theta) * theta
        scores = psi * truth, psi * theta
        if name == "wgan-gp":
            gradient += weight * 2 * (abs(psi) - 1) * np.sign(psi)
        psi -= rate * gradient
    uphill = of_generator(psi * theta) * psi
    assert nets[1].value.item() == pytest.approx(psi)
    assert nets[0].value.item() == pytest.approx(theta - rate * uphill)
    assert (row["real"], row["fake"]) == pytest.approx(scores)
    assert row["discriminator_gradient"] == pytest.approx(abs(gradient))
    assert row["generator_gradient"] == pytest.approx(abs(uphill))
    assert ("penalty" in row) == (name == "wgan-gp")
    assert all(type(value) is float for value in row.values())


def test_losses_in_the_row_are_those_of_the_scores():
    nets = Point(0.3), Slope(0.6)
    row = gan_step(
        *nets,
        [torch.optim.SGD(net.parameters(), lr=0.1) for net in nets],
        lambda: torch.full((5,), 1.2, dtype=torch.float64),
        lambda: torch.zeros(5, dtype=torch.float64),
        objective="wgan-gp",
        gp_weight=4,
        rng=seeded(),
    )
    assert row["penalty"] == pytest.approx(0.4**2)
    assert row["discriminator"] == pytest.approx(0.6 * (0.3 - 1.2) + 4 * 0.4**2)
    assert row["generator"] == pytest.approx(-nets[1].value.item() * 0.3)


class Watched(nn.Module):
    """Notes of each call its first number, autocast, and whether weights take gradients."""

    def __init__(self, net, name, calls):
        super().__init__()
        self.net, self.name, self.calls = net, name, calls

    def forward(self, x):
        grad = next(self.parameters()).requires_grad
        cast = torch.is_autocast_enabled("cpu")
        out = self.net(x)
        self.calls.append((self.name, x.flatten()[0].item(), cast, grad, out.dtype))
        return out


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_discriminator_sees_real_then_fake_and_last_its_generators_own(precision):
    calls, drawn = [], iter(range(100))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        scores = nn.Sequential(nn.Linear(2, 1), nn.Flatten(0))
        nets = Watched(nn.Linear(2, 2), "G", calls), Watched(scores, "D", calls)
    gan_step(
        *nets,
        [torch.optim.Adam(net.parameters()) for net in nets],
        lambda: torch.full((3, 2), 1000.0 + next(drawn)),
        lambda: torch.full((3, 2), float(next(drawn))),
        objective="hinge",
        critic_steps=2,
        rng=seeded(),
        precision=precision,
    )
    assert [name for name, *_ in calls] == list("GDDGDDGD")
    reals = [x for name, x, *_ in calls if name == "D" and x > 900]
    assert reals == [1000.0, 1002.0]
    assert [x for name, x, *_ in calls if name == "G"] == [1.0, 3.0, 4.0]  # never the same z twice
    assert all(cast == (precision == "bf16") for _, _, cast, _, _ in calls)
    wanted = torch.bfloat16 if precision == "bf16" else torch.float32
    assert all(dtype == wanted for *_, dtype in calls)
    assert [grad for name, _, _, grad, _ in calls if name == "D"] == [True] * 4 + [False]
    weights = [p for net in nets for p in net.parameters()]
    assert all(p.dtype == torch.float32 and p.requires_grad for p in weights)


def test_each_optimizer_steps_as_often_as_it_should():
    nets = Point(0.3), Slope(0.6)
    adams = [torch.optim.Adam(net.parameters()) for net in nets]
    number = lambda: torch.ones(2, dtype=torch.float64)  # noqa: E731
    gan_step(*nets, adams, number, number, objective="lsgan", critic_steps=4, rng=seeded())
    steps = [adam.state_dict()["state"][0]["step"].item() for adam in adams]
    assert steps == [1, 4]


def test_half_of_a_weight_is_left_after_the_half_life():
    decay = averaging_decay(6400, 64, 10**6)
    assert decay**100 == pytest.approx(0.5)
    assert averaging_decay(0, 64, 1) == 0
    early = averaging_decay(6400, 64, 200)  # 12,800 images seen: a half-life of 640
    assert early**10 == pytest.approx(0.5)
    decays = [averaging_decay(6400, 64, step) for step in (1, 10, 100, 1000, 2000, 4000)]
    assert decays == sorted(decays) and decays[-1] == decays[-2] == decay


def test_average_is_the_weighted_mean():
    weights = [doubles(4, 3, seed=i) for i in range(4)]
    net = nn.Linear(3, 4, bias=False).double()
    net.weight.data.copy_(weights[0])
    average = copy.deepcopy(net)
    for weight in weights[1:]:
        net.weight.data.copy_(weight)
        average_weights(average, net, 0.7)
    wanted = 0.343 * weights[0] + 0.147 * weights[1] + 0.21 * weights[2] + 0.3 * weights[3]
    assert torch.allclose(average.weight, wanted)
    average_weights(average, net, 0.0)
    assert torch.equal(average.weight, net.weight)


SPREAD = 0.1
ANGLES = torch.arange(8) * math.pi / 4
CENTRES = torch.stack((ANGLES.cos(), ANGLES.sin()), 1)


def layers(c_in, c_out, width=128):
    return nn.Sequential(
        nn.Linear(c_in, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, c_out),
    )


def fit_ring(steps, seed=0, batch=512, **options):
    """Samples (4000, 2) of a small generator's average after `steps` of the package's own step."""
    rng = seeded(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = layers(8, 2)
        discriminator = nn.Sequential(layers(2, 1), nn.Flatten(0))
    nets, average = (generator, discriminator), copy.deepcopy(generator)
    adams = [torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.9)) for net in nets]

    def draw_real():
        chosen = torch.randint(8, (batch,), generator=rng)
        return CENTRES[chosen] + SPREAD * torch.randn(batch, 2, generator=rng)

    def draw_z():
        return torch.randn(batch, 8, generator=rng)

    for _ in range(steps):
        gan_step(*nets, adams, draw_real, draw_z, rng=rng, **options)
        average_weights(average, generator, 0.98)
    with torch.no_grad():
        return average(torch.randn(4000, 8, generator=rng))


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        (1000, dict(objective="wgan-gp", critic_steps=5, gp_weight=1.0, batch=256)),
        (2000, dict(objective="lsgan")),
    ],
    ids=["wgan-gp", "lsgan"],
)
def test_a_ring_of_eight_gaussians_is_learnt(steps, options):
    """Of samples spread evenly along the ring, 64 % would lie so near a centre."""
    distance, nearest = torch.cdist(fit_ring(steps, **options), CENTRES).min(1)
    near = distance < 2.5 * SPREAD
    shares = torch.bincount(nearest[near], minlength=8) / 4000
    assert (shares > 0.04).sum() >= 7, shares
    assert near.float().mean() > 0.75, shares

"""A GAN's objectives and one step of it: closed forms, finite differences, a ring of Gaussians."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from ganinv.generators.dcgan import DCGANDiscriminator
from ganinv.losses.adversarial import OBJECTIVES, gradient_penalty
from ganinv.training.gan.step import average_weights, averaging_decay, gan_step


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def doubles(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


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


# --- the gradient penalty -----------------------------------------------------------------------


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


# --- one step, by hand --------------------------------------------------------------------------


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


# --- the running average ------------------------------------------------------------------------


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


# --- a ring of eight Gaussians ------------------------------------------------------------------

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

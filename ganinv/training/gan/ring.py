"""A ring of eight Gaussians, on which a GAN's mode collapse is seen within seconds.

The classic picture: Metz, Poole, Pfau and Sohl-Dickstein 2017 (arXiv 1611.02163), and Srivastava et
al. 2017 (arXiv 1705.07761), who count modes by samples within three spreads of a centre. Both
networks have two hidden layers; a step is the package's own, `step.gan_step`.

Departures, so that a run takes seconds: the Gaussians are wider (a tenth of the ring's radius, not
a hundredth); z has 8 numbers, not 256. And a mode counts as covered from a fifth of its share of
samples on, where Srivastava et al. ask for one sample: strays would cover a mode.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganinv.seeds import image_rng
from ganinv.training.gan.step import gan_step

MODES = 8
SPREAD = 0.1  # of each Gaussian; the ring's radius is 1
NEAR = 3.0  # spreads from a centre within which a point belongs to its mode
LEAST = 1 / 5  # of a mode's share of points, by which it is covered
Z_DIM, WIDTH = 8, 64
DRAWN = 2000  # points of a look, always of the same z
BETAS = 0.5, 0.9
GP_WEIGHT = 0.5  # lambda of wgan-gp


@dataclass(frozen=True)
class RingLook:
    """What a generator draws after `step` steps: `points` (DRAWN, 2), of the same z each time."""

    step: int
    points: Tensor

    @property
    def modes(self) -> int:
        """The number of modes that they cover."""
        return covered_modes(self.points)


def centres() -> Tensor:
    """Return the Gaussians' means, (MODES, 2), evenly on the circle of radius 1."""
    angles = torch.arange(MODES) * (2 * math.pi / MODES)
    return torch.stack((angles.cos(), angles.sin()), 1)


def draw_ring(count: int, rng: torch.Generator) -> Tensor:
    """Draw points (count, 2) of the mixture, each Gaussian as likely as the others."""
    chosen = torch.randint(MODES, (count,), generator=rng)
    return centres()[chosen] + SPREAD * torch.randn(count, 2, generator=rng)


def covered_modes(points: Tensor) -> int:
    """Count the modes, 0 to MODES, that points (N, 2) cover.

    A mode has the points within `NEAR` spreads of its centre that are nearest to it, and is covered
    where these are `LEAST` of N / MODES, or more.
    """
    distance, nearest = torch.cdist(points, centres().to(points)).min(1)
    counts = torch.bincount(nearest[distance < NEAR * SPREAD], minlength=MODES)
    return int((counts >= LEAST * len(points) / MODES).sum())


def fit_ring(
    *,
    objective: str = "nonsaturating",
    lr_generator: float = 1e-3,
    lr_discriminator: float = 5e-3,
    steps: int = 600,
    batch: int = 128,
    seed: int = 0,
    looks: Collection[int] = (),
) -> list[RingLook]:
    """Train two small networks on the ring; return looks after the steps `looks`, and the last.

    `objective` is a name of `losses.adversarial.OBJECTIVES`; step 0 is the start. The same seed
    gives the same points on one CPU.
    """
    rng = image_rng(seed, "ring")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = _layers(Z_DIM, 2)
        discriminator = nn.Sequential(_layers(2, 1), nn.Flatten(0))
    adams = [
        torch.optim.Adam(network.parameters(), lr=rate, betas=BETAS)
        for network, rate in ((generator, lr_generator), (discriminator, lr_discriminator))
    ]
    zs, found = torch.randn(DRAWN, Z_DIM, generator=rng), []
    for step in range(steps + 1):
        if step in looks or step == steps:
            with torch.no_grad():
                found.append(RingLook(step, generator(zs)))
        if step < steps:
            gan_step(
                generator,
                discriminator,
                adams,
                lambda: draw_ring(batch, rng),
                lambda: torch.randn(batch, Z_DIM, generator=rng),
                objective=objective,
                gp_weight=GP_WEIGHT,
                rng=rng,
            )
    return found


def _layers(c_in, c_out):
    return nn.Sequential(
        nn.Linear(c_in, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, c_out),
    )

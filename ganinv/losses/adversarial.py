"""What two networks that work against each other lower, and the table of a GAN's objectives.

An objective is a pair of functions of scores (N,), as the discriminator gives them, to scalars: the
discriminator's loss, of real and of fake scores, and the generator's, of fake scores. Below, x is a
real image, D a score without a sigmoid, s the sigmoid, E a mean. To add an objective, write its
pair of functions and its row of OBJECTIVES. The first row's pair also trains the encoder.

Nothing here imports torch before a loss is computed: parameters are checked against the table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Scorer = Callable[["Tensor"], "Tensor"]  # images (N, ...) -> scores (N,)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A row of OBJECTIVES: what the two networks lower, and what belongs to it.

    `label` stands in tables and figures, `params` is its file in params/. `penalized` says whether
    `gradient_penalty` is added to the discriminator's loss, `norm` is the normalization of its
    discriminator (see `generators.dcgan`) where that has no spectral one.
    """

    label: str
    discriminator: "Callable[[Tensor, Tensor], Tensor]"
    generator: "Callable[[Tensor], Tensor]"
    params: str
    penalized: bool = False
    norm: str = "batch"


def logistic_discriminator(real: "Tensor", fake: "Tensor") -> "Tensor":
    """-E log s(D(x)) - E log(1 - s(D(G(z)))): Goodfellow et al. 2014 (arXiv 1406.2661), eq. 1."""
    return _softplus(-real).mean() + _softplus(fake).mean()


def nonsaturating_generator(fake: "Tensor") -> "Tensor":
    """-E log s(D(G(z))): the same paper, end of section 3, as it is used in practice."""
    return _softplus(-fake).mean()


def minimax_generator(fake: "Tensor") -> "Tensor":
    """E log(1 - s(D(G(z)))): eq. 1 itself. Its gradient vanishes where D tells fakes apart."""
    return -_softplus(fake).mean()


def least_squares_discriminator(real: "Tensor", fake: "Tensor") -> "Tensor":
    """E (D(x) - 1)^2 / 2 + E D(G(z))^2 / 2: Mao et al. 2017 (arXiv 1611.04076), eq. 9."""
    return (real - 1).square().mean() / 2 + fake.square().mean() / 2


def least_squares_generator(fake: "Tensor") -> "Tensor":
    """E (D(G(z)) - 1)^2 / 2: the same equation."""
    return (fake - 1).square().mean() / 2


def wasserstein_discriminator(real: "Tensor", fake: "Tensor") -> "Tensor":
    """E D(G(z)) - E D(x): Arjovsky et al. 2017 (arXiv 1701.07875), eq. 2, as a loss.

    Of all functions D of slope 1 or less, the lowest is minus the Wasserstein-1 distance;
    `gradient_penalty` holds the slope.
    """
    return fake.mean() - real.mean()


def wasserstein_generator(fake: "Tensor") -> "Tensor":
    """-E D(G(z)): the same paper, eq. 3; hinge's generator has the same."""
    return -fake.mean()


def hinge_discriminator(real: "Tensor", fake: "Tensor") -> "Tensor":
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))): Lim and Ye 2017 (arXiv 1705.02894).

    Eq. 16 of Miyato et al. 2018 (arXiv 1802.05957), whose eq. 17 is the generator's.
    """
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


OBJECTIVES = {
    "nonsaturating": Objective(
        label="GAN",
        discriminator=logistic_discriminator,
        generator=nonsaturating_generator,
        params="gan_nonsaturating.yaml",
    ),
    "minimax": Objective(
        label="GAN, minimax",
        discriminator=logistic_discriminator,
        generator=minimax_generator,
        params="gan_minimax.yaml",
    ),
    "lsgan": Objective(
        label="LSGAN",
        discriminator=least_squares_discriminator,
        generator=least_squares_generator,
        params="gan_lsgan.yaml",
    ),
    "wgan-gp": Objective(
        label="WGAN-GP",
        discriminator=wasserstein_discriminator,
        generator=wasserstein_generator,
        params="gan_wgan_gp.yaml",
        penalized=True,
        norm="layer",
    ),
    "hinge": Objective(
        label="hinge",
        discriminator=hinge_discriminator,
        generator=wasserstein_generator,
        params="gan_hinge_sn.yaml",
    ),
}


def gradient_penalty(
    discriminator: Scorer, real: "Tensor", fake: "Tensor", mixture: "Tensor"
) -> "Tensor":
    """E (|dD/dx|_2 - 1)^2 between real and fake images, a scalar through which gradients flow.

    Gulrajani et al. 2017 (arXiv 1704.00028), eq. 3, to be weighed by lambda: taken at
    e x + (1 - e) G(z), with e, `mixture` (N,), uniform on [0, 1]. `real` and `fake` are (N, ...).
    The discriminator must score each image by itself.
    """
    share = mixture.view(-1, *[1] * (real.ndim - 1))
    gradient = _gradient(discriminator, fake.detach().lerp(real, share))
    return (gradient.reshape(len(real), -1).norm(dim=1) - 1).square().mean()


def r1_penalty(discriminator: Scorer, real: "Tensor") -> "Tensor":
    """E |dD/dx|_2^2 on real images (N, C, H, W), a scalar through which gradients flow.

    Mescheder et al. 2018 (arXiv 1801.04406), eq. 9, to be weighed by gamma / 2.
    """
    return _gradient(discriminator, real.detach()).square().sum((1, 2, 3)).mean()


def _gradient(discriminator, images):
    """The gradient (N, ...) of each score to its image, itself to be differentiated."""
    import torch  # not before: see above

    images.requires_grad_(True)
    scores = discriminator(images)
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient


def _softplus(x):
    """log(1 + exp x), which tensors have no method for."""
    import torch.nn.functional as F  # not before: see above

    return F.softplus(x)

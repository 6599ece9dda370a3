"""The objectives of a GAN: what its two networks lower.

Each is a pair of functions of scores (N,), as the discriminator gives them, to scalars: the
discriminator's loss, of real and of fake scores, and the generator's, of fake scores. Below, x is a
real image, D a score without a sigmoid, s the sigmoid, E a mean.
"""

import torch
import torch.nn.functional as F


def logistic_discriminator(real, fake):
    """-E log s(D(x)) - E log(1 - s(D(G(z)))): Goodfellow et al. 2014 (arXiv 1406.2661), eq. 1."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def nonsaturating_generator(fake):
    """-E log s(D(G(z))): the same paper, end of section 3, as it is used in practice."""
    return F.softplus(-fake).mean()


def minimax_generator(fake):
    """E log(1 - s(D(G(z)))): eq. 1 itself. Its gradient vanishes where D tells fakes apart."""
    return -F.softplus(fake).mean()


def least_squares_discriminator(real, fake):
    """E (D(x) - 1)^2 / 2 + E D(G(z))^2 / 2: Mao et al. 2017 (arXiv 1611.04076), eq. 9."""
    return (real - 1).square().mean() / 2 + fake.square().mean() / 2


def least_squares_generator(fake):
    """E (D(G(z)) - 1)^2 / 2: the same equation."""
    return (fake - 1).square().mean() / 2


def wasserstein_discriminator(real, fake):
    """E D(G(z)) - E D(x): Arjovsky et al. 2017 (arXiv 1701.07875), eq. 2, as a loss.

    Of all functions D of slope 1 or less, the lowest is minus the Wasserstein-1 distance;
    `gradient_penalty` holds the slope.
    """
    return fake.mean() - real.mean()


def wasserstein_generator(fake):
    """-E D(G(z)): the same paper, eq. 3; hinge's generator has the same."""
    return -fake.mean()


def hinge_discriminator(real, fake):
    """E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))): Lim and Ye 2017 (arXiv 1705.02894).

    Eq. 16 of Miyato et al. 2018 (arXiv 1802.05957), whose eq. 17 is the generator's.
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


OBJECTIVES = {
    "nonsaturating": (logistic_discriminator, nonsaturating_generator),
    "minimax": (logistic_discriminator, minimax_generator),
    "lsgan": (least_squares_discriminator, least_squares_generator),
    "wgan-gp": (wasserstein_discriminator, wasserstein_generator),
    "hinge": (hinge_discriminator, wasserstein_generator),
}


def gradient_penalty(discriminator, real, fake, mixture):
    """E (|dD/dx|_2 - 1)^2 between real and fake images, a scalar through which gradients flow.

    Gulrajani et al. 2017 (arXiv 1704.00028), eq. 3, to be weighed by lambda: taken at
    e x + (1 - e) G(z), with e, `mixture` (N,), uniform on [0, 1]. `real` and `fake` are (N, ...).
    The discriminator must score each image by itself.
    """
    share = mixture.view(-1, *[1] * (real.ndim - 1))
    between = torch.lerp(fake.detach(), real, share).requires_grad_(True)
    scores = discriminator(between)
    (gradient,) = torch.autograd.grad(scores.sum(), between, create_graph=True)  # (N, ...)
    return (gradient.reshape(len(real), -1).norm(dim=1) - 1).square().mean()

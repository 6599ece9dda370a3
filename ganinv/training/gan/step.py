"""One step of a GAN's training, whatever its networks, and the generator's running average."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganinv.compute.device import autocast
from ganinv.losses.adversarial import OBJECTIVES, gradient_penalty
from ganinv.training.gan.augment import augment


def gan_step(
    generator: nn.Module,
    discriminator: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    draw_real: Callable[[], Tensor],
    draw_z: Callable[[], Tensor],
    *,
    objective: str,
    critic_steps: int = 1,
    gp_weight: float = 10.0,
    rng: torch.Generator,
    precision: str = "float32",
    changes: tuple[str, ...] = (),
) -> dict[str, float]:
    """Do `critic_steps` steps of the discriminator, then one of the generator.

    `generator` maps what `draw_z()` gives to fakes (N, ...), `discriminator` maps those and what
    `draw_real()` gives, (N, ...), to scores (N,); `optimizers` are the generator's and the
    discriminator's, `objective` is a name of OBJECTIVES. Where that has a gradient penalty, it is
    taken `gp_weight` times; its mixtures come from `rng`, a CPU generator of random numbers. So do
    `changes`, names of `augment.CHANGES`, of all images (N, 3, S, S) that the discriminator sees.
    Real and fake images are scored apart, so that BatchNorm sees batches of one kind (as the
    authors of DCGAN train). Returns numbers, those of the discriminator from its last step: losses
    (`discriminator` with the penalty, and `penalty` where there is one), mean scores `real` and
    `fake`, and norms of the gradients.
    """
    adam_generator, adam_discriminator = optimizers
    losses = OBJECTIVES[objective]
    row = {}
    for _ in range(critic_steps):
        real = augment(draw_real(), changes, rng)
        with autocast(real.device, precision):
            with torch.no_grad():
                fake = augment(generator(draw_z()), changes, rng)
            real_scores, fake_scores = discriminator(real), discriminator(fake)
            loss = losses.discriminator(real_scores, fake_scores)
            if losses.penalized:
                mixture = torch.rand(len(real), generator=rng).to(real)
                row["penalty"] = gradient_penalty(discriminator, real, fake, mixture)
                loss = loss + gp_weight * row["penalty"]
        row |= {"discriminator": loss, "real": real_scores.mean(), "fake": fake_scores.mean()}
        row["discriminator_gradient"] = _descend(loss, discriminator, adam_discriminator)
    discriminator.requires_grad_(False)  # half of the backward pass is theirs
    with autocast(real.device, precision):
        fake = augment(generator(draw_z()), changes, rng)
        loss = losses.generator(discriminator(fake))
    row |= {"generator": loss}
    row["generator_gradient"] = _descend(loss, generator, adam_generator)
    discriminator.requires_grad_(True)
    return {name: value.item() for name, value in row.items()}


def _descend(loss, network, optimizer):
    """One step down; the norm of the gradient to all weights, a scalar."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norms = [p.grad.norm() for p in network.parameters() if p.grad is not None]
    optimizer.step()
    return torch.stack(norms).norm()


@torch.no_grad()
def average_weights(average: nn.Module, generator: nn.Module, decay: float) -> None:
    """Move the running average's weights: average = decay * average + (1 - decay) * generator."""
    pairs = zip(average.parameters(), generator.parameters(), strict=True)
    for mean, weight in pairs:
        mean.lerp_(weight, 1 - decay)


def averaging_decay(halflife: float, batch: int, step: int) -> float:
    """Compute the decay at `step` (from 1) that halves a weight's share in `halflife` images.

    Never longer than a twentieth of the images seen so far, so that the start is soon forgotten
    (Karras et al. 2020, arXiv 2006.06676, whose code does so). A half-life of 0 averages nothing.
    """
    halflife = min(halflife, step * batch / 20)
    return 0.5 ** (batch / halflife) if halflife else 0.0

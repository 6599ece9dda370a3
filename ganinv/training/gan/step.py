"""One step of a GAN's training, whatever its networks, and the generator's running average."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ganinv.compute.device import autocast
from ganinv.compute.processes import ALONE, Part
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
    part: Part | None = None,
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

    Where the batch lies in several processes, `draw_real()` and `draw_z()` give the `part` of it
    that is this one's, and both networks come from `Processes.parallel`. Then weights and numbers
    become those of the whole batch, in all processes.
    """
    adam_generator, adam_discriminator = optimizers
    losses = OBJECTIVES[objective]
    row = {}
    for _ in range(critic_steps):
        real = draw_real()
        own = ALONE.part(len(real)) if part is None else part
        real = augment(real, changes, rng, own)
        with autocast(real.device, precision):
            with torch.no_grad():
                fake = augment(generator(draw_z()), changes, rng, own)
            real_scores, fake_scores = discriminator(real), discriminator(fake)
            loss = own.weigh(losses.discriminator(real_scores, fake_scores))
            if losses.penalized:
                mixture = own.of(torch.rand(own.whole, generator=rng)).to(real)
                penalty = gradient_penalty(discriminator, real, fake, mixture)
                row["penalty"] = own.weigh(penalty)
                loss = loss + gp_weight * row["penalty"]
        real_mean, fake_mean = own.weigh(real_scores.mean()), own.weigh(fake_scores.mean())
        row |= {"discriminator": loss, "real": real_mean, "fake": fake_mean}
        row["discriminator_gradient"] = _descend(loss, discriminator, adam_discriminator)
    discriminator.requires_grad_(False)  # half of the backward pass is theirs
    with autocast(real.device, precision):
        fake = augment(generator(draw_z()), changes, rng, own)
        loss = own.weigh(losses.generator(own.processes.alone(discriminator)(fake)))
    row |= {"generator": loss}
    row["generator_gradient"] = _descend(loss, generator, adam_generator)
    discriminator.requires_grad_(True)
    return own.processes.means(row)


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

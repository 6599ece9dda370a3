"""One step of an encoder's training: eq. 2 of Zhu et al. 2020 (arXiv 2004.00049), and eq. 3.

Departures: LPIPS-VGG stands for the features of VGG, a weight on the offsets' length keeps codes
near W, and drawn images that were not changed are also compared by their known latents.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ganinv.images.pixels import box_resize
from ganinv.losses.adversarial import (
    logistic_discriminator,
    nonsaturating_generator,
    r1_penalty,
)
from ganinv.training.encoder.batches import Batch
from ganinv.training.encoder.networks import Networks

WARM_UP = 50  # steps in which Adam's rate rises from 0: its first moments are noise


def encoder_step(networks: Networks, batch: Batch, step: int) -> dict[str, float]:
    """Do a step of the encoder, from 0, then one of the discriminator; return the losses."""
    params, images, part = networks.params, batch.images, batch.part
    set_rates(networks, step)
    w, offsets = networks.codes(images)
    codes = w + offsets
    rendered = networks.render_small(codes)
    spread = networks.generator.w_std.square()
    terms = {
        "pixels": (rendered - images).square().mean(),
        "features": feature_distance(rendered, images, batch.rng, networks.distance),
        "offsets": offsets.square().sum(2).mean() / spread,
    }
    terms = {name: part.weigh(value) for name, value in terms.items()}
    if batch.known and params.latent:
        found, wanted = (part.first(x, batch.known) for x in (codes, batch.ws))
        distance = part.mean((found - wanted).square().sum(2), among=batch.known)
        terms["latent"] = distance / spread
    size = networks.discriminator_size
    small, real = box_resize(rendered, size), box_resize(images, size)
    if params.adversarial:
        terms["adversarial"] = part.weigh(nonsaturating_generator(networks.discriminator(small)))
    loss = sum(getattr(params, name) * value for name, value in terms.items())
    networks.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    networks.optimizer.step()
    row = {"loss": loss} | terms
    if params.adversarial:
        row |= _step_discriminator(networks, real, small.detach(), step)
    return part.processes.means(row)


def set_rates(networks: Networks, step: int) -> None:
    """Set Adam's rates, and how many style inputs have an offset, for a step, from 0."""
    params, encoder = networks.params, networks.encoder
    rate = 0.5 + 0.5 * math.cos(math.pi * step / max(params.steps, 1))
    rate *= min(1.0, (step + 1) / min(WARM_UP, max(params.steps, 1)))
    for group in networks.optimizer.param_groups:
        group["lr"] = params.lr * group["share"] * rate
    # an earlier encoder has its offsets already
    span = 0 if networks.earlier else params.progressive * params.steps
    encoder.unlocked = encoder.num_ws if step >= span else int(encoder.num_ws * step / span)


def feature_distance(
    rendered: Tensor,
    images: Tensor,
    rng: torch.Generator,
    distance: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Compute the mean `distance` of images (N, 3, S, S) at the cost of less than all pixels.

    It is that of a random quarter at full size and of the whole at a quarter of the size, two to
    one; images under 64 pixels are compared whole, those under 128 by a random quarter alone.
    """
    half = images.shape[-1] // 2
    if half < 32:
        return distance(rendered, images).mean()
    top, left = torch.randint(half + 1, (2,), generator=rng).tolist()
    window = (..., slice(top, top + half), slice(left, left + half))
    near = distance(rendered[window], images[window])
    if half < 64:
        return near.mean()
    small = [box_resize(x, half // 2) for x in (rendered, images)]
    return (near.mean() * 2 + distance(*small).mean()) / 3


def _step_discriminator(networks, real, fake, step):
    params, discriminator, part = networks.params, networks.judge, networks.part
    fake_scores, real_scores = discriminator(fake), discriminator(real)
    loss = part.weigh(logistic_discriminator(real_scores, fake_scores))
    row = {"discriminator": loss}
    if step % params.r1_every == 0:
        penalty = part.weigh(r1_penalty(discriminator, real))
        loss = loss + 0.5 * params.r1_gamma * params.r1_every * penalty
        row["r1"] = penalty
    networks.adversary.zero_grad(set_to_none=True)
    loss.backward()
    networks.adversary.step()
    return row

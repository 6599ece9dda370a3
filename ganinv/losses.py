"""What the search minimizes: L2, LPIPS, the in-domain term, and weighted sums of them.

LPIPS is that of `perceptual`; the targets' features are computed once.
"""

import contextlib

import torch

from ganinv.images import at_least_float32, box_resize
from ganinv.perceptual import load_lpips


def autocast(device, precision):
    """The context in which the search computes: bf16 autocast, or nothing."""
    if precision == "bf16":
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return contextlib.nullcontext()


def loss_weights(loss):
    """A loss by name, or a mapping of weights, as the mapping."""
    return {loss: 1.0} if isinstance(loss, str) else loss


def make_loss(loss, target, *, lpips_net, loss_resolution, precision="float32", encode=None):
    """Return a function of images (N, 3, H, W) and their ws: (total (), {term: value ()}).

    `loss` is "l2", "lpips", or a mapping of weights of l2, lpips (by `lpips_net`), lpips_vgg,
    lpips_alex and domain; `target` (3, H, W) is that of every image, or (N, 3, H, W) has one for
    each. Images and targets are box-averaged to `loss_resolution`. L2 is the mean squared
    difference on [-1, 1]. Values are summed over the images, not averaged, so that no image's
    gradient depends on how many there are. Terms of weight 0 are not computed. `encode` maps images
    (N, 3, H, W) to codes like ws (N, num_ws, w_dim); domain needs it, and only domain needs ws.
    Raises ValueError where it is missing.
    """
    weights = loss_weights(loss)
    targets = target if target.ndim == 4 else target[None]
    with torch.no_grad():
        small = box_resize(at_least_float32(targets), loss_resolution)
    terms = {
        name: _l2(small) if name == "l2" else _lpips(small, name, lpips_net, precision)
        for name, weight in weights.items()
        if weight and name != "domain"
    }
    domain = _domain(encode) if weights.get("domain") else None

    def evaluate(images, ws=None):
        images = at_least_float32(images)
        small = box_resize(images, loss_resolution)
        values = {name: term(small) for name, term in terms.items()}
        if domain:
            values["domain"] = domain(images, ws)
        return sum(weights[name] * value for name, value in values.items()), values

    return evaluate


def _domain(encode):
    """mean (ws - E(G(ws)))^2: the third term of In-Domain GAN Inversion's eq. 4 (arXiv 2004.00049).

    E(G(ws)) is computed anew at every step and differentiated, as in the paper: a constant E(x)
    would pull to the start and not to where images and codes agree. The mean is over all entries of
    ws, as in the paper's code, where its weight, lambda, is 2.
    """
    if encode is None:
        raise ValueError("loss: domain needs an encoder; name one with the parameter encoder")
    return lambda images, ws: (ws - encode(images)).square().mean((1, 2)).sum()


def _l2(targets):
    return lambda images: (images - targets).square().mean((1, 2, 3)).sum()


def _lpips(targets, name, lpips_net, precision):
    model = load_lpips(name.removeprefix("lpips_") if "_" in name else lpips_net, targets.device)

    def features(images):
        with autocast(images.device, precision):
            return model.features(images.contiguous(memory_format=torch.channels_last))

    with torch.no_grad():
        wanted = features(targets)
    return lambda images: model.distance(features(images), wanted).sum()

"""What the search minimizes: L2, LPIPS, and weighted sums of them.

LPIPS is that of `perceptual`; the target's features are computed once.
"""

import contextlib

import torch

from ganinv.images import box_resize
from ganinv.perceptual import load_lpips


def autocast(device, precision):
    """The context in which the search computes: bf16 autocast, or nothing."""
    if precision == "bf16":
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return contextlib.nullcontext()


def make_loss(loss, target, *, lpips_net, loss_resolution, precision="float32"):
    """Return a function of images (N, 3, H, W) that gives (total (), {term: value ()}).

    `loss` is "l2", "lpips", or a mapping of weights of l2, lpips (by `lpips_net`), lpips_vgg and
    lpips_alex; `target` (3, H, W) is one image. Both are box-averaged to `loss_resolution`.
    L2 is the mean squared difference on [-1, 1]. Terms of weight 0 are not computed.
    """
    weights = {loss: 1.0} if isinstance(loss, str) else loss
    with torch.no_grad():
        small = box_resize(target[None].float(), loss_resolution)
    terms = {
        name: _l2(small) if name == "l2" else _lpips(small, name, lpips_net, precision)
        for name, weight in weights.items()
        if weight
    }

    def evaluate(images):
        images = box_resize(images.float(), loss_resolution)
        values = {name: term(images) for name, term in terms.items()}
        return sum(weights[name] * value for name, value in values.items()), values

    return evaluate


def _l2(target):
    return lambda images: (images - target).square().mean()


def _lpips(target, name, lpips_net, precision):
    model = load_lpips(name.removeprefix("lpips_") if "_" in name else lpips_net, target.device)

    def features(images):
        with autocast(images.device, precision):
            return model.features(images.contiguous(memory_format=torch.channels_last))

    with torch.no_grad():
        wanted = features(target)
    return lambda images: model.distance(features(images), wanted).mean()

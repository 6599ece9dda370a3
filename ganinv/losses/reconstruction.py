"""What the search minimizes: L2, LPIPS, the in-domain term, and weighted sums of them.

LPIPS is that of `lpips`; the target's features are computed once.
"""

import torch

from ganinv.compute.compile import compile_or_warn
from ganinv.compute.device import autocast
from ganinv.images.pixels import at_least_float32, box_resize
from ganinv.losses.lpips import compare_levels, load_lpips, unit_levels

PIXELS = 255 * 0.225  # of the scale 0 to 255 in one of the normalized images that VGG16 sees


def loss_weights(loss):
    """A loss by name, or a mapping of weights, as the mapping."""
    return {loss: 1.0} if isinstance(loss, str) else loss


def make_loss(
    loss, target, *, lpips_net, loss_resolution, precision="float32", compiled="off", encode=None
):
    """Return a function of images (N, 3, H, W) and their ws: (total (), {term: value ()}).

    `loss` is "l2", "lpips", or a mapping of weights of l2, l2_full, lpips (by `lpips_net`),
    lpips_vgg, lpips_alex, vgg and domain; `target` (3, H, W) is that of every image, or
    (N, 3, H, W) has one for each. Images and targets are box-averaged to `loss_resolution`, but for
    l2_full and domain. L2 is the mean squared difference on [-1, 1]. Values are summed over the
    images, not averaged, so that no image's gradient depends on how many there are. Terms of weight
    0 are not computed. `compiled` "on" compiles what LPIPS does after its network. `encode` maps
    images (N, 3, H, W) to codes like ws (N, num_ws, w_dim); domain needs it, and only domain needs
    ws. Raises ValueError where it is missing.
    """
    weights = {name: weight for name, weight in loss_weights(loss).items() if weight}
    with torch.no_grad():
        full = at_least_float32(target if target.ndim == 4 else target[None])
        small = box_resize(full, loss_resolution)
    terms = {}
    for name in weights:
        if name == "domain":
            terms[name] = _domain(encode)
        elif name == "l2_full":
            terms[name] = _l2(full, "images")
        elif name == "l2":
            terms[name] = _l2(small, "small")
        elif name == "vgg":
            terms[name] = _vgg(small, precision)
        else:
            terms[name] = _lpips(small, name, lpips_net, precision, compiled)

    def evaluate(images, ws=None):
        images = at_least_float32(images)
        small = box_resize(images, loss_resolution)
        if small.requires_grad:  # channels-last, as networks return it, would slow the way back
            small.register_hook(torch.Tensor.contiguous)
        seen = {"images": images, "small": small, "ws": ws}
        values = {name: term(**seen) for name, term in terms.items()}
        return sum(weights[name] * value for name, value in values.items()), values

    return evaluate


# Each term is made for its targets, and is then a function of the images at full size, of their box
# means at the loss's resolution, and of their ws.


def _l2(target, which):
    return lambda **seen: (seen[which] - target).square().mean((1, 2, 3)).sum()


def _domain(encode):
    """mean (ws - E(G(ws)))^2: the third term of In-Domain GAN Inversion's eq. 4 (arXiv 2004.00049).

    E(G(ws)) is computed anew at every step and differentiated, as in the paper: a constant E(x)
    would pull to the start and not to where images and codes agree. The mean is over all entries of
    ws, as in the paper's code, where its weight, lambda, is 2.
    """
    if encode is None:
        raise ValueError("loss: domain needs an encoder; name one with the parameter encoder")
    return lambda images, ws, **seen: (ws - encode(images)).square().mean((1, 2)).sum()


def _lpips(target, name, lpips_net, precision, compiled):
    net = name.removeprefix("lpips_") if "_" in name else lpips_net
    model = load_lpips(net, target.device, precision)
    features = _seen_by(model.features, precision)
    with torch.no_grad():
        seen = features(target)
    wanted, weights, compare = unit_levels(seen), list(model.weights), compare_levels
    if compiled == "on":
        compare, _ = compile_or_warn(
            compare, lambda function: function(seen, wanted, weights), target.device
        )
    return lambda small, **_: model.distance(features(small), wanted, compare).sum()


def _vgg(target, precision):
    """Mean squared difference of VGG16's relu4_3 features, the second term of the same eq. 4.

    At the scale of pixels from 0 to 255, for which the paper's code weighs it by 5e-5; the network
    is torchvision's, the paper's came from Caffe.
    """
    model = load_lpips("vgg", target.device, precision)
    see = _seen_by(lambda x: model.backbone(model.scaling(x)).relu4_3.float(), precision)
    with torch.no_grad():
        wanted = see(target)
    return lambda small, **seen: PIXELS**2 * (see(small) - wanted).square().mean((1, 2, 3)).sum()


def _seen_by(network, precision):
    """The network as a function of images, in the search's precision."""

    def features(images):
        with autocast(images.device, precision):
            return network(images.contiguous(memory_format=torch.channels_last))

    return features

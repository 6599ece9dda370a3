"""What the search minimizes: L2, LPIPS, and weighted sums of them.

LPIPS is Zhang et al. 2018 (arXiv 1801.03924) with the calibrated linear layers of the `lpips`
package, version 0.1; its backbones come from our manifest. Two departures from the package, both
for speed and neither for the value: the target's features are computed once, and a tiny number
under the square root keeps the gradient finite where all features of a pixel are zero.
"""

import contextlib
import functools
import warnings

import lpips
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ganinv.images import box_resize
from ganinv.weights import WeightsError, ensure

LPIPS_SIZE = 256  # both for the metric and, by default, for the loss


class Lpips(nn.Module):
    """LPIPS split in two, so that features of a fixed image are computed once.

    `net` is "vgg" or "alex". Images are (N, 3, H, W) in [-1, 1], at least 32 pixels a side.
    """

    def __init__(self, net):
        super().__init__()
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")  # torchvision renamed the argument lpips passes
            model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
        state = _read(f"lpips-{net}")
        convs = [m for m in model.net.modules() if isinstance(m, nn.Conv2d)]
        for i, conv in enumerate(convs):
            conv.weight.data, conv.bias.data = state[f"conv.{i}.weight"], state[f"conv.{i}.bias"]
        self.scaling, self.backbone = model.scaling_layer, model.net
        self.weights = nn.ParameterList(lin.model[-1].weight for lin in model.lins)  # (1, C, 1, 1)
        self.eval().requires_grad_(False)

    def features(self, images):
        """Unit-length features of each level: a list of (N, C, h, w), float32."""
        return [unit_length(f.float()) for f in self.backbone(self.scaling(images))]

    def distance(self, a, b):
        """Distance (N,) of two lists of features; one of a single image is broadcast."""
        levels = (
            (weight * (x - y).square()).sum(1).mean((1, 2))  # (N,)
            for weight, x, y in zip(self.weights, a, b, strict=True)
        )
        return sum(levels)

    def forward(self, a, b):
        """Distance (N,) of images a and b."""
        return self.distance(self.features(a), self.features(b))


def _read(name):
    path = ensure(name)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path} is damaged ({error}); delete it and fetch {name}") from None


def unit_length(features):
    """Scale features (N, C, H, W) to length 1 over the channels."""
    return features * (features.square().sum(1, keepdim=True) + 1e-20).rsqrt()


@functools.cache
def load_lpips(net, device):
    """The metric of `net` on `device`, kept for the process."""
    return Lpips(net).to(device, memory_format=torch.channels_last)


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

"""LPIPS, split so that a fixed image's features are computed once.

Zhang et al. 2018 (arXiv 1801.03924) with the calibrated linear layers of the `lpips` package,
version 0.1; its backbones come from our manifest. Two departures from the package, both for speed
and neither for the value: features and distance are two calls, and a tiny number under the square
root keeps the gradient finite where all features of a pixel are zero.
"""

import functools
import warnings

import lpips
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ganinv.weights import WeightsError, ensure

LPIPS_SIZE = 256  # both for the metric and, by default, for the loss


def package_lpips(net):
    """The `lpips` package's own module of "vgg" or "alex", frozen, with our backbone's weights."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # torchvision renamed the argument lpips passes
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    state = _read(f"lpips-{net}")
    convs = [m for m in model.net.modules() if isinstance(m, nn.Conv2d)]
    for i, conv in enumerate(convs):
        conv.weight.data, conv.bias.data = state[f"conv.{i}.weight"], state[f"conv.{i}.bias"]
    return model.eval().requires_grad_(False)


class Lpips(nn.Module):
    """LPIPS split in two, so that features of a fixed image are computed once.

    `net` is "vgg" or "alex". Images are (N, 3, H, W) in [-1, 1], at least 32 pixels a side.
    """

    def __init__(self, net):
        super().__init__()
        model = package_lpips(net)
        self.scaling, self.backbone = model.scaling_layer, model.net
        self.weights = nn.ParameterList(lin.model[-1].weight for lin in model.lins)  # (1, C, 1, 1)
        self.eval()

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

"""LPIPS, split so that a fixed image's features are computed once.

Zhang et al. 2018 (arXiv 1801.03924) with the calibrated linear layers of the `lpips` package,
version 0.1; its backbones come from our manifest. Departures from the package, for speed and not
for the value: a fixed image's features are computed once; the distance brings its gradient along
in closed form, which leaves nothing in float32 to be kept or gone back through; and a tiny number
under the square root keeps the gradient finite where all features of a pixel are zero.
"""

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lpips
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ganinv.compute.compile import compile_or_warn
from ganinv.compute.device import autocast
from ganinv.errors import WeightsError
from ganinv.images.pixels import at_least_float32
from ganinv.weights.find import ensure
from ganinv.weights.fit import compare
from ganinv.weights.store import read_weights

LPIPS_SIZE = 256  # both for the metric and, by default, for the loss
Compare = Callable[  # features, targets, weights -> the distance and its gradients
    [list[Tensor], list[Tensor], list[Tensor]], tuple[Tensor, list[Tensor]]
]


def package_lpips(net: str) -> nn.Module:
    """The `lpips` package's own module of "vgg" or "alex", frozen, with our backbone's weights."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # torchvision renamed the argument lpips passes
        model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    convs = [m for m in model.net.modules() if isinstance(m, nn.Conv2d)]
    own = {f"conv.{i}.{name}": x for i, m in enumerate(convs) for name, x in m.named_parameters()}
    for name, x in _read(f"lpips-{net}", own).items():
        own[name].data = x.float()
    return model.eval().requires_grad_(False)


class Lpips(nn.Module):
    """LPIPS split in two, so that features of a fixed image are computed once.

    `net` is "vgg" or "alex". Images are (N, 3, H, W) in [-1, 1], at least 32 pixels a side.
    """

    scaling: Any  # modules of the package, whose types torch does not know
    backbone: Any

    def __init__(self, net: str) -> None:
        super().__init__()
        model: Any = package_lpips(net)
        self.scaling, self.backbone = model.scaling_layer, model.net
        self.weights = nn.ParameterList(lin.model[-1].weight for lin in model.lins)  # (1, C, 1, 1)
        self.eval()

    def features(self, images: Tensor) -> list[Tensor]:
        """Features of each level as the backbone gives them: a list of (N, C, h, w)."""
        return list(self.backbone(self.scaling(images)))

    def targets(self, images: Tensor) -> list[Tensor]:
        """Unit-length features of each level: a list of (N, C, h, w), float32, constants."""
        with torch.no_grad():
            return unit_levels(self.features(images))

    def distance(
        self, features: list[Tensor], targets: list[Tensor], compare: Compare | None = None
    ) -> Tensor:
        """Distance (N,) of `features` to `targets`; targets of a single image are broadcast.

        No gradient flows to the targets. `compare` is a compiled `compare_levels`.
        """
        weights = list(self.weights)
        return _Distance.apply(compare or compare_levels, targets, weights, *features)

    def map(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance (N, H, W) of images a to images b, pixel by pixel: levels enlarged and summed.

        Its mean is the distance, but for what enlarging (bilinear) changes.
        """
        levels = zip(self.targets(a), self.targets(b), self.weights, strict=True)
        parts = [(weight * (u - t).square()).sum(1, keepdim=True) for u, t, weight in levels]
        enlarged = [
            nn.functional.interpolate(x, size=a.shape[2:], mode="bilinear", align_corners=False)
            for x in parts
        ]
        return torch.stack(enlarged).sum(0)[:, 0]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance (N,) of images a to images b, with gradients to a."""
        return self.distance(self.features(a), self.targets(b))


def unit_levels(features: Sequence[Tensor]) -> list[Tensor]:
    """Each level of features (N, C, h, w) at unit length, float32."""
    return [unit_length(f.float()) for f in features]


def compare_levels(
    features: list[Tensor], targets: list[Tensor], weights: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """The distance (N,) and, for each level, its gradient, in the type of the level's features.

    A level is the mean over pixels of sum_c w_c (u_c - t_c)^2, u = f / |f| (eq. 1 of the paper). By
    the chain rule its gradient is 2 / (H W) (d - u (d . u)) / |f|, with d = w (u - t).
    """
    distances, gradients = [], []
    for given, target, weight in zip(features, targets, weights, strict=True):
        f = at_least_float32(given)
        inverse = inverse_length(f)
        u = f * inverse
        away = u - target
        d = weight * away
        distances.append((weight * away.square()).sum(1).mean((1, 2)))  # (N,)
        pull = (d - u * (d * u).sum(1, keepdim=True)) * inverse
        gradients.append((pull * (2 / f[0, 0].numel())).to(given.dtype))
    total = distances[0]
    for distance in distances[1:]:
        total = total + distance
    return total, gradients


class _Distance(torch.autograd.Function):
    """`compare_levels` for autograd. The gradients have the features' memory format, since sums of
    mixed formats take several times as long."""

    @staticmethod
    def forward(ctx, compare, targets, weights, *features):
        distance, gradients = compare(list(features), targets, weights)
        ctx.save_for_backward(*gradients)
        return distance

    @staticmethod
    @once_differentiable
    def backward(ctx, outer):
        outer = outer[:, None, None, None]
        return None, None, None, *(outer.to(x.dtype) * x for x in ctx.saved_tensors)


def _read(name: str, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read a backbone's file, whose tensors are to be like those `wanted`."""
    path = ensure(name)
    try:
        _, state = read_weights(path)
        compare(wanted, state)
    except (ValueError, WeightsError) as error:
        raise WeightsError(f"{path} is damaged ({error}); delete it and fetch {name}") from None
    return state


def unit_length(features: Tensor) -> Tensor:
    """Scale features (N, C, H, W) to length 1 over the channels."""
    return features * inverse_length(features)


def inverse_length(features: Tensor) -> Tensor:
    """1 / |f| of features (N, C, H, W) over the channels: (N, 1, H, W)."""
    return (features.square().sum(1, keepdim=True) + 1e-20).rsqrt()


def load_lpips(net: str, device: str | torch.device, precision: str = "float32") -> Lpips:
    """The metric of `net` on `device`, kept for the process.

    With "bf16", for use under autocast, the backbone's weights are kept in it, rounded once.
    """
    return _load(net, torch.device(device), precision)


@functools.cache
def _load(net, device, precision):
    model = Lpips(net).to(device, memory_format=torch.channels_last)
    if precision == "bf16":
        model.backbone.bfloat16()
    return model


def distance_to(
    target: Tensor, net: str, precision: str = "float32", compiled: str = "off"
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return a loss term: the sum over images of LPIPS to `target` (1 or N, 3, h, w).

    The target's features are computed here, once. `compiled` "on" compiles what follows the
    network.
    """
    model = load_lpips(net, target.device, precision)
    features = _seen_by(model.features, precision)
    with torch.no_grad():
        seen = features(target)
    wanted, weights, compare = unit_levels(seen), list(model.weights), compare_levels
    if compiled == "on":
        compare, _ = compile_or_warn(
            compare, lambda function: function(seen, wanted, weights), target.device
        )
    return lambda images, small, ws: model.distance(features(small), wanted, compare).sum()


def see_relu4_3(
    target: Tensor, precision: str = "float32"
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """Return VGG16's relu4_3 features as a function of images, and those of `target`."""
    model = load_lpips("vgg", target.device, precision)
    see = _seen_by(lambda x: model.backbone(model.scaling(x)).relu4_3.float(), precision)
    with torch.no_grad():
        return see, see(target)


def _seen_by(network, precision):
    """The network as a function of images, in the search's precision."""

    def features(images):
        with autocast(images.device, precision):
            return network(images.contiguous(memory_format=torch.channels_last))

    return features

"""The IR-SE50 encoder of pSp (Richardson et al. 2021, arXiv 2008.00951) and e4e (Tov et al. 2021,
arXiv 2102.02766): image -> one code per style input.

Both papers use the same network, a face recognizer's body (IR-SE50, ArcFace) under a feature
pyramid, and differ in how the rows of the result are put together, the `head`. Names in the state
dict are those of the published checkpoints, which are equal for both; `latent_avg` is our own
buffer, since the checkpoints keep that mean beside the encoder and not inside it.

pSp: row j is style block j of the feature of its level. e4e: row 0 is the same, and each later row
is row 0 plus its own block's result, an offset.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ganinv.encoders.base import Encoder
from ganinv.images.pixels import box_resize
from ganinv.weights.readers.irse import check_irse, count_rows

HEADS = ("e4e", "psp")
GROUPS = ((64, 64, 3), (64, 128, 4), (128, 256, 14), (256, 512, 3))  # channels in, out, units
TAPS = (6, 20, 23)  # the last unit at 64x64, at 32x32 and at 16x16
REDUCTION = 16  # of squeeze and excitation


class SqueezeExcite(nn.Module):
    """Scale each channel by a function of all channels' means: (N, C, H, W) -> the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // REDUCTION, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // REDUCTION, channels, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale x."""
        squeezed = x.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
        return x * self.fc2(F.relu(self.fc1(squeezed))).sigmoid()


class Bottleneck(nn.Module):
    """A residual unit of IR-SE50: (N, c_in, H, W) -> (N, c_out, H/stride, W/stride)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer: nn.Module
        if c_in == c_out:
            self.shortcut_layer = nn.MaxPool2d(1, stride)  # a window of one: only the stride acts
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.Conv2d(c_in, c_out, 3, 1, 1, bias=False),
            nn.PReLU(c_out),
            nn.Conv2d(c_out, c_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(c_out),
            SqueezeExcite(c_out),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what the layers make of x to x, or to its shortcut."""
        return self.res_layer(x) + self.shortcut_layer(x)


class EqualizedLinear(nn.Module):
    """A linear map whose weight is stored times sqrt(channels): (N, C) -> (N, C)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain = 1 / math.sqrt(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map x (N, C)."""
        return F.linear(x, self.weight * self.gain, self.bias)


class StyleBlock(nn.Module):
    """Halve the feature until one pixel is left: (N, C, size, size) -> (N, C)."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        layers = []
        for _ in range(int(math.log2(size))):
            layers += [nn.Conv2d(channels, channels, 3, 2, 1), nn.LeakyReLU()]  # slope 0.01
        self.convs = nn.Sequential(*layers)
        self.linear = EqualizedLinear(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Bring a feature to one vector."""
        return self.linear(self.convs(x).flatten(1))


def level_of(row: int) -> int:
    """Find the level of a row: 0 (coarse, 16x16), 1 (middle, 32x32) or 2 (fine, 64x64)."""
    return 0 if row < 3 else 1 if row < 7 else 2


def add_upsampled(coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
    """Add to `fine` (N, C, H, W) `coarse` enlarged to its size, corners on corners."""
    return fine + F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=True)


class IRSEEncoder(Encoder):
    """Images to codes, `latent_avg` added. Meant for eval mode: batch norms hold running means.

    `head` is "e4e" or "psp"; `num_ws` the generator's number of style inputs, 18 at 1024 pixels.
    `resolution` is what the network sees. The buffer `latent_avg` (num_ws, w_dim) is zero until
    it is loaded. Raises ValueError for another head or for num_ws below 1.
    """

    resolution = 256
    w_dim = 512
    latent_avg: torch.Tensor

    def __init__(self, *, head: str = "e4e", num_ws: int = 18) -> None:
        super().__init__()
        _check_head(head)
        if num_ws < 1:
            raise ValueError(f"num_ws must be 1 or more; got {num_ws}")
        self.head, self.num_ws = head, num_ws
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64)
        )
        self.body = nn.Sequential(
            *(
                Bottleneck(c_out if i else c_in, c_out, 1 if i else 2)
                for c_in, c_out, units in GROUPS
                for i in range(units)
            )
        )
        self.styles = nn.ModuleList(
            StyleBlock(self.w_dim, 16 * 2 ** level_of(row)) for row in range(num_ws)
        )
        self.latlayer1 = nn.Conv2d(256, self.w_dim, 1)
        self.latlayer2 = nn.Conv2d(128, self.w_dim, 1)
        self.register_buffer("latent_avg", torch.zeros(num_ws, self.w_dim))

    @classmethod
    def check_file(cls, config: dict[str, Any], state: dict[str, torch.Tensor]) -> None:
        """Raise ValueError for another network than pSp's and e4e's, saying which it may be."""
        irse_config(state, config.get("head", "e4e"))

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Bring images (N, 3, 256, 256) to the levels (N, w_dim, s, s), s = 16, 32, 64."""
        x, taps = self.input_layer(images), []
        for i, unit in enumerate(self.body):
            x = unit(x)
            if i in TAPS:
                taps.append(x)
        c1, c2, c3 = taps  # (N, 128, 64, 64), (N, 256, 32, 32), (N, 512, 16, 16)
        p2 = add_upsampled(c3, self.latlayer1(c2))
        p1 = add_upsampled(p2, self.latlayer2(c1))
        return c3, p2, p1

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Bring images (N, 3, H, H) in [-1, 1], H >= 256, to codes (N, num_ws, w_dim).

        Larger images are box-averaged to 256. Raises ValueError for smaller or non-square ones.
        """
        self.check_images(images)
        levels = self.features(box_resize(images, self.resolution))
        rows = [style(levels[level_of(row)]) for row, style in enumerate(self.styles)]
        if self.head == "e4e":
            rows[1:] = [rows[0] + offset for offset in rows[1:]]
        return torch.stack(rows, 1) + self.latent_avg  # (N, num_ws, w_dim)


def irse_config(state: Mapping[str, torch.Tensor], head: str) -> dict[str, Any]:
    """Find the arguments {"head", "num_ws"} of the IRSEEncoder that `state` belongs to.

    `state` maps the encoder's own names, without a checkpoint's prefix, to tensors, of which only
    the shapes are read; `latent_avg` may be among them. `head` is the caller's to know: e4e and
    pSp checkpoints have the same names. Raises ValueError, with the reason, for another network.
    """
    _check_head(head)
    _check_body(state)
    num_ws = count_rows(state)
    if not num_ws:
        raise ValueError("not a pSp or e4e encoder: it has a body, but no style blocks (styles.*)")
    with torch.device("meta"):  # names and shapes, no memory
        wanted = IRSEEncoder(head=head, num_ws=num_ws).state_dict()
    _check_names(state, wanted)
    return {"head": head, "num_ws": num_ws}


def _check_head(head):
    if head not in HEADS:
        raise ValueError(f"head must be {' or '.join(HEADS)}; got {head!r}")


def _check_body(state):
    """Tell the relatives of the network by what sets them apart."""
    check_irse(state)
    if "body.0.res_layer.1.weight" not in state:
        raise ValueError("no IR-SE50 body: body.0 is missing")
    if not any(".res_layer.5." in name for name in state):
        raise ValueError("the body is IR, not IR-SE: its units have no squeeze and excitation")


def _check_names(state, wanted):
    missing = [name for name in wanted if name not in state and name != "latent_avg"]
    if missing:
        raise ValueError(f"not a pSp or e4e encoder of IR-SE50: it lacks {_listed(missing)}")
    unknown = [name for name in state if name not in wanted]
    if unknown:
        raise ValueError(f"not a pSp or e4e encoder: neither has {_listed(unknown)}")
    for name, tensor in state.items():
        got, fits = tuple(tensor.shape), tuple(wanted[name].shape)
        if got != fits:
            raise ValueError(f"not a pSp or e4e encoder: {name} is {got}, not {fits}")


def _listed(names):
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"

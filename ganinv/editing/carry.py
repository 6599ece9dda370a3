"""Take a refinement along with an edit, or on the way to another code.

Changed weights stay as they are: they draw whatever the code draws. An offset to features lies
where the photograph's details are, so it has to move with them: how the picture of the code moves
is estimated by optical flow (Zach, Pock and Bischof 2007, TV-L1, as scikit-image has
it), the offset is moved by it, and it fades where the flow there and the flow back do not agree,
that is, where something was hidden or comes out.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from skimage.registration import optical_flow_tvl1
from torch import Tensor

from ganinv.compute.render import render_result
from ganinv.editing.sources import Code
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize
from ganinv.inversion.refinement import feature_offsets, tune

WAYS = ("carry", "stay", "drop")  # what becomes of an offset to features
SIDE = 128  # pixels at which the flow is estimated
AGREED = 0.012  # of the picture's side: flows that differ by it halve what is left of an offset


class Rendered:
    """Renders edits of one code, with its noise maps and its refinement.

    `features` is carry, stay or drop: offsets move with the edit, stay where they are, or are left
    out. `render` takes the place of `render_result`, such as what `make_preview` returns.
    """

    def __init__(
        self,
        generator: Generator,
        code: Code,
        features: str = "carry",
        render: Callable[..., Tensor] = render_result,
    ) -> None:
        check_way(features)
        self.generator, self.code, self.features, self.render = generator, code, features, render
        self.tuned = tune(generator, code.refinement)
        self.offsets = {} if features == "drop" else feature_offsets(code.refinement)
        self.before: np.ndarray | None = None

    @torch.no_grad()
    def __call__(self, latent: Tensor) -> Tensor:
        """Render a latent (num_ws, w_dim), an edit of the code's: (3, H, W), float32."""
        return self.render(self.tuned, latent, self.code.noise, self.offsets_at(latent))

    def offsets_at(self, latent: Tensor) -> dict[int, Tensor]:
        """Return the offsets (C, r, r) that a latent is rendered with, by resolution."""
        if self.features != "carry" or torch.equal(latent, self.code.latent):
            return self.offsets
        return self.carried(latent) if self.offsets else {}

    @torch.no_grad()
    def carried(self, latent: Tensor) -> dict[int, Tensor]:
        """Move the offsets as the code's picture moves when it is edited to `latent`."""
        if self.before is None:
            self.before = self._grey(self.code.latent)
        return move_offsets(self.offsets, *find_flow(self.before, self._grey(latent)))

    def _grey(self, latent: Tensor) -> np.ndarray:
        """What the code alone renders, as `grey` has it."""
        return grey(self.render(self.generator, latent, self.code.noise))


def check_way(features: str) -> None:
    """Raise ValueError unless `features` is carry, stay or drop."""
    if features not in WAYS:
        raise ValueError(f"features must be {', '.join(WAYS)}; got {features!r}")


def grey(image: Tensor) -> np.ndarray:
    """Make a picture (3, H, W) small and grey, on [0, 1], for `find_flow`: (S, S)."""
    return (box_resize(image[None].clamp(-1, 1), SIDE)[0].mean(0).cpu().numpy() + 1) / 2


def move_offsets(offsets: dict[int, Tensor], back: Tensor, agreed: Tensor) -> dict[int, Tensor]:
    """Move offsets {r: (C, r, r)} by what `find_flow` returned, and let them fade by it."""
    return {r: warp(offset, back) * _resized(agreed, r) for r, offset in offsets.items()}


def find_flow(before: np.ndarray, after: np.ndarray) -> tuple[Tensor, Tensor]:
    """Estimate where each place of `after` was in `before`, both grey (S, S) on [0, 1].

    Returns displacements (2, S, S), rows first, in shares of the side, and how far the flow there
    and back agree, (1, S, S) on [0, 1].
    """
    side = len(before)
    back = torch.from_numpy(optical_flow_tvl1(after, before)).float() / side
    there = torch.from_numpy(optical_flow_tvl1(before, after)).float() / side
    apart = back + warp(there, back)  # zero where one undoes the other
    agreed = torch.exp2(-((apart.square().sum(0, keepdim=True).sqrt() / AGREED) ** 2))
    return back, agreed


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """Take x (C, H, W) from where `flow` (2, S, S), in shares of the side, says it was."""
    height, width = x.shape[-2:]
    flow = F.interpolate(flow[None], (height, width), mode="bilinear", align_corners=False)[0]
    rows, columns = torch.meshgrid(
        (torch.arange(height) + 0.5) / height, (torch.arange(width) + 0.5) / width, indexing="ij"
    )
    place = torch.stack([columns + flow[1], rows + flow[0]], -1) * 2 - 1  # (H, W, 2), x first
    return F.grid_sample(
        x[None], place[None].to(x), mode="bilinear", padding_mode="border", align_corners=False
    )[0]


def _resized(x: Tensor, side: int) -> Tensor:
    return F.interpolate(x[None], (side, side), mode="bilinear", align_corners=False)[0]

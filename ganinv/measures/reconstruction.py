"""What a reconstruction is judged by, computed one way only: the table `METRICS`.

Both images are clamped to [-1, 1] and rounded to 8 bits. PSNR (peak 1 on [0, 1]), SSIM
(scikit-image, 7x7 window, per channel, data range 1) and MS-SSIM (torchmetrics, 11x11 Gaussian,
data range 1) are taken at the image's own resolution, LPIPS of both nets on its box mean at
256x256, in float32; identity is described in `measures.identity`. What cannot be measured of an
image is NaN, null in JSON. To add a metric, write its row.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from ganinv.compute.device import full_precision
from ganinv.errors import ImageError
from ganinv.images.pixels import box_resize, quantize, to_uint8
from ganinv.images.targets import ImageLike, as_pixels
from ganinv.losses.lpips import LPIPS_SIZE, load_lpips
from ganinv.measures.identity import SAME_PERSON, identity_distance

MS_SSIM_SIDE = 176  # the least that torchmetrics takes five scales of: 11 pixels, 16 times
NOT_MEASURED = "–"
DESCRIPTION = (
    "The reconstruction is clamped to [-1, 1] and rounded to 8 bits. PSNR (peak 1 on [0, 1]), SSIM "
    "(scikit-image, data range 1) and MS-SSIM (torchmetrics, data range 1) are taken at the "
    "generator's resolution, LPIPS with both networks on the box mean at "
    f"{LPIPS_SIZE}×{LPIPS_SIZE}. Identity is the distance between dlib's face descriptors of both "
    f"images: below {SAME_PERSON} passes for one person, and nothing minimizes it. Where an image "
    f"is too small for MS-SSIM (under {MS_SSIM_SIDE} pixels a side), or the photograph shows no "
    f"face, there is “{NOT_MEASURED}”."
)


class Pair:
    """A reconstruction and its target, in the forms that metrics take.

    `levels` are two arrays uint8 (H, W, 3), `images` the same on [0, 1] in steps of 1/255, `small`
    two tensors (1, 3, 256, 256) in [-1, 1], their box means, on the reconstruction's device.
    """

    def __init__(self, reconstruction: Tensor, target: Tensor):
        device = reconstruction.device
        self.levels = [to_uint8(x) for x in (reconstruction, target)]
        self.images = [x / 255.0 for x in self.levels]
        both = (quantize(x).to(device) for x in (reconstruction, target))
        self.small = [box_resize(x[None], LPIPS_SIZE) for x in both]


def psnr(pair: Pair) -> float:
    """Peak signal-to-noise ratio in dB, of peak 1; infinite for images equal in 8 bits."""
    a, b = pair.images
    return math.inf if (a == b).all() else float(peak_signal_noise_ratio(b, a, data_range=1))


def ssim(pair: Pair) -> float:
    """Structural similarity (Wang et al. 2004), 1 for equal images."""
    a, b = pair.images
    return float(structural_similarity(b, a, channel_axis=2, data_range=1))


def ms_ssim(pair: Pair) -> float:
    """Multi-scale SSIM (Wang et al. 2003), 1 for equal images; NaN under 176 pixels a side."""
    if min(pair.levels[0].shape[:2]) < MS_SSIM_SIDE:
        return math.nan
    # takes seconds to import
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    device = pair.small[0].device
    a, b = (torch.from_numpy(x).movedim(2, 0)[None].float().to(device) for x in pair.images)
    with full_precision():
        return float(multiscale_structural_similarity_index_measure(a, b, data_range=1.0))


def lpips_alex(pair: Pair) -> float:
    """LPIPS by AlexNet (arXiv 1801.03924), 0 for equal images."""
    return _lpips("alex", pair)


def lpips_vgg(pair: Pair) -> float:
    """LPIPS by VGG16."""
    return _lpips("vgg", pair)


def _lpips(net: str, pair: Pair) -> float:
    with full_precision():
        return float(load_lpips(net, pair.small[0].device)(*pair.small))


def identity(pair: Pair) -> float:
    """Distance between the faces' descriptors; NaN where the target shows no face."""
    return identity_distance(*pair.levels)


@dataclass(frozen=True)
class Metric:
    """A row of the table: how a metric is called, shown, compared and computed.

    `digits` are those behind the point, `higher` whether more is better, `tolerance` by how much
    `ganinv verify` lets it differ, `null` the number that null stands for in JSON, which holds
    finite ones only: infinity of a metric without bound, or NaN, not measured.
    """

    label: str
    digits: int
    higher: bool
    tolerance: float
    compute: Callable[[Pair], float]
    unit: str = ""
    null: float = math.nan

    @property
    def heading(self) -> str:
        """The label with its unit: PSNR, dB."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    @property
    def arrow(self) -> str:
        """Up where more is better, else down."""
        return "↑" if self.higher else "↓"

    def better(self, a: float, b: float) -> bool:
        """Whether a is better than b."""
        return a > b if self.higher else a < b

    def read(self, value: float | None) -> float:
        """Return a value as it was before JSON: infinity or NaN for None, NaN for no number."""
        if value is None:
            return self.null
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return math.nan
        return float(value) if isinstance(value, float) or abs(value) < 2**1000 else math.nan

    def show(self, value: float | None, unit: bool = False) -> str:
        """Write a value, None as what it stands for: ∞ without bound, – where not measured."""
        value = self.read(value)
        if math.isnan(value):
            return NOT_MEASURED
        if math.isinf(value):
            return "∞"
        return f"{value:.{self.digits}f}" + (f" {self.unit}" if unit and self.unit else "")


METRICS = {
    "psnr": Metric("PSNR", 2, True, 1e-2, psnr, unit="dB", null=math.inf),
    "ssim": Metric("SSIM", 3, True, 1e-4, ssim),
    "ms_ssim": Metric("MS-SSIM", 3, True, 1e-4, ms_ssim),
    "lpips_alex": Metric("LPIPS-alex", 3, False, 1e-4, lpips_alex),
    "lpips_vgg": Metric("LPIPS-vgg", 3, False, 1e-4, lpips_vgg),
    # levels off by 1, as other machines may round them, move it by 0.002 where few are, by 0.014
    # where all are; another person's face is at 0.6 or more
    "identity": Metric("Identity", 3, False, 0.02, identity),
}


def metric_words(values: Mapping[str, float | None]) -> list[str]:
    """Write those metrics that `values` has, each with its name and unit."""
    return [
        f"{metric.label} {metric.show(values[name], unit=True)}"
        for name, metric in METRICS.items()
        if name in values
    ]


def compute_metrics(reconstruction: ImageLike, target: ImageLike) -> dict[str, float]:
    """Compare two images (3, H, W) in [-1, 1] by every metric of the table: {name: value}.

    Either may also be a path, a `PIL.Image`, or uint8 (a tensor (3, H, W), an array (H, W, 3)); the
    reconstruction may leave [-1, 1] as far as it likes. PSNR is infinite for images equal in 8
    bits, and what cannot be measured is NaN. Raises ValueError when the shapes differ, for NaN in
    the images, and for a target of another scale; warns where all of the target lies in [0, 1].
    """
    result = as_pixels(reconstruction, "reconstruction", limit=math.inf)
    wanted = as_pixels(target, "target", stacklevel=3)
    if result.shape != wanted.shape:
        raise ImageError(f"shapes differ: {tuple(result.shape)}, {tuple(wanted.shape)}")
    return measure(result, wanted)


@torch.no_grad()
def measure(reconstruction: Tensor, target: Tensor) -> dict[str, float]:
    """Compute every metric of two tensors (3, H, W) that were checked: {name: value}."""
    pair = Pair(reconstruction, target)
    return {name: metric.compute(pair) for name, metric in METRICS.items()}

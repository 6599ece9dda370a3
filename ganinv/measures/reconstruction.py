"""PSNR, SSIM and LPIPS, computed one way only.

Both images are clamped to [-1, 1] and rounded to 8 bits. PSNR (peak 1 on [0, 1]) and SSIM
(scikit-image, 7x7 window, per channel, data range 1) are taken at the image's own resolution,
LPIPS of both nets on its box mean at 256x256, in float32.
"""

import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ganinv.compute.device import full_precision
from ganinv.images.pixels import box_resize, quantize, to_uint8
from ganinv.losses.lpips import LPIPS_SIZE, load_lpips

NAMES = ("psnr", "ssim", "lpips_alex", "lpips_vgg")
HIGHER_IS_BETTER = {"psnr": True, "ssim": True, "lpips_alex": False, "lpips_vgg": False}
DESCRIPTION = (
    "The reconstruction is clamped to [-1, 1] and rounded to 8 bits. PSNR (peak 1 on [0, 1]) and "
    "SSIM (scikit-image, data range 1) are taken at the generator's resolution, LPIPS with both "
    f"networks on the box mean at {LPIPS_SIZE}×{LPIPS_SIZE}."
)


@torch.no_grad()
def compute_metrics(reconstruction, target):
    """Compare two images (3, H, W) in [-1, 1]: {psnr, ssim, lpips_alex, lpips_vgg} as floats.

    PSNR is infinite for images equal in 8 bits. Raises ValueError when the shapes differ.
    """
    if reconstruction.shape != target.shape:
        raise ValueError(f"shapes differ: {tuple(reconstruction.shape)}, {tuple(target.shape)}")
    a, b = to_uint8(reconstruction) / 255.0, to_uint8(target) / 255.0  # (H, W, 3) in [0, 1]
    same = (a == b).all()
    result = {
        "psnr": float("inf") if same else float(peak_signal_noise_ratio(b, a, data_range=1)),
        "ssim": float(structural_similarity(b, a, channel_axis=2, data_range=1)),
    }
    device = reconstruction.device
    pair = (quantize(x).to(device) for x in (reconstruction, target))
    small = [box_resize(x[None], LPIPS_SIZE) for x in pair]
    with full_precision():
        for net in ("alex", "vgg"):
            result[f"lpips_{net}"] = float(load_lpips(net, device)(*small))
    return result


def better(name, a, b):
    """Whether metric `name` is better at a than at b."""
    return a > b if HIGHER_IS_BETTER[name] else a < b

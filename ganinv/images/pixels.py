"""Pixels: tensors (3, H, W) float32 in [-1, 1], arrays (H, W, 3) of 8 bits, and resizing.

Every image that enters is quantized to 8 bits at the size it is used in, so that the PNG on disk
is the tensor that was inverted.
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


def from_pil(image):
    """An RGB `PIL.Image` to a tensor (3, H, W) in [-1, 1]."""
    pixels = np.array(image.convert("RGB"), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1  # (3, H, W)


def to_uint8(image):
    """Clamp a tensor (3, H, W) to [-1, 1] and round it to 8 bits: array (H, W, 3)."""
    scaled = (image.detach().float().clamp(-1, 1) + 1) * 127.5
    return scaled.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def to_pil(image):
    """A tensor (3, H, W) in [-1, 1] to an 8-bit RGB `PIL.Image`."""
    return Image.fromarray(to_uint8(image))


def quantize(image):
    """The tensor (3, H, W) that `image` becomes once it is clamped and rounded to 8 bits."""
    pixels = torch.from_numpy(to_uint8(image)).permute(2, 0, 1)
    return pixels.to(image.device, torch.float32) / 127.5 - 1


def at_least_float32(x):
    """bf16 as float32; float32 and float64 as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def box_resize(images, size):
    """Box-average (N, 3, H, W) to size x size; smaller images are left as they are.

    Whole factors use `avg_pool2d`, which is deterministic on CUDA as well.
    """
    height = images.shape[-1]
    if height <= size:
        return images
    if height % size == 0:
        return F.avg_pool2d(images, height // size)
    return F.adaptive_avg_pool2d(images, size)

"""Pixels: tensors (3, H, W) float32 in [-1, 1], arrays (H, W, 3) of 8 bits, and resizing.

Every image that enters is quantized to 8 bits at the size it is used in, so that the PNG on disk
is the tensor that was inverted. 8 bits become [-1, 1], and [-1, 1] becomes 8 bits, here only.
"""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

HALF = 127.5  # 8-bit levels in a unit of [-1, 1]


def from_uint8(pixels: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Turn arrays uint8 (..., H, W, 3) into tensors (..., 3, H, W) float32 in [-1, 1].

    They lie in memory as the arrays do, channels last, which later convolutions keep.
    """
    return torch.from_numpy(pixels).to(device).movedim(-1, -3).float() / HALF - 1


def to_uint8(images: Tensor) -> np.ndarray:
    """Clamp tensors (..., 3, H, W) to [-1, 1] and round them to arrays uint8 (..., H, W, 3)."""
    return _levels(images).to(torch.uint8).movedim(-3, -1).cpu().numpy()


def quantize(images: Tensor) -> Tensor:
    """Clamp tensors (..., 3, H, W) to [-1, 1] and round them to the levels of 8 bits, as float32.

    What is not a number stays so. No gradient flows through it.
    """
    return _levels(images) / HALF - 1


def _levels(images):
    return ((images.detach().float().clamp(-1, 1) + 1) * HALF).round()


def from_pil(image: Image.Image) -> Tensor:
    """Turn a `PIL.Image` into a tensor (3, H, W) float32 in [-1, 1]."""
    return from_uint8(np.array(image.convert("RGB")))


def to_pil(image: Tensor) -> Image.Image:
    """Turn a tensor (3, H, W) in [-1, 1] into an 8-bit RGB `PIL.Image`."""
    return Image.fromarray(to_uint8(image))


def at_least_float32(x: Tensor) -> Tensor:
    """Turn bf16 into float32; leave float32 and float64 as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def box_resize(images: Tensor, size: int) -> Tensor:
    """Box-average (N, 3, H, W) to size x size; smaller images are left as they are.

    Whole factors use `avg_pool2d`, which is deterministic on CUDA as well.
    """
    height = images.shape[-1]
    if height <= size:
        return images
    if height % size == 0:
        return F.avg_pool2d(images, height // size)
    return F.adaptive_avg_pool2d(images, size)

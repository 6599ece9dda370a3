"""Pictures as files, written whole or not at all."""

import numpy as np
from PIL import Image

from ganinv.files import atomic_path


def save_png(path, picture):
    """Write an array (H, W, 3) of 8 bits as PNG."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")


def save_jpeg(path, picture, quality=88):
    """Write an array (H, W, 3) of 8 bits as JPEG."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="JPEG", quality=quality)


def read_png(path):
    """Read a PNG that `save_png` wrote: uint8 (H, W, 3)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))

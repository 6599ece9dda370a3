"""Pictures as files, written whole or not at all."""

from pathlib import Path

import numpy as np
from PIL import Image

from ganinv.files import atomic_path


def save_png(path: Path | str, picture: np.ndarray) -> None:
    """Write an array (H, W, 3) of 8 bits as PNG."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")


def save_jpeg(path: Path | str, picture: np.ndarray, quality: int = 88) -> None:
    """Write an array (H, W, 3) of 8 bits as JPEG."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="JPEG", quality=quality)


def read_png(path: Path | str) -> np.ndarray:
    """Read a PNG that `save_png` wrote: uint8 (H, W, 3)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))

"""Pictures as files, written whole or not at all."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganinv.files import atomic_path


def save_png(path: Path | str, picture: np.ndarray, **texts: str) -> None:
    """Write an array (H, W, 3) of 8 bits as PNG, with `texts` beside the pixels by their names."""
    about = PngInfo()
    for name, text in texts.items():
        about.add_text(name, text)
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG", pnginfo=about)


def save_jpeg(path: Path | str, picture: np.ndarray, quality: int = 88) -> None:
    """Write an array (H, W, 3) of 8 bits as JPEG."""
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="JPEG", quality=quality)


def read_png_text(path: Path | str, name: str) -> str:
    """Read a text that `save_png` wrote beside the pixels, "" where there is none."""
    with Image.open(path) as image:
        return str(image.info.get(name, ""))


def read_png(path: Path | str) -> np.ndarray:
    """Read a PNG that `save_png` wrote: uint8 (H, W, 3)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))

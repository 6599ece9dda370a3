"""Pictures as files, written whole or not at all."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ganinv.files import atomic_path, size_of


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
    """Read a text that `save_png` wrote beside the pixels, "" where there is none.

    Raises OSError, as `read_png`.
    """
    with _opened(path) as image:
        return str(image.info.get(name, ""))


def read_png(path: Path | str) -> np.ndarray:
    """Read a PNG that `save_png` wrote: uint8 (H, W, 3).

    Raises OSError for what is none, also for a pipe, which may not end, and for one of so many
    pixels that it would take all memory.
    """
    with _opened(path) as image:
        return np.array(image.convert("RGB"))


@contextlib.contextmanager
def _opened(path: Path | str) -> Iterator[Image.Image]:
    size_of(path)
    try:
        with Image.open(path) as image:
            yield image
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError(f"{path}: {error}") from error

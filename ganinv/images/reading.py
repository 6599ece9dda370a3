"""Read and check photographs as people have them, list them, name them.

Whatever a file holds becomes an upright 8-bit RGB picture or an ImageError with its reason; no
header is believed before its sizes are checked.
"""

import hashlib
import io
import re
import stat
import unicodedata
import warnings
from collections.abc import Container
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ganinv.errors import ImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")
MIN_SIDE = 16
MAX_BYTES = 500_000_000
MAX_PIXELS = 100_000_000  # a hostile header can announce more than memory holds


def open_image(source: Path | str | bytes) -> Image.Image:
    """Open a file (a path or its bytes) as an upright 8-bit RGB `PIL.Image`.

    Turned as EXIF says; transparency laid on white; grey, CMYK, palette and 16-bit converted.
    Raises ImageError, and nothing else, for a file that is missing, empty, truncated, not an
    image, smaller than 16 pixels a side or larger than 100 megapixels.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    if not data:
        raise ImageError("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # checked below
            image = Image.open(io.BytesIO(data))
        _check_size(image.size)
        image.load()
        return _to_rgb(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageError(f"it announces over {MAX_PIXELS // 10**6} megapixels") from None
    except UnidentifiedImageError:
        raise ImageError("not an image, or of a format that Pillow does not read") from None
    except Exception as error:  # Pillow's decoders raise many kinds for damaged files
        raise ImageError(f"the image is damaged or truncated ({error})") from None


def read_bytes(path: Path | str) -> bytes:
    """Read a regular file; raise ImageError with the reason where that fails."""
    try:
        about = Path(path).stat()
        if not stat.S_ISREG(about.st_mode):  # a pipe or a device would never end
            raise ImageError("a directory, pipe or device, not a file")
        if about.st_size > MAX_BYTES:
            raise ImageError(f"the file has over {MAX_BYTES // 10**6} MB")
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read the file: {error.strerror}") from None


def _check_size(size):
    width, height = size
    if min(size) < MIN_SIDE:
        raise ImageError(f"too small: {width}x{height}, at least {MIN_SIDE} pixels a side needed")
    if width * height > MAX_PIXELS:
        raise ImageError(f"too large: {width}x{height}; up to {MAX_PIXELS // 10**6} megapixels")


def _white(values, mode):
    """The value of white: 16-bit files say it, others show it by their largest value."""
    if mode.startswith("I;16"):
        return 65535
    if mode == "F" and values.max() <= 1:
        return 1
    return 65535 if values.max() > 255 else 255


def _to_rgb(image):
    if image.mode.startswith("I") or image.mode == "F":
        # Pillow's own conversion would clip at 255
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        top = _white(values, image.mode)
        image = Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


def list_images(folder: Path | str) -> list[Path]:
    """List all image files below a folder, sorted by path; hidden ones are left out."""
    folder = Path(folder)
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return sorted(
        p for p in found if not any(s.startswith(".") for s in p.relative_to(folder).parts)
    )


def image_id(path: Path | str, reserved: Container[str] = ()) -> str:
    """Name an image so that the name is safe as a folder and does not depend on other images.

    The file's stem with everything but letters, digits, `.`, `_` and `-` replaced; where that
    loses something, or the name is reserved, six hex digits of the full name's SHA-256 follow.
    """
    name = unicodedata.normalize("NFC", Path(path).name)
    stem = Path(name).stem
    safe = re.sub(r"[^\w.-]+", "_", stem).strip("._-")[:60]
    if safe == stem and safe.lower() not in reserved:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{safe or 'image'}-{digest}"

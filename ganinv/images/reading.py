"""Read and check photographs as people have them, and name them.

Whatever a file holds becomes an upright 8-bit RGB picture in sRGB or an ImageError with its reason;
no header is believed before its sizes are checked, and no metadata decides whether pixels are read.
"""

import hashlib
import io
import re
import stat
import unicodedata
import warnings
from collections.abc import Callable, Container
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ganinv.errors import ImageError, printable
from ganinv.images.colours import to_srgb
from ganinv.images.depths import is_deep, to_8_bits
from ganinv.images.folders import SUFFIXES as SUFFIXES
from ganinv.images.folders import list_images as list_images
from ganinv.images.formats import HEAD, kind_of
from ganinv.images.metadata import find_exif, read_orientation, without_metadata

MIN_SIDE = 16
MAX_BYTES = 500_000_000
MAX_PIXELS = 100_000_000  # a hostile header can announce more than memory holds
HEIC_EXTRA = "pip install 'ganinv[heic]'"
TURNS = {  # EXIF's orientations: how what is stored becomes upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_heif(data: bytes) -> Image.Image:
    """Open the bytes of a HEIC file by pillow-heif. Raises ImportError where that is not installed.

    The picture comes upright, as the file's own turns say; EXIF's orientation does not count there.
    """
    import pillow_heif

    file = pillow_heif.open_heif(io.BytesIO(data))
    _check_size(file.size)
    image = file.to_pillow()
    image.info = {"icc_profile": image.info.get("icc_profile")}
    return image


def open_image(
    source: Path | str | bytes,
    notice: Callable[[str], None] = lambda text: None,
    open_heif: Callable[[bytes], Image.Image] = open_heif,
) -> Image.Image:
    """Open a file (a path or its bytes) as an upright 8-bit RGB `PIL.Image` in sRGB.

    Turned as EXIF says; converted from its colour profile; transparency laid on white; grey, CMYK,
    palette and 16-bit converted. `notice` is told, each in a sentence, what was lost on the way:
    clipped values, values that are not numbers. `open_heif` opens a HEIC file, which needs the
    extra `heic`. Raises ImageError, and nothing else, for a file that is missing, empty, truncated,
    not an image, smaller than 16 pixels a side or larger than 100 megapixels.
    """
    data = source if isinstance(source, bytes) else read_bytes(source)
    if not data:
        raise ImageError("the file is empty")
    kind = kind_of(data[:HEAD])
    decode = open_heif if kind == "heif" else _opener(data)
    said: list[str] = []  # told when warnings count again: `notice` may make one
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of metadata and of sizes checked here
            image = _to_rgb(_past_metadata(decode, data), said.append)
    except ImageError:
        raise
    except ImportError:
        raise ImageError(f"a HEIC file, which needs an extra: run {HEIC_EXTRA}") from None
    except Image.DecompressionBombError:
        raise ImageError(f"it announces over {MAX_PIXELS // 10**6} megapixels") from None
    except UnidentifiedImageError:
        raise ImageError(_unidentified(data, kind)) from None
    except Exception as error:  # decoders raise many kinds for damaged files
        raise ImageError(f"the image is damaged or truncated ({printable(error)})") from None
    for text in said:
        notice(text)
    return image


def _past_metadata(decode, data):
    """Decode a file; where that fails, once more with less metadata. The first error counts."""
    try:
        return decode(data)
    except (ImageError, ImportError, Image.DecompressionBombError):
        raise
    except Exception as error:
        for copy in without_metadata(data):
            try:
                return decode(copy)
            except ImageError:  # of its size, which metadata had hidden
                raise
            except Exception:
                continue
        raise error


def _opener(whole):
    """A function that opens a file, or its copy with less metadata, turned as the file says."""
    stated = read_orientation(find_exif(whole))

    def decode(data):
        image = Image.open(io.BytesIO(data))
        _check_size(image.size)
        image.load()
        turn = TURNS.get(_orientation(image, stated))
        return image if turn is None else image.transpose(turn)

    return decode


def _orientation(image, stated):
    if image.format == "TIFF":  # turned while it is loaded; what is left is none, or unusable
        return 1
    if stated:
        return stated
    try:
        exif = image.info.get("exif", b"")
        return read_orientation(exif) or image.getexif().get(0x0112, 1)  # as XMP may say
    except Exception:  # of EXIF that is damaged in one of many ways
        return 1


def _unidentified(data, kind):
    if kind == "video":
        return "a video, not an image"
    if kind or data.startswith((b"\0\0\x01\0", b"%!PS")):
        return "an image whose header is damaged, or of a kind that Pillow does not read"
    return "not an image, or of a format that Pillow does not read"


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


def _to_rgb(image, notice):
    profile = image.info.get("icc_profile")
    if is_deep(image):
        image = to_8_bits(image, notice)
    if image.has_transparency_data:
        image = image.convert("LA" if image.mode in ("L", "LA") else "RGBA")
    elif image.mode in ("P", "YCbCr", "RGBX", "HSV"):
        image = image.convert("RGB")
    image = to_srgb(image, profile)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    return image.convert("RGB")


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

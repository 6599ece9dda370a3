"""Images as Python hands them over: paths, pictures, arrays and tensors, checked.

What is certain is simply taken; what would be inverted or measured wrongly without a word, such as
values of 0 to 255, is refused with what to do about it.
"""

import io
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ganinv.errors import ImageError, NoFaceError
from ganinv.images.alignment import frame
from ganinv.images.pixels import from_pil
from ganinv.images.reading import open_image

LIMIT = 2.0  # generated images leave [-1, 1] by up to a half; other scales go far beyond
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
UNIT = "values lie in [0, 1]; [-1, 1] is expected: x * 2 - 1"
TAKEN = "a path, a PIL image, uint8 or floats in [-1, 1] are taken"
WRITABLE = ("1", "L", "P", "I", "I;16", "I;16B", "F", "RGB", "RGBA", "CMYK")  # modes of a TIFF

ImageLike = Tensor | np.ndarray | Image.Image | str | os.PathLike


def as_target(image: ImageLike, size: int, *, align: bool = True, stacklevel: int = 2) -> Tensor:
    """Turn an image into a tensor (3, size, size) float32 in [-1, 1].

    Taken are a path (`~` is expanded), a `PIL.Image`, uint8 as an array (H, W, 3) or a tensor
    (3, H, W), and floats (3, size, size) in [-1, 1], which keep their device. A path, and pictures
    and uint8 of another size, are framed as the command line does: by their face if `align`, else
    by their centre square. Floats that leave [-1, 1] a little are clamped.

    Raises ImageError for anything else, for values that are not finite or beyond 2, for files that
    cannot be read, and NoFaceError. Warns where all floats lie in [0, 1], and of several faces;
    `stacklevel` is that of `warnings.warn`.
    """
    notices: list[str] = []
    if isinstance(image, (str, os.PathLike)):
        path, picture = _open(image)
        advice = f"its centre square is load_image({str(path)!r}, {size}, align=False)"
        taken = _framed(picture, size, align, f"{path}: ", advice, notices)
    elif isinstance(image, Image.Image) or _is_uint8(image):
        picture = _upright(image) if isinstance(image, Image.Image) else _from_levels(image)
        if picture.size == (size, size):
            taken = from_pil(picture)
        else:
            advice = f"crop it to {size}x{size} pixels: a picture of that size is taken as it is"
            taken = _framed(_upright(picture), size, align, "the target: ", advice, notices)
    else:
        taken = _from_floats(image, "target", size, LIMIT, notices).clamp(-1, 1)
    for text in notices:
        warnings.warn(text, stacklevel=stacklevel)
    return taken


def as_pixels(image: ImageLike, what: str, *, limit: float = LIMIT, stacklevel: int = 2) -> Tensor:
    """Turn an image of any size into a tensor (3, H, W) float32, not framed and not clamped.

    `what` names it in messages. Takes and refuses what `as_target` does; beyond `limit` values are
    refused, NaN always. With an infinite limit the scale is not asked for, and nothing is warned.
    """
    notices: list[str] = []
    if isinstance(image, (str, os.PathLike)):
        taken = from_pil(_open(image)[1])
    elif isinstance(image, Image.Image):
        taken = from_pil(_upright(image))
    elif _is_uint8(image):
        taken = from_pil(_from_levels(image))
    else:
        taken = _from_floats(image, what, None, limit, notices)
    for text in notices:
        warnings.warn(f"the {what}: {text}", stacklevel=stacklevel)
    return taken


def _open(path):
    """Open a file: (its path, an upright RGB `PIL.Image`)."""
    if not os.fspath(path):
        raise ImageError("the name of the image's file is empty")
    try:
        path = Path(path).expanduser()
    except RuntimeError as error:  # the home of a user who does not exist
        raise ImageError(f"{path}: {error}") from None
    try:
        return path, open_image(path)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from None


def _framed(picture, size, align, name, advice, notices):
    try:
        framed = frame(picture, size, align, lambda text: notices.append(f"{name}{text}"))
    except NoFaceError:
        raise NoFaceError(f"{name}no face found; {advice}") from None
    except ImageError as error:
        raise type(error)(f"{name}{error}") from None
    return from_pil(framed)


def _upright(picture):
    """Read an open picture as its file would be: upright, 8-bit RGB, within the bounds of size."""
    try:
        turned = ImageOps.exif_transpose(picture)
        if turned.mode == "La":  # Pillow knows one way out of it
            turned = turned.convert("LA")
        if turned.has_transparency_data:
            turned = turned.convert("RGBA")
        elif turned.mode not in WRITABLE:
            turned = turned.convert("RGB")
        file = io.BytesIO()
        turned.save(file, "TIFF", compression="raw")  # a format that loses nothing of any mode
    except Exception as error:  # Pillow reads files late, and raises many kinds for damaged ones
        raise ImageError(f"the picture cannot be read ({error})") from None
    return open_image(file.getvalue())


def _is_uint8(image):
    if isinstance(image, Tensor):
        return image.dtype == torch.uint8
    return isinstance(image, np.ndarray) and image.dtype == np.uint8


def _from_levels(image):
    """Turn uint8, a tensor (3, H, W) or an array (H, W, 3), into a `PIL.Image`."""
    shape, is_tensor = tuple(image.shape), isinstance(image, Tensor)
    channels = shape[0 if is_tensor else -1] if len(shape) == 3 else 0
    if channels != 3 or 0 in shape:
        wanted = "a tensor (3, H, W)" if is_tensor else "an array (H, W, 3)"
        advice = _advice(shape, is_tensor, first=is_tensor)
        raise ImageError(f"the image is uint8 of the shape {shape}; {wanted} is wanted{advice}")
    if is_tensor:
        image = image.detach().cpu().permute(1, 2, 0).numpy()
    return Image.fromarray(np.ascontiguousarray(image))


def _from_floats(image, what, size, limit, notices):
    """Check floats, an array or a tensor (3, H, W); return them as a float32 tensor."""
    if not isinstance(image, (np.ndarray, Tensor)):
        raise ImageError(f"the {what} is of the type {type(image).__name__}; {TAKEN}")
    is_tensor = isinstance(image, Tensor)
    known = image.dtype in FLOATS if is_tensor else image.dtype.kind == "f"
    if not known:
        raise ImageError(f"the {what} is {image.dtype}; {TAKEN}{_retyped(image)}")
    shape, side = tuple(image.shape), ("H, W" if size is None else f"{size}, {size}")
    fits = len(shape) == 3 and shape[0] == 3 and 0 not in shape
    if not fits or (size is not None and shape[1:] != (size, size)):
        advice = _advice(shape, is_tensor, first=True)
        raise ImageError(f"the {what} has the shape {shape}; (3, {side}) is wanted{advice}")
    # float64, since torch reads neither all widths nor all byte orders of numpy's
    x = image.detach() if is_tensor else torch.from_numpy(np.array(image, np.float64))
    if not (x.isfinite().all() if limit < torch.inf else not x.isnan().any()):
        raise ImageError(f"the {what} holds NaN or infinite values")
    low, high = x.min().item(), x.max().item()
    if max(-low, high) > limit:
        span = f"values from {low:g} to {high:g}"
        raise ImageError(f"the {what} has {span}; [-1, 1] is wanted: {_rescaled(low, high)}")
    if limit < torch.inf and low >= 0 and high <= 1:
        notices.append(UNIT)
    return x.float()


def _retyped(image):
    """Advice on integers: those of 8 bits are usual, whatever their type."""
    if isinstance(image, Tensor):
        whole = not (image.is_complex() or image.is_floating_point() or image.dtype == torch.bool)
        cast = "x.to(torch.uint8)"
    else:
        whole, cast = image.dtype.kind in "iu", "x.astype(numpy.uint8)"
    return f": where it holds 0 to 255, {cast}" if whole else ""


def _rescaled(low, high):
    if low >= 0 and high <= 255:
        return "where it holds 0 to 255, x / 127.5 - 1, or pass uint8"
    if low >= 0 and high <= 65535:
        return "where it holds 16 bits, x / 32767.5 - 1"
    if max(-low, high) < 3:
        return "where it was normalized by a mean and a deviation, undo that first"
    return "rescale it"


def _advice(shape, is_tensor, *, first):
    """Say how a shape becomes one image, whose channels are to lie first or last."""
    side = (0 if first else -1) if len(shape) == 3 else None
    moved = ("x.permute({})" if is_tensor else "x.transpose({})").format
    if len(shape) == 4:
        return ": pass one image, x[0]"
    if len(shape) == 2 or (side is not None and shape[side] == 1):
        return ": repeat its one channel three times"
    if side is None:
        return ""
    if shape[side] == 3:
        return ": resize it; paths, pictures and uint8 of other sizes are framed"
    if shape[-1 - side if first else 0] in (3, 4):
        return f": its channels lie elsewhere, {moved('2, 0, 1' if first else '1, 2, 0')}"
    if shape[side] == 4:
        return f": leave out its alpha channel, {'x[:3]' if first else 'x[..., :3]'}"
    return ""

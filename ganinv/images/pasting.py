"""Put a crop back into the photograph it was cut from, blended at the rim.

The square is a similarity transform of the crop, so its inverse is one, too. Where the photograph
is coarser than the crop, the crop is shrunk first, since the transform below samples points.
Where the square leaves the photograph, alignment blurred the photograph's edge; the crop fades out
towards it, so that no blur is brought back.
"""

import math

import numpy as np
from PIL import Image

from ganinv.errors import ImageError
from ganinv.images.alignment import padding

RIM = 0.08  # the share of the square's side over which the crop fades in
STRIP = 256  # rows at a time, so that a large photograph takes little memory


def paste(photo: Image.Image, crop: Image.Image, quad: np.ndarray, rim: float = RIM) -> Image.Image:
    """Lay a square RGB `crop` over an RGB `photo`, corners at `quad` (4, 2); return a new image.

    `quad` holds top left, bottom left, bottom right, top right in pixels of the photograph, whole
    numbers being pixels' centres. From its edge inwards, over `rim` (0 to 0.5) of its side, the
    crop fades in, as it does from an edge of the photograph that the square crosses; pixels whose
    centres lie outside it stay as they are, to the bit. Raises ImageError where the crop is not
    square, or the square lies outside the photograph.
    """
    if crop.width != crop.height:
        raise ImageError(f"not square, as a crop is: {crop.width}x{crop.height}")
    low = np.ceil(quad.min(0)).astype(int).clip(0)
    high = (np.floor(quad.max(0)).astype(int) + 1).clip(None, photo.size)
    if np.any(high <= low):
        raise ImageError("its square lies outside the photograph")
    side = float(np.hypot(*(quad[3] - quad[0])))
    pads = padding(photo.size, quad, side)
    bands = [_as_float(band) for band in _shrink(crop.convert("RGB"), side).split()]
    # rows of the inverse: from pixels of the photograph to the square's (u, v) in [0, 1]
    inverse = np.stack([quad[3] - quad[0], quad[1] - quad[0]]) / side**2
    result = photo.copy()
    for top in range(low[1], high[1], STRIP):
        box = (int(low[0]), top, int(high[0]), min(top + STRIP, int(high[1])))
        y, x = np.mgrid[box[1] : box[3], box[0] : box[2]]
        weight = _weight(x - quad[0, 0], y - quad[0, 1], inverse, rim)
        if pads is not None:
            weight = np.minimum(weight, _from_edges(x, y, photo.size, pads))
        result.paste(_blend(photo.crop(box), box, bands, quad[0], inverse, weight), box)
    return result


def _as_float(band):
    """Pillow's transform would cut off fractions of 8 bits, half a level on average."""
    return Image.fromarray(np.asarray(band, np.float32))


def _weight(x, y, inverse, rim):
    """How much of the crop counts at places (H, W) relative to its corner, 0 to 1."""
    inside = np.full(x.shape, np.inf)  # how far from the nearest edge, in sides
    for direction in inverse:
        along = x * direction[0] + y * direction[1]
        inside = np.minimum(inside, np.minimum(along, 1 - along))
    return _fade(inside, rim)


def _from_edges(x, y, size, pads):
    """The share of a photograph's pixels (H, W) that alignment left unblurred near its edges."""
    (left, top), (right, bottom) = pads / 3
    near = [(x + 1) / left, (size[0] - x) / right, (y + 1) / top, (size[1] - y) / bottom]
    return _fade(np.minimum.reduce(near), 1)


def _blend(before, box, bands, corner, inverse, weight):
    """What becomes of a box of the photograph: the crop's `bands` over it, by `weight` (H, W)."""
    rows = inverse * bands[0].width
    # Pillow's transform counts from pixels' edges, half a pixel before their centres
    start = rows @ (np.array(box[:2]) - 0.5 - corner)
    matrix = (*rows[0], start[0], *rows[1], start[1])
    placed = [
        band.transform(before.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        for band in bands
    ]
    pixels = np.asarray(before, np.float32)  # (H, W, 3)
    mixed = (
        pixels + (np.stack([np.asarray(band) for band in placed], -1) - pixels) * weight[..., None]
    )
    return Image.fromarray(mixed.round().clip(0, 255).astype(np.uint8))


def _shrink(crop, side):
    """Shrink a crop to the pixels that its square has in the photograph; never enlarge it."""
    wanted = max(math.ceil(side), 1)
    if crop.width <= wanted:
        return crop
    return crop.resize((wanted, wanted), Image.Resampling.LANCZOS)


def _fade(inside, rim):
    """0 outside, 1 from the rim on, and between them a smooth step."""
    if rim <= 0:
        return (inside > 0).astype(np.float32)
    t = (inside / rim).clip(0, 1)
    return t * t * (3 - 2 * t)

"""Align a face as FFHQ was made: 68 landmarks, a rotated square, padding where it leaves the image.

The square's geometry follows Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs"
(arXiv 1710.10196), appendix C, with FFHQ's constants: its centre lies a tenth of the way from
the eyes to the mouth, its side is the larger of 4 eye distances and 3.6 eye-to-mouth distances.
Where it leaves the photograph the border is mirrored, blurred and faded to the median colour.
The landmark predictor was trained on iBUG 300-W: for research, not for commercial use.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from ganinv.errors import ImageError, NoFaceError, ParamsError, printable
from ganinv.images.faces import TRIED, find_faces, parse_face
from ganinv.images.pixels import from_pil
from ganinv.images.reading import open_image

SUPERSAMPLING = 4
ENLARGED = 2  # by more than this factor is worth a notice
SURE = 80  # pixels of a face's width from which on it is found
CROPS = "--no-align is only for pictures that are crops already"  # as `ganinv invert` has it
IN_PYTHON = "--no-align", "align=False"


@dataclass(frozen=True)
class Cut:
    """A square cut out of a photograph.

    `image` is size x size; `quad` (4, 2) the corners, as `face_square` orders them, in pixels of
    the photograph; `face` counts from 1 by size, of `faces`, and both are 0 for a centre square.
    """

    image: Image.Image
    quad: np.ndarray
    face: int
    faces: int


def load_image(
    path: Path | str, size: int, align: bool = False, face: int | str = "largest"
) -> Tensor:
    """Read a photograph to a tensor (3, size, size) float32 in [-1, 1].

    With `align`, the largest face is found and cropped, or face number `face`, counted from 1 by
    size, with a warning when there are several; without, the centre square is taken. What else
    changes the picture (clipping, enlarging) is a warning, too. Raises ImageError, or its subclass
    NoFaceError; messages and warnings name the file.
    """

    def notice(text):
        warnings.warn(f"{printable(path)}: {text}", stacklevel=2)

    try:
        image = open_image(path, notice)
        return from_pil(frame(image, size, align, notice, face, CROPS.replace(*IN_PYTHON)))
    except ImageError as error:
        raise type(error)(f"{printable(path)}: {error}") from None


def frame(
    image: Image.Image,
    size: int,
    align: bool,
    notice: Callable[[str], None],
    face: int | str = "largest",
    otherwise: str = CROPS,
) -> Image.Image:
    """Bring a `PIL.Image` to size x size as `cut_squares` does, one face of it."""
    if face == "all":
        raise ParamsError("face: all faces make several images; name one: largest, 1, 2, …")
    return cut_squares(image, size, align, notice, face, otherwise)[0].image


def cut_squares(
    image: Image.Image,
    size: int,
    align: bool,
    notice: Callable[[str], None] = lambda text: None,
    face: int | str = "largest",
    otherwise: str = CROPS,
) -> list[Cut]:
    """Cut squares of size x size out of a `PIL.Image`: a face by FFHQ's square if `align`, else the
    centre square.

    `face` is "largest", a number counted from 1 by size, or "all", one `Cut` for each. `notice` is
    told, in a sentence, of several faces and of squares enlarged by more than 2 times. Raises
    NoFaceError where there is no such face, ParamsError for any other `face`. `otherwise` says, to
    whoever has a picture without a face, how the caller takes it as it is; "" where it cannot.
    """
    wanted = parse_face(face)
    if not align:
        picture = ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)
        cuts = [Cut(picture, centre_square(image.size), 0, 0)]
    else:
        faces = find_faces(image)
        if not faces:
            raise NoFaceError("; ".join(filter(None, [_advise(image.size), otherwise])))
        chosen = _choose(len(faces), wanted, notice)
        squares = {number: face_square(faces[number - 1]) for number in chosen}
        cuts = [
            Cut(crop_square(image, quad, size), quad, number, len(faces))
            for number, quad in squares.items()
        ]
    for cut in cuts:
        side = float(np.hypot(*(cut.quad[3] - cut.quad[0])))
        if size > ENLARGED * side:
            name = f"the square of face {cut.face}" if cut.faces > 1 else "its square"
            notice(
                f"{name} is {side:.0f} pixels a side, enlarged to {size}: details that are not in "
                "the photograph will be missing or invented"
            )
    return cuts


def _advise(size):
    """What to do about a photograph of (W, H) in which no face was found."""
    if min(size) <= SURE:
        return (
            f"no face found: the picture is too small, {size[0]}x{size[1]} pixels; take a larger "
            f"one, in which the face is over {SURE} pixels wide"
        )
    return (
        f"no face found ({TRIED}): crop nearer to the head, so that the face is over {SURE} pixels "
        "wide, and turn it upright"
    )


def _choose(count, wanted, notice):
    """Numbers of the faces to take, from 1; a notice where there are others."""
    if wanted == "all":
        return range(1, count + 1)
    if wanted != "largest" and wanted > count:
        found = "1 face was" if count == 1 else f"{count} faces were"
        raise NoFaceError(f"face {wanted} was asked for, and {found} found; they count from 1")
    if wanted == "largest" and count > 1:
        notice(
            f"{count} faces found, the largest is taken; --face 1 to {count} takes another one, "
            "by size, and --face all takes each"
        )
    return [1 if wanted == "largest" else wanted]


def centre_square(size: tuple[int, int]) -> np.ndarray:
    """Return the corners (4, 2) of the largest square in the middle of a picture of (W, H)."""
    half = min(size) / 2
    centre = np.array(size) / 2 - 0.5  # whole numbers are pixels' centres
    return centre + half * np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)])


def face_square(landmarks: np.ndarray) -> np.ndarray:
    """Lay FFHQ's square about landmarks (68, 2).

    Its corners (4, 2): top left, bottom left, bottom right, top right.
    """
    left_eye, right_eye = landmarks[36:42].mean(0), landmarks[42:48].mean(0)
    mouth = (landmarks[48] + landmarks[54]) / 2
    eyes = (left_eye + right_eye) / 2
    across, down = right_eye - left_eye, mouth - eyes
    x = across + [down[1], -down[0]]  # along the eyes, and across the line from eyes to mouth
    x *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8) / np.hypot(*x)
    y = np.array([-x[1], x[0]])
    centre = eyes + down * 0.1
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def align_face(
    image: Image.Image, size: int, notice: Callable[[str], None] = lambda text: None
) -> Image.Image:
    """Crop the largest face of a `PIL.Image` to an aligned size x size `PIL.Image`.

    `notice` is told as by `cut_squares`. Raises NoFaceError.
    """
    return frame(image, size, True, notice)


def crop_square(image: Image.Image, quad: np.ndarray, size: int) -> Image.Image:
    """Cut out a rotated square with corners `quad` (4, 2), at size x size, padded where it leaves
    the image."""
    side = float(np.hypot(*(quad[3] - quad[0])))
    factor = int(side / size / 2)
    if factor > 1:  # shrink first: the transform below samples points
        image = image.reduce(factor)
        quad, side = quad / factor, side / factor
    image, quad = _crop(image, quad, side)
    image, quad = _pad(image, quad, side)
    big = size * SUPERSAMPLING
    corners = tuple((quad + 0.5).flatten())
    cut = image.transform((big, big), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    return cut.reduce(SUPERSAMPLING)


def _margin(side):
    return max(round(side * 0.1), 3)


def _crop(image, quad, side):
    """Cut away what lies farther from the square than a margin."""
    low = np.floor(quad.min(0)).astype(int) - _margin(side)
    high = np.ceil(quad.max(0)).astype(int) + _margin(side)
    size = np.array(image.size)
    low = low.clip(0, size - 1)  # a square wholly outside still needs a pixel to mirror
    high = high.clip(low + 1, size)
    return image.crop((*low.tolist(), *high.tolist())), quad - low


def padding(size: tuple[int, int], quad: np.ndarray, side: float) -> np.ndarray | None:
    """How far a picture of (W, H) is padded for a square: pixels (2, 2), left and top, then right
    and bottom; None where the square lies inside.

    Over a third of that, the picture itself is blurred at its edge.
    """
    margin = _margin(side)
    low = np.floor(quad.min(0)).astype(int) - margin
    high = np.ceil(quad.max(0)).astype(int) + margin
    widths = np.maximum([-low, high - np.array(size)], 0)
    if widths.max() <= margin:
        return None
    return np.maximum(widths, max(int(side * 0.3), 1))


def _pad(image, quad, side):
    """Mirror the image where the square leaves it, blurred and faded by the distance outside."""
    size = np.array(image.size)
    pads = padding(image.size, quad, side)
    if pads is None:
        return image, quad
    before, after = pads
    widths = ((before[1], after[1]), (before[0], after[0]), (0, 0))
    pixels = np.pad(np.asarray(image, np.float32), widths, "reflect")  # (H, W, 3)
    outside = _outside(size, before, after)[..., None]
    blurred = Image.fromarray(pixels.astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(float(side * 0.02))
    )
    pixels += (np.asarray(blurred, np.float32) - pixels) * np.clip(outside * 3 + 1, 0, 1)
    pixels += (np.median(pixels, axis=(0, 1)) - pixels) * np.clip(outside, 0, 1)
    padded = Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))
    return padded, quad + before


def _outside(size, before, after):
    """How far a padded pixel lies outside the photograph, as a share of the padding: (H, W).

    1 at the outer edge, 0 at the photograph's edge, negative inside it.
    """

    def along(n, lead, trail):
        i = np.arange(lead + n + trail)
        return 1 - np.minimum(i / lead, i[::-1] / trail)

    x = along(size[0], before[0], after[0])
    y = along(size[1], before[1], after[1])
    return np.maximum(x[None, :], y[:, None])

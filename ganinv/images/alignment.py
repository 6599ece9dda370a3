"""Align a face as FFHQ was made: 68 landmarks, a rotated square, padding where it leaves the image.

The square's geometry follows Karras, Aila, Laine and Lehtinen, "Progressive Growing of GANs"
(arXiv 1710.10196), appendix C, with FFHQ's constants: its centre lies a tenth of the way from
the eyes to the mouth, its side is the larger of 4 eye distances and 3.6 eye-to-mouth distances.
Where it leaves the photograph the border is mirrored, blurred and faded to the median colour.
The landmark predictor was trained on iBUG 300-W: for research, not for commercial use.
"""

import functools
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor

from ganinv.errors import ImageError, NoFaceError
from ganinv.images.pixels import from_pil
from ganinv.images.reading import open_image

DETECTION_SIDE = 1200  # longer photographs are shrunk for the detector; it costs by the pixel
CLEAR_SCORE = 0.3  # the sample photographs score 1.1 to 2.4, a patch on a spacesuit 0.12
SUPERSAMPLING = 4


def load_image(path: Path | str, size: int, align: bool = False) -> Tensor:
    """Read a photograph to a tensor (3, size, size) float32 in [-1, 1].

    With `align`, the largest face is found and cropped, with a warning when there are several;
    without, the centre square is taken. Raises ImageError, or its subclass NoFaceError; messages
    and warnings name the file.
    """

    def notice(text):
        warnings.warn(f"{path}: {text}", stacklevel=2)

    try:
        return from_pil(frame(open_image(path), size, align, notice))
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from None


def frame(image: Image.Image, size: int, align: bool, notice: Callable[[str], None]) -> Image.Image:
    """Bring a `PIL.Image` to size x size: by `align_face` if `align`, else by its centre square."""
    if align:
        return align_face(image, size, notice)
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


@functools.cache
def _models():
    import dlib
    import face_recognition_models

    predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
    return dlib.get_frontal_face_detector(), predictor


def find_faces(image: Image.Image) -> list[np.ndarray]:
    """Find the landmarks of every face in a `PIL.Image`: arrays (68, 2), the largest face first.

    Coordinates are pixels (x, y) of `image`; the order of points is iBUG 300-W's.
    """
    detector, predictor = _models()
    scale = min(1.0, DETECTION_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height)) if scale < 1 else image
    pixels = np.asarray(small)
    # upsampling once finds faces down to 40 pixels, which large photographs do not need
    upsample = max(small.size) <= 600
    boxes = _detect(detector, pixels, int(upsample))
    if not boxes and not upsample:
        boxes = _detect(detector, pixels, 1)
    shapes = [predictor(pixels, box) for box in sorted(boxes, key=lambda b: b.area(), reverse=True)]
    return [np.array([(p.x, p.y) for p in shape.parts()]) / scale for shape in shapes]


def _detect(detector, pixels, upsample):
    """Boxes of faces; faint finds count only where there is no clear one."""
    boxes, scores, _ = detector.run(pixels, upsample, 0.0)
    clear = [box for box, score in zip(boxes, scores, strict=True) if score >= CLEAR_SCORE]
    return clear or list(boxes)


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
    image: Image.Image, size: int, notice: Callable[[str], None] | None = None
) -> Image.Image:
    """Crop the largest face of a `PIL.Image` to an aligned size x size `PIL.Image`.

    `notice` is called with a sentence when there are several faces. Raises NoFaceError.
    """
    faces = find_faces(image)
    if not faces:
        raise NoFaceError("no face found; crop it by hand and use --no-align")
    if len(faces) > 1 and notice:
        notice(f"{len(faces)} faces found, the largest is taken")
    return crop_square(image, face_square(faces[0]), size)


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


def _pad(image, quad, side):
    """Mirror the image where the square leaves it, blurred and faded by the distance outside."""
    margin = _margin(side)
    low = np.floor(quad.min(0)).astype(int) - margin
    high = np.ceil(quad.max(0)).astype(int) + margin
    size = np.array(image.size)
    before, after = np.maximum(-low, 0), np.maximum(high - size, 0)
    if max(before.max(), after.max()) <= margin:
        return image, quad  # the square itself lies inside
    least = max(int(side * 0.3), 1)
    before, after = np.maximum(before, least), np.maximum(after, least)
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

"""Cat heads: from the nine points of the CAT data set to an upright square.

Zhang, Sun and Tang, "Cat Head Detection" (ECCV 2008), figure 6: two eyes, the mouth, and three
points of each ear. The square is turned so that the eyes are level, as FFHQ does it with faces; it
holds all nine points and, below the mouth, the chin.
"""

import numpy as np
from PIL import Image

from ganinv.errors import ImageError
from ganinv.images.alignment import crop_square

POINTS = 9
FARTHEST = 100_000  # pixels, of a point
CHIN = 1.5  # eyes to chin, by eyes to mouth
MARGIN = 1.1  # side of the square, by what it holds
SMALLEST, LARGEST = 32, 256  # pixels a side that are kept; no head is enlarged


def read_points(text: str) -> np.ndarray:
    """Read the points (9, 2), as (x, y) in pixels, of an annotation `9 x1 y1 ... x9 y9`.

    Raises ImageError for any other text.
    """
    try:
        count, *values = (int(word) for word in text.split())
    except ValueError:
        raise ImageError("its annotation is not a list of whole numbers") from None
    if any(abs(value) > FARTHEST for value in values):
        raise ImageError("its annotation has points far outside any photograph")
    if count != POINTS or len(values) != 2 * POINTS:
        raise ImageError(f"its annotation is not of {POINTS} points")
    return np.array(values, dtype=float).reshape(POINTS, 2)


def head_square(points: np.ndarray) -> np.ndarray:
    """Find the corners (4, 2) of the head's square: top left, bottom left, bottom right, top right.

    Raises ImageError where eyes or mouth fall together, since no side is up then.
    """
    eyes, mouth = points[:2].mean(0), points[2]
    across = points[1] - points[0]
    apart = np.hypot(*across)
    if not apart:
        raise ImageError("its eyes are annotated at one place")
    x = across / apart  # along the eyes
    y = np.array([-x[1], x[0]])
    depth = (mouth - eyes) @ y
    if abs(depth) < 0.1 * apart:
        raise ImageError("its mouth is annotated between the eyes")
    if depth < 0:  # the eyes are in the other order: a mirrored head would be upside down
        x, y, depth = -x, -y, -depth
    along, down = (points - eyes) @ x, (points - eyes) @ y  # (9,)
    left, right = along.min(), along.max()
    top, bottom = down.min(), max(down.max(), CHIN * depth)
    half = max(right - left, bottom - top) / 2 * MARGIN
    centre = eyes + x * (left + right) / 2 + y * (top + bottom) / 2
    x, y = x * half, y * half
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def crop_head(image: Image.Image, points: np.ndarray) -> Image.Image:
    """Crop the upright head, a square one of 32 to 256 pixels. Raises ImageError."""
    square = head_square(points)
    side = int(np.hypot(*(square[3] - square[0])))
    if side < SMALLEST:
        raise ImageError(f"its head has {side} pixels a side, fewer than {SMALLEST}")
    if not all(0 <= c <= s for c, s in zip(square.mean(0), image.size, strict=True)):
        raise ImageError("its head is annotated outside the image")
    return crop_square(image, square, min(side, LARGEST))

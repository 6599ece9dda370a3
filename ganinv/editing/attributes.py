"""Measures of a face that need no labels: pose, expression, shape, light.

Points are dlib's 68 landmarks (iBUG 300-W), found at `SIDE` pixels; lengths are in distances
between the eyes' centres (E), so that the size of a face does not matter. A picture is an aligned
one: the face is where FFHQ's square puts it, and hair and background are where it leaves them.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ganinv.images.faces import frontal_detector, landmark_predictor

VERSION = 2  # raised when a measure changes: what was measured before is not gone on with
SIDE = 512  # pixels at which a picture is measured
FINER = 2  # times as many pixels, in which landmarks are placed
SCORE = -0.3  # of the detector: turned faces of drawn pictures score as low


@dataclass(frozen=True)
class Face:
    """What attributes are measured of: `points` (68, 2) in pixels, `pixels` (S, S, 3) on [0, 1]."""

    points: np.ndarray
    pixels: np.ndarray

    @property
    def eyes(self) -> np.ndarray:
        """The centres of both eyes: (2, 2), the picture's left one first."""
        return np.stack([self.points[36:42].mean(0), self.points[42:48].mean(0)])

    @property
    def unit(self) -> float:
        """The distance between the eyes' centres, in pixels."""
        return float(np.hypot(*(self.eyes[1] - self.eyes[0])))

    @functools.cached_property
    def light(self) -> np.ndarray:
        """The luminance of every pixel (Rec. 709): (S, S), on [0, 1]."""
        return self.pixels @ np.array([0.2126, 0.7152, 0.0722])

    @functools.cached_property
    def skin(self) -> np.ndarray:
        """Where the face is, without eyes and mouth: bool (S, S), from brows to chin."""
        p = self.points
        drawn = Image.new("1", self.pixels.shape[1::-1])
        pen = ImageDraw.Draw(drawn)
        pen.polygon([tuple(x) for x in (*p[0:17], *p[26:16:-1])], fill=1)
        for hole in (p[36:42], p[42:48], p[48:60]):
            pen.polygon([tuple(x) for x in hole], fill=0)
        inside = np.asarray(drawn)
        return inside if inside.any() else np.ones_like(inside)

    def distance(self, *pairs: tuple[int, int]) -> float:
        """Return the mean distance of pairs of points, in E."""
        p = self.points
        return float(np.mean([np.hypot(*(p[a] - p[b])) for a, b in pairs])) / self.unit

    def measure(self) -> dict[str, float]:
        """Measure every attribute, by name."""
        return {name: attribute.function(self) for name, attribute in ATTRIBUTES.items()}


@dataclass(frozen=True)
class Attribute:
    """A measure of a face: what it says, its kind, and its function.

    Kinds are pose, expression, shape and light. Of expression and light, a face stays itself.
    """

    words: str
    kind: str
    function: Callable[[Face], float]


def yaw(face: Face) -> float:
    """The nose's tip, left or right of the middle between the cheeks, in half face widths."""
    left, right, tip = face.points[2], face.points[14], face.points[30]
    along = (right - left) / np.hypot(*(right - left))
    return float((tip - (left + right) / 2) @ along / np.hypot(*(right - left)) * 2)


def pitch(face: Face) -> float:
    """How far down the nose's tip lies on the way from the eyes to the upper lip: up is small."""
    eyes, lip = face.eyes.mean(0), face.points[51]
    down = (lip - eyes) / np.hypot(*(lip - eyes))
    return float((face.points[30] - eyes) @ down / np.hypot(*(lip - eyes)))


def roll(face: Face) -> float:
    """The line of the eyes against the horizontal, in degrees."""
    across = face.eyes[1] - face.eyes[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def smile(face: Face) -> float:
    """The mouth's width, in E."""
    return face.distance((48, 54))


def mouth(face: Face) -> float:
    """The gap between the lips, in E."""
    return face.distance((61, 67), (62, 66), (63, 65))


def eyes(face: Face) -> float:
    """The height of the eyes over their width."""
    height = face.distance((37, 41), (38, 40), (43, 47), (44, 46))
    return height / face.distance((36, 39), (42, 45))


def brows(face: Face) -> float:
    """The height of the brows above the eyes' centres, in E."""
    across = face.eyes[1] - face.eyes[0]
    up = np.array([across[1], -across[0]]) / face.unit  # at right angles to the line of the eyes
    heights = [(face.points[17:22] - face.eyes[0]) @ up, (face.points[22:27] - face.eyes[1]) @ up]
    return float(np.mean(heights)) / face.unit


def width(face: Face) -> float:
    """The width of the face at the mouth over its height from the brows to the chin."""
    brow = (face.points[21] + face.points[22]) / 2
    across = face.points[12] - face.points[4]
    return float(np.hypot(*across) / np.hypot(*(face.points[8] - brow)))


def brightness(face: Face) -> float:
    """The mean luminance of the face's skin, on [0, 1]."""
    return float(face.light[face.skin].mean())


def contrast(face: Face) -> float:
    """The standard deviation of the luminance of the face's skin."""
    return float(face.light[face.skin].std())


def warmth(face: Face) -> float:
    """How much more red than blue the face's skin is, over its luminance."""
    shares = face.pixels[face.skin].mean(0)
    return float((shares[0] - shares[2]) / max(face.light[face.skin].mean(), 1e-3))


def hair(face: Face) -> float:
    """The mean luminance where an aligned picture has the hair: above the forehead."""
    brow, chin = face.points[19:25].mean(0), face.points[8]
    up = brow - chin
    across = np.array([-up[1], up[0]]) / np.hypot(*up) * face.unit
    low, high = brow + 0.62 * up, brow + 0.9 * up
    corners = [low - 0.7 * across, low + 0.7 * across, high + 0.7 * across, high - 0.7 * across]
    return _mean_inside(face, corners)


def background(face: Face) -> float:
    """The mean luminance of the upper corners of the picture, a tenth of its width each."""
    light, n = face.light, len(face.pixels)
    across, down = n // 10, n // 3
    return float(np.mean([light[:down, :across].mean(), light[:down, -across:].mean()]))


ATTRIBUTES: dict[str, Attribute] = {
    "yaw": Attribute("the head's turn to the picture's right", "pose", yaw),
    "pitch": Attribute("the head's turn downwards", "pose", pitch),
    "roll": Attribute("the head's tilt", "pose", roll),
    "smile": Attribute("the mouth's width", "expression", smile),
    "mouth": Attribute("the mouth's opening", "expression", mouth),
    "eyes": Attribute("the eyes' opening", "expression", eyes),
    "brows": Attribute("the brows' height", "expression", brows),
    "width": Attribute("the face's width", "shape", width),
    "brightness": Attribute("the face's brightness", "light", brightness),
    "contrast": Attribute("the face's contrast", "light", contrast),
    "warmth": Attribute("the face's warmth, red against blue", "light", warmth),
    "hair": Attribute("the hair's brightness", "light", hair),
    "background": Attribute("the background's brightness", "light", background),
}


def measure_face(picture: np.ndarray, place: np.ndarray | None = None) -> dict[str, float] | None:
    """Measure every attribute of the largest face of a square picture, uint8 (S, S, 3).

    None where no face is found. `place` (68, 2), landmarks of the same face in another picture of
    the same size, says where to look when the detector finds none: an edit moves it little.
    """
    face = find_face(picture, place)
    return None if face is None else face.measure()


def find_face(picture: np.ndarray, place: np.ndarray | None = None) -> Face | None:
    """Find the largest face of a square picture, as `measure_face` does."""
    image = Image.fromarray(picture)
    pixels = np.asarray(_resized(image, SIDE))
    boxes, _, _ = frontal_detector().run(pixels, 0, SCORE)
    box = max(boxes, key=lambda found: found.area(), default=None)
    if box is None:
        if place is None:
            return None
        box = _box(place)
    return Face(_landmarks(image, box), pixels / 255)


def _landmarks(image: Image.Image, box: Any) -> np.ndarray:
    """Place landmarks (68, 2) in pixels at `SIDE`, more finely than the predictor's whole ones.

    What is around the face is enlarged: there, whole pixels are small.
    """
    import dlib

    low = np.array([box.left(), box.top()])
    side = np.array([box.right(), box.bottom()]) - low
    corners = np.clip(np.concatenate([low - side / 2, low + 1.5 * side]), 0, SIDE).round()
    scale = image.width / SIDE
    size = ((corners[2:] - corners[:2]) * FINER).astype(int).clip(1)
    crop = image.resize(tuple(size), Image.Resampling.BILINEAR, tuple(corners * scale))
    placed = (np.concatenate([low, low + side]) - np.tile(corners[:2], 2)) * FINER
    rectangle = dlib.rectangle(*(round(float(v)) for v in placed))
    points = landmark_predictor()(np.asarray(crop), rectangle).parts()
    return np.array([(p.x, p.y) for p in points], float) / FINER + corners[:2]


def _resized(image: Image.Image, side: int) -> Image.Image:
    if image.width == side:
        return image
    how = Image.Resampling.BOX if image.width > side else Image.Resampling.BILINEAR
    return image.resize((side, side), how)


def _box(points: np.ndarray) -> Any:
    """The box that dlib's detector lays about such landmarks."""
    import dlib

    low, high = points[17:].min(0), points.max(0)
    centre, half = (low + high) / 2, (high - low).max() * 0.52
    return dlib.rectangle(*(round(float(v)) for v in (*(centre - half), *(centre + half))))


def _mean_inside(face: Face, corners: list[np.ndarray]) -> float:
    drawn = Image.new("1", face.pixels.shape[1::-1])
    ImageDraw.Draw(drawn).polygon([tuple(x) for x in corners], fill=1)
    inside = np.asarray(drawn)
    if not inside.any():  # it lies above the picture
        inside = np.arange(len(inside))[:, None] < 1
        inside = np.broadcast_to(inside, drawn.size[::-1])
    return float(face.light[inside].mean())

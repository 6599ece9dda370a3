"""Find faces and their 68 landmarks by dlib, also turned and small ones.

Attempts, in order; each is made only where those before it found nothing sure. Times are of one
core for a photograph of 12 megapixels:

1. the frontal detector (HOG) at 1200 pixels, 0.2 to 0.9 s: finds ordinary photographs' faces;
2. the same, with the photograph turned by quarters, then by eighths: 1 to 6 s;
3. the same in tiles of the whole photograph, for faces from 40 pixels on: 0.7 s a megapixel, at
   most 16 megapixels; photographs under 1200 pixels are doubled, for faces from 20 pixels on;
4. the mmod CNN detector at 700 pixels, four times turned: 13 s and 0.6 GB of memory. It finds
   faces that look aside or are half hidden. How they are turned, the frontal detector tells.

Scores: upright faces of 99 portraits scored 0.9 and more for 95 %, false finds in portraits that
stand on their heads 0.5 at most.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ganinv.errors import ParamsError, printable

DETECTION_SIDE = 1200  # longer photographs are shrunk for the detector; it costs by the pixel
CLEAR_SCORE = 0.3  # the sample photographs score 1.1 to 2.4, a patch on a spacesuit 0.12
SURE_SCORE = 0.6  # below it, a turned face may be meant
MARGIN = 0.5  # by which a turned face must be clearer than an upright one
QUARTERS, EIGHTHS = (90, 180, 270), (45, 135, 225, 315)
TILE, STEP = 1200, 1000  # pixels; what overlaps holds the faces that an edge cuts
TILED_PIXELS = 16_000_000
CNN_SIDE = 700
CNN_SCORE = 0.5  # portraits score 1.0 to 1.1
TRIED = "upright, turned, as small faces, and by a second detector"


@dataclass(frozen=True)
class _Face:
    score: float
    area: float  # of the detector's box, in pixels of the photograph
    landmarks: np.ndarray  # (68, 2), pixels of the photograph


def parse_face(face: int | str) -> int | str:
    """Check which face is meant: "largest", "all", or its number from 1. Raises ParamsError."""
    text = str(face).strip().lower()
    if text in ("largest", "all"):
        return text
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise ParamsError(f"face: {printable(face)} is none of largest, all, and numbers from 1")


def find_faces(image: Image.Image) -> list[np.ndarray]:
    """Find the landmarks of every face in a `PIL.Image`: arrays (68, 2), the largest face first.

    Coordinates are pixels (x, y) of `image`, whole numbers being pixels' centres; the order of
    points is iBUG 300-W's, so that a face's own left eye comes after its right one however it is
    turned.
    """
    scale = min(1.0, DETECTION_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height)) if scale < 1 else image
    upright = _find(small, 0, scale)
    best = _best(upright)
    if best >= SURE_SCORE:
        return _by_size(upright)
    turned = _turned_faces(small, scale)
    if _best(turned) >= max(SURE_SCORE, best + MARGIN):
        return _by_size(turned)
    if upright:
        return _by_size(upright)
    clear = turned if _best(turned) >= CLEAR_SCORE else []
    return _by_size(_find_in_tiles(image) or clear or _find_by_cnn(image))


def _best(faces):
    return max((face.score for face in faces), default=-1.0)


def _by_size(faces):
    return [face.landmarks for face in sorted(faces, key=lambda face: face.area, reverse=True)]


@functools.cache
def frontal_detector() -> Any:
    """Load dlib's detector of upright faces (HOG), once."""
    import dlib

    return dlib.get_frontal_face_detector()


@functools.cache
def landmark_predictor() -> Any:
    """Load dlib's predictor of 68 landmarks, once."""
    import dlib
    import face_recognition_models

    return dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())


@functools.cache
def _cnn():
    import dlib
    import face_recognition_models

    return dlib.cnn_face_detection_model_v1(
        face_recognition_models.cnn_face_detector_model_location()
    )


def _landmarks(pixels, box):
    return np.array([(p.x, p.y) for p in landmark_predictor()(pixels, box).parts()])


def _find(small, degrees, scale):
    """Faces of a photograph that was shrunk by `scale`, looked for while it is turned."""
    pixels = np.asarray(_turn(small, degrees))
    # upsampling once finds faces down to 40 pixels, which large photographs do not need
    upsample = max(small.size) <= 600
    boxes = _detect(pixels, int(upsample))
    if not boxes and not upsample:
        boxes = _detect(pixels, 1)
    found = []
    for score, box in boxes:
        landmarks = _turn_back(_landmarks(pixels, box), degrees, small.size, pixels)
        found.append(_Face(score, box.area() / scale**2, landmarks / scale))
    return found


def _detect(pixels, upsample):
    """Boxes of faces with their scores; faint finds count only where there is no clear one."""
    boxes, scores, _ = frontal_detector().run(pixels, upsample, 0.0)
    found = list(zip(scores, boxes, strict=True))
    return [find for find in found if find[0] >= CLEAR_SCORE] or found


def _turn(image, degrees):
    """Turn a picture counter-clockwise, whole; quarters move pixels and change none."""
    if not degrees:
        return image
    return image.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=(128,) * 3)


def _turn_back(points, degrees, size, pixels):
    """Points (N, 2) of the `pixels` that `_turn` made, as points of the picture of `size`."""
    if not degrees:
        return points
    a = np.deg2rad(degrees)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    centre = np.array(pixels.shape[1::-1]) / 2 - 0.5
    return (points - centre) @ matrix.T + np.array(size) / 2 - 0.5


def _turned_faces(small, scale):
    """The faces of the turn that shows one most clearly; eighths where no quarter is sure."""
    best = []
    for turns in (QUARTERS, EIGHTHS):
        best = max([best, *(_find(small, degrees, scale) for degrees in turns)], key=_best)
        if _best(best) >= SURE_SCORE:
            break
    return best


def _find_in_tiles(image):
    scale = 2.0 if max(image.size) <= DETECTION_SIDE else 1.0
    scale = min(scale, (TILED_PIXELS / (image.width * image.height)) ** 0.5)
    width, height = (max(1, round(side * scale)) for side in image.size)
    large = image.resize((width, height)) if scale != 1 else image
    found = []  # (score, box in the whole picture, landmarks)
    for top in _starts(height):
        for left in _starts(width):
            tile = np.asarray(
                large.crop((left, top, min(left + TILE, width), min(top + TILE, height)))
            )
            for score, box in _detect(tile, 1):
                if score >= SURE_SCORE:
                    corner = np.array([left, top])
                    edges = np.array([[box.left(), box.top()], [box.right(), box.bottom()]])
                    found.append((score, edges + corner, _landmarks(tile, box) + corner))
    faces = []
    for score, box, landmarks in _without_doubles(found):
        faces.append(_Face(score, float(np.prod(box[1] - box[0])) / scale**2, landmarks / scale))
    return faces


def _starts(length):
    return [0, *range(STEP, length - TILE + STEP, STEP)]


def _without_doubles(found):
    """Of boxes that overlap by more than half of the smaller one, only the clearest."""
    kept = []
    for score, box, landmarks in sorted(found, key=lambda find: -find[0]):
        for _, other, _ in kept:
            shared = np.minimum(box[1], other[1]) - np.maximum(box[0], other[0])
            area = min(np.prod(box[1] - box[0]), np.prod(other[1] - other[0]))
            if shared.min() > 0 and np.prod(shared) > area / 2:
                break
        else:
            kept.append((score, box, landmarks))
    return kept


def _find_by_cnn(image):
    scale = min(2.0, CNN_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height))
    for degrees in (0, 180, 90, 270):
        finds = _cnn()(np.asarray(_turn(small, degrees)), 0)
        if boxes := [find.rect for find in finds if find.confidence >= CNN_SCORE]:
            return [_face_in(small, degrees, box, scale) for box in boxes]
    return []


def _face_in(small, degrees, box, scale):
    """The face in a box that the CNN found in a turned picture, however it is turned there."""
    import dlib

    turned = _turn(small, degrees)
    centre = np.array([box.left() + box.right(), box.top() + box.bottom()]) / 2
    half = max(box.width(), box.height())
    chip = turned.crop((*(centre - half).round().astype(int), *(centre + half).round().astype(int)))
    chip = chip.resize((240, 240))
    scores = {}
    for more in (0, *QUARTERS):
        _, found, _ = frontal_detector().run(np.asarray(_turn(chip, more)), 0, -1.0)
        scores[more] = max(found, default=-2.0)
    more = max(scores, key=lambda turn: scores[turn])  # the first of equals: as it was found
    upright = np.asarray(_turn(turned, more))
    x, y = _turn_back(centre[None], -more, upright.shape[1::-1], np.asarray(turned))[0]
    side = half / 2
    box = dlib.rectangle(*(round(float(v)) for v in (x - side, y - side, x + side, y + side)))
    landmarks = _turn_back(_landmarks(upright, box), more, turned.size, upright)
    landmarks = _turn_back(landmarks, degrees, small.size, np.asarray(turned))
    return _Face(scores[more], box.area() / scale**2, landmarks / scale)

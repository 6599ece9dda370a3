"""Whether a reconstruction shows the person of its target: the distance of dlib's face descriptors.

The network of Davis King (dlib, "High Quality Face Recognition with Deep Metric Learning", 2017)
describes a face by 128 numbers; photographs of one person lie less than `SAME_PERSON` apart. It is
a judge: no loss term is made of it. Both pictures are brought to `SIDE` pixels, where the frontal
detector takes 0.03 s of one core and a description 0.11 s, and the largest face counts.
"""

import functools
import math
from typing import Any

import numpy as np
from PIL import Image

from ganinv.images.faces import frontal_detector, landmark_predictor

SAME_PERSON = 0.6  # by it 99.4 % of the pairs of Labeled Faces in the Wild are told right
SIDE = 512  # pixels of the longer side; the face of an aligned photograph has about 300 of them
SMALLEST = 64  # shrunk to 48 pixels and enlarged again, a photograph is 0.3 from itself
SCORE = 0.0  # pictures without a face score -0.1 at most, aligned photographs 1.0 and more
KEPT = 8  # targets, at 0.8 MB each


def identity_distance(reconstruction: np.ndarray, target: np.ndarray) -> float:
    """Compute the Euclidean distance between the face descriptors of two pictures.

    They are uint8 (H, W, 3). It is 0 for equal ones. NaN where the target shows no face, also
    when enlarged to find small ones, and for pictures under 64 pixels. Where only the
    reconstruction shows none, what lies in the place of the target's face is described as if it
    were one: NaN would leave the worst reconstructions out of every mean.
    """
    if min(target.shape[:2]) < SMALLEST:
        return math.nan
    wanted = _shrunk(target)
    face = _target_face(wanted.tobytes(), wanted.shape)
    if face is None:
        return math.nan
    place, descriptor = face
    picture = _shrunk(reconstruction)
    found = _largest_face(picture)
    return float(np.linalg.norm(_describe(picture, found or place) - descriptor))


def face_descriptor(picture: np.ndarray, like: np.ndarray | None = None) -> np.ndarray | None:
    """Describe the largest face of a picture uint8 (H, W, 3): (128,), or None without one.

    Where none is found, what lies in the place of the face of `like` is described, a picture of the
    same size.
    """
    shrunk = _shrunk(picture)
    place = _largest_face(shrunk)
    if place is None and like is not None:
        face = _target_face(_shrunk(like).tobytes(), shrunk.shape)
        place = None if face is None else face[0]
    return None if place is None else _describe(shrunk, place)


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    """Bring a picture's longer side to `SIDE` pixels; small ones are enlarged."""
    height, width = pixels.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


@functools.lru_cache(maxsize=KEPT)  # searches are measured often against one target
def _target_face(data: bytes, shape: tuple[int, ...]) -> tuple[Any, np.ndarray] | None:
    """The box of a target's face and its descriptor, None without a face."""
    picture = np.frombuffer(data, np.uint8).reshape(shape)
    place = _largest_face(picture) or _largest_face(picture, enlarged=True)
    return None if place is None else (place, _describe(picture, place))


def _largest_face(picture: np.ndarray, *, enlarged: bool = False) -> Any | None:
    """The box of the largest face, of 80 pixels or more; of 40 where the picture is `enlarged`."""
    boxes, _, _ = frontal_detector().run(picture, int(enlarged), SCORE)
    return max(boxes, key=lambda box: box.area(), default=None)


@functools.cache
def _network() -> Any:
    import dlib
    import face_recognition_models

    return dlib.face_recognition_model_v1(face_recognition_models.face_recognition_model_location())


def _describe(picture: np.ndarray, box: Any) -> np.ndarray:
    """The descriptor (128,) of the face in a box."""
    return np.array(_network().compute_face_descriptor(picture, landmark_predictor()(picture, box)))

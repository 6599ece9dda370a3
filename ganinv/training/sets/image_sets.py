"""What a GAN is trained on: a set of images by its name or folder, decoded once and kept.

The centre square of every image is taken and resized by Pillow's antialiased Lanczos filter, or,
with `align`, the largest face is cut out as FFHQ's were; the result lies in data/cache/ as one
array, from which a training reads what it needs. Its name holds a hash of the files' names, sizes
and times, so that a changed folder is read anew. Anything under data/cache/ may be deleted.

Squares smaller than the size asked for are left out, since a GAN would learn the blur of enlarging
them, and so are, with `align`, images without a face. Wide and tall ones stay: their centre squares
are pictures like any other.

Nothing here imports torch before faces are drawn, so that a wrong name is told at once.
"""

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganinv.errors import ImageError, NoFaceError, ParamsError
from ganinv.images.reading import SUFFIXES, image_id, list_images, open_image
from ganinv.paths import cache_folder
from ganinv.runs.sets import PREFIX, find_set, load_sets, names_set, set_folder
from ganinv.training.sets.cache import cached
from ganinv.training.sets.names import count_faces, is_faces

FETCHED = ("cats", "abstract-art", "portraits", "congress")
NAMED = 5  # left-out files that are named; the others are counted
# to be changed with what becomes of an image: without and with `align`
METHODS = "centre square, Lanczos, 1", "FFHQ's square of the largest face, 1"


def _draw_faces(images, size, *, say):
    from ganinv.training.sets.faces import load_faces

    return load_faces(images, size, say=say)


def load_image_set(
    images: str,
    size: int,
    *,
    align: bool = False,
    say: Callable[[str], None] = print,
    decode: Callable[[Path], Image.Image] = open_image,
    faces: Callable[..., np.ndarray] = _draw_faces,
) -> np.ndarray:
    """Load the images of a set: uint8 (N, size, size, 3), memory-mapped, read-only.

    `images` is "faces" (drawn from the FFHQ student; "faces:N" are the first N), one of `FETCHED`,
    set:NAME, set:NAME/PART, or a folder, which is searched with its subfolders. With `align` the
    largest face of each is cut out; drawn faces are aligned as they are. The first call decodes or
    draws them, and cuts out five faces a second; later ones open what it kept. Files that cannot be
    used are skipped, and `say` is told which. `decode` reads a file, `faces` loads drawn faces.
    Raises ParamsError for a set that is not here or has under `MIN_IMAGES` images.
    """
    if is_faces(images):
        return faces(images, size, say=say)
    folder, files = _find_images(images)
    hashed = _hash(files, folder, size, METHODS[align])
    name = f"{image_id(folder.resolve().name)}-{size}-{hashed}.npy"
    notes: dict[str, Any] = {"left_out": 0, "first": {}}
    rows = _decode(files, folder, notes, say, lambda path: _square(path, size, align, decode))
    return cached(cache_folder() / name, size, rows, notes, folder, say)


def check_set(images: str, size: int) -> None:
    """Check that there is a set of this name, and that it is no empty folder.

    Raises ParamsError.
    """
    if is_faces(images):
        count_faces(images, size)
    else:
        _find_images(images)


def why_not_shown(images: str) -> str:
    """Say in a sentence why the images of a set are not to be shown on a page; "" where they may.

    Drawn faces, and a folder of one's own, may be shown. Of a set in data/sets.yaml its entry
    decides, also where its folder is named, one inside that, or one around it.
    """
    if is_faces(images):
        return ""
    for name, entry in load_sets().items():
        if not entry.shown and _holds(images, name):
            return f"The images of the set {name} are not shown; its licence: {entry.licence}."
    return ""


def _holds(images, name):
    """Whether what `images` names has pictures of the set `name` in it, or may have."""
    if images in FETCHED or names_set(images):
        return images.removeprefix(PREFIX).partition("/")[0] == name
    given, folder = Path(images).expanduser().resolve(), set_folder(name).resolve()
    return folder.exists() and (given.is_relative_to(folder) or folder.is_relative_to(given))


def _find_images(images):
    """A set's folder and the image files in it, one at least."""
    if images in FETCHED or names_set(images):
        return find_set(images, training=True)
    folder = _find_folder(images)
    files = list_images(folder)
    if not files:
        raise ParamsError(f"{folder} holds no images ({', '.join(s[1:] for s in SUFFIXES)})")
    return folder, files


def _find_folder(images):
    folder = Path(images).expanduser()
    if not folder.exists():
        raise ParamsError(
            f"no folder {images}; there are faces, {', '.join(FETCHED)}, and folders of images"
        )
    if not folder.is_dir():
        raise ParamsError(f"{images} is a file; name the folder that holds it and others")
    return folder


def _hash(files, folder, size, method):
    described = [method, size]
    for path in files:
        about = path.stat()
        described.append([str(path.relative_to(folder)), about.st_size, about.st_mtime_ns])
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:12]


def _decode(files, folder, notes, say, square):
    """Yield `square(path)` of files, uint8 (size, size, 3), one at a time."""
    say(f"reading {len(files)} files of {folder}; the result is kept")
    for number, path in enumerate(files, start=1):
        try:
            yield square(path)
        except ImageError as error:
            notes["left_out"] += 1
            if len(notes["first"]) < NAMED:
                notes["first"][str(path.relative_to(folder))] = str(error)
        if number % 500 == 0 and number < len(files):
            say(f"read {number}/{len(files)}")


def _square(path, size, align, decode):
    from ganinv.images.alignment import cut_squares  # not before: torch comes with it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of metadata that it does not understand
        image = decode(path)
    if min(image.size) < size:
        raise ImageError(f"too small: {image.width}x{image.height} for a size of {size}")
    try:
        (cut,) = cut_squares(image, size, align)
    except NoFaceError:
        raise ImageError("no face was found in it") from None
    side = np.hypot(*(cut.quad[3] - cut.quad[0]))
    if round(side) < size:
        raise ImageError(f"too small: a face of {side:.0f} pixels a side for a size of {size}")
    return np.asarray(cut.image)

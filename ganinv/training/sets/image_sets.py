"""What a GAN is trained on: a set of images by its name or folder, decoded once and kept.

The centre square of every image is taken and resized by Pillow's antialiased Lanczos filter; the
result lies in data/cache/ as one array, from which a training reads what it needs. Its name holds
a hash of the files' names, sizes and times, so that a changed folder is read anew. Anything under
data/cache/ may be deleted.

Images smaller than the size asked for are left out, since a GAN would learn the blur of enlarging
them. Wide and tall ones stay: their centre squares are pictures like any other.
"""

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ganinv.errors import ImageError, ParamsError
from ganinv.files import atomic_path, read_json, sha256_file, write_json
from ganinv.images.reading import SUFFIXES, image_id, list_images, open_image
from ganinv.paths import project_root
from ganinv.training.sets import faces

FETCHED = ("cats", "abstract-art")
MIN_IMAGES = 8  # fewer are no distribution, and no batch
NAMED = 5  # left-out files that are named; the others are counted
METHOD = "centre square, Lanczos, 1"  # to be changed with what becomes of an image


def load_image_set(
    images: str,
    size: int,
    *,
    say: Callable[[str], object] = print,
    faces_from: str = faces.GENERATOR,
) -> np.ndarray:
    """Load the images of a set: uint8 (N, size, size, 3), memory-mapped, read-only.

    `images` is "faces" (drawn from the generator `faces_from`; "faces:N" are the first N), "cats",
    "abstract-art", or a folder, which is searched with its subfolders. The first call decodes or
    draws them; later ones open what it kept. Files that cannot be used are skipped, and `say` is
    told which. Raises ParamsError for a set that is not here or has under `MIN_IMAGES` images.
    """
    cache = project_root() / "data" / "cache"
    notes: dict[str, Any] = {"left_out": 0, "first": {}}
    if images.partition(":")[0] == "faces":
        count, key = _face_count(images, size), faces.face_key(size, generator=faces_from)
        path = cache / f"faces{count}-{size}-{key}.npy"
        kept = cache / f"faces-{size}-{key}"
        rows = faces.draw_faces(count, size, kept, say, generator=faces_from)
        return _cached(path, size, rows, notes, images, say)
    folder = _find_folder(images)
    files = list_images(folder)
    if not files:
        raise ParamsError(f"{folder} holds no images ({', '.join(s[1:] for s in SUFFIXES)})")
    path = cache / f"{image_id(folder.resolve().name)}-{size}-{_hash(files, folder, size)}.npy"
    return _cached(path, size, _decode(files, folder, size, notes, say), notes, folder, say)


def set_folder(name: str) -> Path:
    """Return where a fetched set lies, or is to lie."""
    return project_root() / "data" / name


def is_here(name: str) -> bool:
    """Tell whether a fetched set is here. It is whole then: its folder gets its name last."""
    folder = set_folder(name)
    return folder.is_dir() and any(folder.iterdir())


def _face_count(images, size):
    count = images.partition(":")[2] if ":" in images else str(faces.COUNT)
    if not count.isdecimal() or int(count) < MIN_IMAGES:
        raise ParamsError(f"{images}: write faces, or faces:N with N at least {MIN_IMAGES}")
    if size > 1024:
        raise ParamsError(f"faces are drawn at 1024x1024; a size of {size} would enlarge them")
    return int(count)


def _find_folder(images):
    if images in FETCHED:
        if not is_here(images):
            raise ParamsError(f"the set {images} is not here; run `ganinv data {images}`")
        return set_folder(images)
    folder = Path(images).expanduser()
    if not folder.exists():
        raise ParamsError(
            f"no folder {images}; there are faces, {', '.join(FETCHED)}, and folders of images"
        )
    if not folder.is_dir():
        raise ParamsError(f"{images} is a file; name the folder that holds it and others")
    return folder


def _hash(files, folder, size):
    described = [METHOD, size]
    for path in files:
        about = path.stat()
        described.append([str(path.relative_to(folder)), about.st_size, about.st_mtime_ns])
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:12]


def _decode(files, folder, size, notes, say):
    """Yield the images of files as uint8 (size, size, 3), one at a time."""
    say(f"reading {len(files)} files of {folder} at {size}x{size}; the result is kept")
    for number, path in enumerate(files, start=1):
        try:
            yield _square(path, size)
        except ImageError as error:
            notes["left_out"] += 1
            if len(notes["first"]) < NAMED:
                notes["first"][str(path.relative_to(folder))] = str(error)
        if number % 2000 == 0 and number < len(files):
            say(f"read {number}/{len(files)}")


def _square(path, size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of metadata that it does not understand
        image = open_image(path)
    if min(image.size) < size:
        raise ImageError(f"too small: {image.width}x{image.height} for a size of {size}")
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS))


def _cached(path, size, rows, notes, name, say):
    """The array at `path`, made of `rows` where it is not there or not as it was written."""
    about = path.with_suffix(".json")
    try:
        kept = read_json(about)
        whole = kept["sha256"] == sha256_file(path)
    except (OSError, ValueError, LookupError, TypeError):
        whole = False
    if not whole:
        count, distinct = _write(path, size, rows, notes, name)
        sha256 = sha256_file(path)
        kept = notes | {"images": count, "distinct": distinct, "sha256": sha256}
        write_json(about, kept)
    _tell(kept, name, say)
    return np.load(path, mmap_mode="r")


def _write(path, size, rows, notes, name):
    """Write rows one by one as they come; return how many there were and how many differ."""
    seen, count = set(), 0
    with atomic_path(path) as temporary:
        with open(temporary, "wb") as file:
            _write_header(file, count, size)
            for row in rows:
                data = row.tobytes()
                file.write(data)
                seen.add(hashlib.blake2b(data, digest_size=16).digest())
                count += 1
            file.seek(0)
            _write_header(file, count, size)  # numpy leaves room for any number of rows
        if not count:
            raise ParamsError(f"none of the files in {name} can be used: {_listed(notes)}")
        if count < MIN_IMAGES:
            more = f" ({_listed(notes)} left out)" if notes["left_out"] else ""
            images = f"{count} image{'s' * (count > 1)}"
            raise ParamsError(
                f"{name} holds {images} that can be used{more}; bring at least {MIN_IMAGES}"
            )
    return count, len(seen)


def _write_header(file, count, size):
    shape = (count, size, size, 3)
    described = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)


def _tell(kept, name, say):
    if kept["left_out"]:
        say(f"notice: {kept['left_out']} files of {name} left out: {_listed(kept)}")
    if kept["distinct"] == 1:
        say(f"notice: all {kept['images']} images of {name} are the same")
    elif kept["distinct"] < kept["images"]:
        copies = kept["images"] - kept["distinct"]
        say(f"notice: {copies} of {kept['images']} images of {name} are copies of others")


def _listed(notes):
    named = [f"{file} ({reason})" for file, reason in notes["first"].items()]
    more = notes["left_out"] - len(named)
    return ", ".join(named) + (f", and {more} more" if more else "")

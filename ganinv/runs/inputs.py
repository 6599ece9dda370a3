"""What a user names, files, folders, samples, as images to invert, each with an id of its own."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ganinv.errors import ParamsError
from ganinv.images.reading import image_id, list_images
from ganinv.runs.records import RESERVED
from ganinv.runs.samples import find_sample, photographs


@dataclass(frozen=True)
class Photo:
    """An image to invert: its id, where it lies, what it is called, whether to align it.

    `name` seeds it; it is the id without what tells apart several files of one name, so that a
    result does not depend on the files beside it.
    """

    id: str
    name: str
    path: Path
    title: str
    align: bool


def find_photos(
    inputs: Iterable[str | Path], align: bool, out: str | Path | None = None
) -> list[Photo]:
    """Turn files, folders, sample:NAME and "samples" into a list of `Photo` with distinct ids.

    Where several files have one name, a hash of where each lies follows its id. What lies in the
    folder `out` is left out: results are no inputs.
    Raises ParamsError for an input that does not exist and when there is no image at all.
    """
    inputs = list(inputs)
    photos = [photo for item in inputs for photo in _expand(str(item), align)]
    if out is not None:
        results = Path(out).resolve()
        photos = [photo for photo in photos if results not in photo.path.resolve().parents]
    if not photos:
        raise ParamsError(f"no images in {', '.join(map(str, inputs))}")
    distinct: dict[Path, Photo] = {}
    for photo in photos:
        distinct.setdefault(photo.path.resolve(), photo)
    return _with_distinct_ids(list(distinct.values()))


def _expand(item: str, align: bool) -> list[Photo]:
    if item == "samples":
        return [_sample(name, align) for name in photographs()]
    if item.startswith("sample:"):
        return [_sample(item.removeprefix("sample:"), align)]
    path = Path(item)
    if path.is_dir():
        return [_file(found, align) for found in list_images(path)]
    if not path.exists():
        raise ParamsError(f"there is no file or folder {item}")
    return [_file(path, align)]


def _sample(name, align):
    sample = find_sample(name)
    return Photo(name, name, sample.path, sample.title, align and not sample.drawn)


def _file(path, align):
    name = image_id(path, RESERVED)
    return Photo(name, name, path, path.name, align)


def _with_distinct_ids(photos):
    names = [photo.name.lower() for photo in photos]
    return [
        photo
        if names.count(photo.name.lower()) == 1
        else replace(photo, id=f"{photo.name}-{_place(photo.path)}")
        for photo in photos
    ]


def _place(path):
    """A short hash of where a file lies."""
    place = str(path.resolve()).encode("utf-8", "surrogateescape")
    return hashlib.sha256(place).hexdigest()[:8]

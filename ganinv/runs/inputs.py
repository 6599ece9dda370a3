"""Images to invert, from what a user names: files, folders, samples, sets. Each has its own id.

Nothing here imports torch, so that a wrong name is said at once.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ganinv.errors import ImageError, ParamsError, printable
from ganinv.files import full_path
from ganinv.images.folders import describe_left_out, search_folder
from ganinv.images.reading import image_id, open_image
from ganinv.runs.names import RESERVED
from ganinv.runs.samples import find_sample, photographs
from ganinv.runs.sets import find_set, names_set


@dataclass(frozen=True, slots=True)
class Photo:
    """An image to invert: its id, where it lies, what it is called, whether to align it.

    `name` seeds it; it is the id without what tells apart several files of one name, so that a
    result does not depend on the files beside it. `face` is the face to take, 1 being the largest;
    0 takes the largest too, and says where there are others.
    """

    id: str
    name: str
    path: Path
    title: str
    align: bool
    face: int = 0


def find_photos(
    inputs: Iterable[str | Path],
    align: bool,
    face: str = "largest",
    *,
    only: Container[str] | None = None,
    left_out: Callable[[str], object] = lambda text: None,
) -> list[Photo]:
    """Turn files, folders, samples and sets into a list of `Photo` with distinct ids.

    Samples are sample:NAME, or "samples" for all, sets are set:NAME, set:NAME/PART and, of one
    image, set:NAME/PART/IMAGE.

    `only` are the ids of those that are wanted, where not all; the faces of a photograph are wanted
    together. Where several files have one name, a hash of where each lies follows its id; where all
    faces are asked for, a face's number does. `face` is "largest", a number, or "all" for each
    face. In folders, results of earlier runs are left out; a file that is named is taken.
    `left_out` is told, in a sentence for each folder, what is in it beside images. Raises
    ParamsError for an input that does not exist and when there is no image at all.
    """
    given = [full_path(item) for item in inputs]
    if not all(item.strip() for item in given):
        raise ParamsError(
            "an input is empty: name images, folders, samples or sets (an unset variable?)"
        )
    sentences: list[str] = []
    photos = [photo for item in given for photo in _expand(item, align, sentences)]
    if not photos:
        where = ", ".join(map(printable, given))
        raise ParamsError("; ".join([f"no images in {where}", *sentences]))
    for text in sentences:
        left_out(text)
    distinct: dict[Path, Photo] = {}
    for photo in photos:
        distinct.setdefault(photo.path.resolve(), photo)
    named = _with_distinct_ids(list(distinct.values()))
    named = [photo for photo in named if only is None or photo.id in only]
    if face == "largest":
        return named
    return [one for photo in named for one in _faces(photo, face)]


def _faces(photo: Photo, face: str) -> list[Photo]:
    """A photograph once for each face that is asked for."""
    if not photo.align:
        return [photo]
    if face != "all":
        return [replace(photo, face=int(face))]
    return [
        replace(
            photo,
            id=f"{photo.id}-face{n}",
            name=f"{photo.name}-face{n}",
            title=f"{photo.title}, face {n}",
            face=n,
        )
        for n in range(1, _count_faces(photo.path) + 1)
    ]


def _count_faces(path: Path) -> int:
    """The number of faces in a photograph; 1 where it cannot be read, which is said later."""
    from ganinv.images.alignment import find_faces

    try:
        return max(1, len(find_faces(open_image(path))))
    except ImageError:
        return 1


def _expand(item: str, align: bool, sentences: list[str]) -> list[Photo]:
    if item == "samples":
        return [_sample(name, align) for name in photographs()]
    if item.startswith("sample:"):
        return [_sample(item.removeprefix("sample:"), align)]
    if names_set(item):
        return [_file(image, align) for image in find_set(item)[1]]
    path = Path(item)
    if path.is_dir():
        found = search_folder(path)
        if text := describe_left_out(path, found.left_out):
            sentences.append(text)
        return [_file(image, align) for image in found.images]
    if not path.exists():
        raise ParamsError(f"there is no file or folder {printable(item)}")
    return [_file(path, align)]


def _sample(name, align):
    sample = find_sample(name)
    return Photo(name, name, sample.path, sample.title, align and not sample.drawn)


def _file(path, align):
    name = image_id(path, RESERVED)
    return Photo(name, name, path, path.name, align)


def _with_distinct_ids(photos):
    counts = Counter(photo.name.lower() for photo in photos)
    return [
        photo
        if counts[photo.name.lower()] == 1
        else replace(photo, id=f"{photo.name}-{_place(photo.path)}")
        for photo in photos
    ]


def _place(path):
    """A short hash of where a file lies."""
    place = str(path.resolve()).encode("utf-8", "surrogateescape")
    return hashlib.sha256(place).hexdigest()[:8]

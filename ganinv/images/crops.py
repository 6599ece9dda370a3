"""The record of a crop: from which photograph a square was cut, and where, so that it can return.

Corners are pixels (x, y) of the upright photograph, whole numbers being pixels' centres: top left,
bottom left, bottom right, top right of the crop.
"""

import math
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganinv.errors import ImageError, printable
from ganinv.files import read_json, sha256_file, write_json
from ganinv.images.alignment import Cut, crop_square, cut_squares

MAX_BYTES = 10_000_000  # of a record
LARGEST = 1e7  # no coordinate of a photograph that can be read lies as far out


@dataclass(frozen=True)
class Crop:
    """Where a square was cut from a photograph; a JSON object has the same names."""

    source: str  # the photograph's path, as it was given
    source_relative: str | None  # the same relative to the record's folder, where possible
    sha256: str  # of the photograph's file
    photo_size: tuple[int, int]  # width and height, upright
    corners: tuple[tuple[float, float], ...]  # (4, 2)
    angle: float  # degrees clockwise by which the square's top edge is turned, -180 to 180
    side: float  # pixels of the photograph
    size: int  # pixels of the crop
    face: int  # counted from 1 by size; 0 for a centre square
    faces: int  # of how many

    @property
    def quad(self) -> np.ndarray:
        """The corners as an array (4, 2)."""
        return np.array(self.corners, float)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Any) -> "Crop":
        """Check a JSON object and return its record. Raises ImageError for anything else."""
        names = [field.name for field in fields(cls)]
        if not isinstance(value, Mapping) or not all(name in value for name in names):
            raise ImageError("it holds no record of a crop")
        try:
            crop = cls(
                source=str(value["source"]),
                source_relative=value["source_relative"] and str(value["source_relative"]),
                sha256=str(value["sha256"]),
                photo_size=_pair(int, value["photo_size"]),
                corners=tuple(_pair(float, corner) for corner in value["corners"]),
                angle=float(value["angle"]),
                side=float(value["side"]),
                size=int(value["size"]),
                face=int(value["face"]),
                faces=int(value["faces"]),
            )
        except (TypeError, ValueError, OverflowError):
            raise ImageError("its record of a crop is damaged: a value has a wrong type") from None
        if not _is_square(crop.corners):
            raise ImageError("its record of a crop is damaged: its corners are no square's")
        return crop


def _pair(kind, value):
    first, second = value
    return kind(first), kind(second)


def _is_square(corners):
    if len(corners) != 4:
        return False
    quad = np.array(corners)
    if not np.isfinite(quad).all() or np.abs(quad).max() > LARGEST:
        return False
    across, down = quad[3] - quad[0], quad[1] - quad[0]
    side = np.hypot(*across)
    off = [down - [-across[1], across[0]], quad[2] - quad[1] - across]
    return side > 0 and bool(np.abs(off).max() < 0.01 * side)


def describe_crop(
    cut: Cut, source: Path | str, photo_size: tuple[int, int], folder: Path | str, sha256: str = ""
) -> Crop:
    """Record where a `Cut` was taken from the photograph `source` of (width, height), upright.

    `folder` is where the record will lie; `sha256` that of the photograph's file, which is read for
    it where none is given.
    """
    across = cut.quad[3] - cut.quad[0]
    try:
        relative = Path(os.path.relpath(Path(source).resolve(), Path(folder).resolve())).as_posix()
    except ValueError:  # on another drive
        relative = None
    return Crop(
        source=str(source),
        source_relative=relative,
        sha256=sha256 or sha256_file(source),
        photo_size=(photo_size[0], photo_size[1]),
        corners=tuple((float(x), float(y)) for x, y in cut.quad),
        angle=math.degrees(math.atan2(across[1], across[0])),
        side=float(np.hypot(*across)),
        size=cut.image.width,
        face=cut.face,
        faces=cut.faces,
    )


def write_crop(path: Path | str, crop: Crop) -> None:
    """Write a record as a JSON file of its own."""
    write_json(path, crop.to_dict())


def read_crop(path: Path | str) -> Crop:
    """Read a record from a file of `write_crop`, or from a run's `record.json` under "crop".

    Raises ImageError where there is none.
    """
    try:
        _check_file(path)
        value = read_json(path)
    except ImageError:
        raise
    except OSError as error:
        raise ImageError(f"cannot read {printable(path)}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ImageError(f"{printable(path)} is no JSON file") from None
    if isinstance(value, dict) and value.get("crop") is not None:
        value = value["crop"]
    try:
        return Crop.from_dict(value)
    except ImageError as error:
        raise ImageError(f"{printable(path)}: {error}") from None


def _check_file(path):
    """Refuse what would never end, and what no record is as large as."""
    about = os.stat(path)
    if stat.S_ISDIR(about.st_mode):
        return  # reading it fails with the system's reason
    if not stat.S_ISREG(about.st_mode):
        raise ImageError(f"{printable(path)} is a pipe or device, not a file")
    if about.st_size > MAX_BYTES:
        raise ImageError(f"{printable(path)} is too large for a record of a crop")


def _sha256(path):
    try:
        return sha256_file(path)
    except OSError as error:
        raise ImageError(f"cannot read {printable(path)}: {error.strerror}") from None


def find_photograph(crop: Crop, record: Path | str) -> Path:
    """Find the photograph of a record by its paths, and check that it is the same file.

    Looked for as recorded, relative to the record's folder, and to the working directory. Raises
    ImageError, which says where it was looked for, or that the file there is another one.
    """
    folder = Path(record).parent
    places = [Path(crop.source), folder / crop.source]
    if crop.source_relative:
        places.insert(0, folder / crop.source_relative)
        places.append(Path(crop.source_relative))
    places = list(dict.fromkeys(Path(os.path.abspath(place)) for place in places))
    there = [place for place in places if os.path.isfile(place)]
    for place in there:
        if _sha256(place) == crop.sha256:
            return place
    if there:
        raise ImageError(
            f"{printable(there[0])} is not the file that was cropped (its SHA-256 differs)"
        )
    looked = ", ".join(printable(place) for place in places)
    raise ImageError(f"its photograph is not here (looked for {looked})")


def cut_again(image: Image.Image, crop: Crop) -> Image.Image:
    """Cut a record's square out of its photograph, upright: the same pixels as at first.

    Raises ImageError where the photograph has another size.
    """
    if image.size != crop.photo_size:
        sizes = "{}x{} and not {}x{}".format(*image.size, *crop.photo_size)
        raise ImageError(f"its photograph is {sizes}, as it was when it was cut")
    if crop.face == 0:
        return cut_squares(image, crop.size, False)[0].image
    return crop_square(image, crop.quad, crop.size)

"""Image sets by name: data/sets.yaml says where each comes from, a folder below data/ holds it.

A set is made of archives (`sources`), or it is listed file by file (`listed`): a list of SHA-256
beside data/sets.yaml then names each file. Such a set may have parts, which are folders; parts that
are held out are measured on and never trained on. In parameters, set:NAME and set:NAME/PART stand
for their images, and set:NAME/PART/IMAGE for one of them. Nothing here fetches.
"""

import re
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ganinv.errors import ParamsError, UnknownNameError, WeightsError
from ganinv.images.folders import list_images
from ganinv.params import unknown_name
from ganinv.paths import data_folder, lists_folder
from ganinv.weights.manifest import Source, read_entries

PREFIX = "set:"
LINE = re.compile(r"([0-9a-f]{64}) [ *](\S+)")  # of sha256sum


class Listed(BaseModel):
    """A set that is listed file by file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    checksums: str  # a file beside data/sets.yaml, in sha256sum's format
    addresses: list[str] = Field(min_length=1)  # tried in order, each followed by a file's name
    parts: dict[str, str] = {}  # folder: what it is for
    held_out: list[str] = []  # parts


class ImageSet(BaseModel):
    """One entry of data/sets.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    licence: str
    page: str
    shown: bool = Field(strict=True)  # whether pages may show its pictures
    key: Literal["kaggle"] | None = None
    sources: list[Source] = []
    listed: Listed | None = None

    @model_validator(mode="after")
    def _one_origin(self):
        if bool(self.sources) == bool(self.listed):
            raise ValueError("a set has either sources or listed")
        return self


def load_sets() -> dict[str, ImageSet]:
    """Read data/sets.yaml: a dict of name -> ImageSet."""
    path = lists_folder() / "sets.yaml"
    return read_entries(path, ImageSet, "a valid list of image sets")


def set_folder(name: str) -> Path:
    """Return the folder where a set lies, or is to lie: data/NAME/, or data/sets/NAME/ if listed.

    data/portraits/ holds samples, which Git tracks.
    """
    listed = load_sets()[name].listed
    return data_folder() / "sets" / name if listed else data_folder() / name


def read_checksums(listed: Listed) -> dict[str, str]:
    """Read the list of a set: a dict of path in the set's folder -> SHA-256, in hex.

    Raises WeightsError for a list that is not there or not in sha256sum's format.
    """
    path = lists_folder() / listed.checksums
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise WeightsError(f"the list {path} cannot be read: {error}") from None
    found = [LINE.fullmatch(line) for line in lines]
    paths = [line and PurePosixPath(line[2]) for line in found]
    if not lines or any(x is None or x.is_absolute() or ".." in x.parts for x in paths):
        raise WeightsError(f"{path} is not a list of SHA-256 and paths, as sha256sum writes it")
    return {line[2]: line[1] for line in found if line}


def count_files(name: str, part: str = "") -> tuple[int, int] | None:
    """Count the files of a set, or of a part, that are here, and all of them.

    Returns None of a set of archives. Contents are not compared.
    """
    listed = load_sets()[name].listed
    if listed is None:
        return None
    folder, wanted = set_folder(name), _in_part(read_checksums(listed), part)
    return sum((folder / path).is_file() for path in wanted), len(wanted)


def is_here(name: str) -> bool:
    """Tell whether a set is here, whole. A folder of one of archives gets its name last."""
    if count := count_files(name):
        return count[0] == count[1]
    folder = set_folder(name)
    return folder.is_dir() and any(folder.iterdir())


def names_set(item: str) -> bool:
    """Tell whether a parameter names an image set, or of it a part or a photograph."""
    return item.startswith(PREFIX)


def find_set(item: str, *, training: bool = False) -> tuple[Path, list[Path]]:
    """Find the images of set:NAME, set:NAME/PART or set:NAME/PART/IMAGE: (folder, sorted files).

    An image is named as in the set's list, with or without what it ends in. For a `training`,
    parts that are held out are left out. Raises UnknownNameError for a name that is none,
    ParamsError for a set that is not here, with the command that brings it, and for a training
    on a part that is held out.
    """
    name, _, part = item.removeprefix(PREFIX).partition("/")
    sets = load_sets()
    if name not in sets:
        raise UnknownNameError(unknown_name(name, sets, "image set"))
    listed = sets[name].listed
    folder = set_folder(name)
    if listed is None:
        _check_part(name, part, {})
        files = list_images(folder) if is_here(name) else []
        if not files:
            raise ParamsError(f"the set {name} is not here; run `ganinv data {name}`")
        return folder, files
    if training and part.partition("/")[0] in listed.held_out:
        others = [f"{PREFIX}{name}/{x}" for x in listed.parts if x not in listed.held_out]
        raise ParamsError(f"{item} is held out, to be measured on; train on {' or '.join(others)}")
    without = listed.held_out if training else []
    wanted = sorted(
        path
        for path in _in_part(read_checksums(listed), part)
        if PurePosixPath(path).parts[0] not in without
    )
    if not wanted:
        _check_part(name, part, listed.parts)
    files = [folder / path for path in wanted if (folder / path).is_file()]
    if len(files) < len(wanted):
        count = f"here with {len(files)} of {len(wanted)} files" if files else "not here"
        raise ParamsError(
            f"the set {item.removeprefix(PREFIX)} is {count}; run `ganinv data {name}`"
        )
    return folder, files


def _in_part(paths, part):
    """Those paths of a list that are in a part, or that it names, with or without an ending."""
    whole = [path for path in paths if not part or path.startswith(f"{part}/")]
    return whole or [x for x in paths if part in (x, str(PurePosixPath(x).with_suffix("")))]


def _check_part(name, part, parts):
    if part and not parts:
        raise UnknownNameError(f"the set {name} has no parts; write {PREFIX}{name}")
    if part and part not in parts:
        raise UnknownNameError(unknown_name(part, parts, f"part of the set {name}"))

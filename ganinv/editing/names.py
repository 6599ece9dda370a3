"""Names that commands are given, of images in runs and of directions, looked up without torch.

What is said here needs no generator, so that a typing error is told in a fraction of a second; what
passes may still not fit the generator, which is said once that is loaded.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from ganinv.editing.rows import split_layers
from ganinv.errors import BadArgumentsError, ParamsError, printable, shorten
from ganinv.files import full_path, read_json, split_part
from ganinv.images.folders import SUFFIXES
from ganinv.params import did_you_mean
from ganinv.paths import checkpoints_folder, shipped_weights_folder
from ganinv.runs.names import KEPT
from ganinv.runs.record_files import each_record, has_latent, is_finished
from ganinv.weights.find import find_weights
from ganinv.weights.headers import maker_of, read_header
from ganinv.weights.manifest import match_name

(LATENT,) = KEPT["latents"][0]
USUAL = "ffhq-student"  # the generator of a latent that names none
KINDS = "sefa:K, pca:K, s:LAYER:CHANNEL, or a file"
ARRAYS = (".npy", ".npz", ".pt", ".pth", ".pkl", ".safetensors")  # files of a direction
NAMED = "directions_"  # before a generator's name, in the file of its named directions
LISTED = 20  # names in a message

# --- images ---


def find_image(folder: str | Path, name: str) -> str:
    """Return the id of an image in a run's folder: `name`, or that of its only such photograph.

    A photograph is known by its file's name, with or without what follows the last dot. Raises
    BadArgumentsError, with the nearest ids, where there is none, or several.
    """
    if (Path(folder) / name / LATENT).is_file():
        return name
    ids, found = [], {}
    wanted = _spelt(Path(name).name)
    for image, record in _each_latent(folder):
        ids.append(image)
        for word in _words(record):
            if wanted in (_spelt(word), _spelt(Path(word).stem)):
                found[image] = word
    if len(found) == 1:
        return next(iter(found))
    shown = f"{printable(folder)} holds"
    if found:
        raise BadArgumentsError(
            f"{shown} several images {shorten(printable(name))}; name one: {_listed(found)}"
        )
    if not ids:
        raise BadArgumentsError(_says_empty(folder))
    hint = printable(did_you_mean(Path(name).name, ids))
    also = f"{hint} it holds" if hint else "it holds"
    raise BadArgumentsError(f"{shown} no image {shorten(printable(name))}; {also} {_listed(ids)}")


def each_finished(folder: str | Path) -> Iterator[tuple[str, dict]]:
    """Yield the images in a folder that have a latent and are finished, with their records."""
    return (found for found in _each_latent(folder) if is_finished(found[1]))


def _each_latent(folder: str | Path) -> Iterator[tuple[str, dict]]:
    """The images that have a latent, those among them whose search ended early and kept one."""
    return (
        (name, record)
        for name, record in each_record(folder)
        if has_latent(record) and (Path(folder) / name / LATENT).is_file()
    )


def _words(record: dict) -> set[str]:
    """The names of a record's photograph: its title, its file's."""
    crop = record.get("crop")
    source = crop.get("source") if isinstance(crop, dict) else None
    words = (record.get("title"), source if source is None else Path(str(source)).name)
    return {word for word in words if isinstance(word, str)}


def _spelt(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(printable(name) for name in names[:LISTED]) + more


def _says_empty(folder: str | Path) -> str:
    begun = next((Path(folder) / name for name, _ in _each_latent(folder)), None)
    give = (
        f"the search of {printable(begun.name)} ended early, and {printable(begun)} has what it "
        "found"
        if begun
        else "give what `ganinv invert` wrote, or a latent's file"
    )
    return f"{printable(folder)} holds no finished image and no {LATENT}; {give}"


def find_source(source: str | Path) -> Path:
    """Return the path that a source of latents means, which is there: a run, a folder, a file.

    RUN/NAME may name an image of the run as `find_image` takes it. Raises BadArgumentsError where
    there is nothing of that kind.
    """
    path = Path(source)
    try:
        if not split_part(path)[0].exists():
            run = path.parent
            if path.name and run.is_dir() and next(_each_latent(run), None):
                return run / find_image(run, path.name)
            raise BadArgumentsError(
                f"there is no {printable(path)}; give a run's folder, an image's folder in it, or "
                "a latent's file"
            )
        if not path.is_dir() and not split_part(path)[0].is_file():
            raise BadArgumentsError(f"{printable(path)} is no file and no folder; give another")
        if path.is_dir() and not (path / LATENT).is_file() and not next(each_finished(path), None):
            raise BadArgumentsError(_says_empty(path))
    except OSError as error:  # a folder that may not be read, a name too long
        named = shorten(printable(path))
        raise BadArgumentsError(f"{named} cannot be read: {error.strerror or error}") from None
    return path


def find_one_source(name: str, run: str | Path | None = None) -> Path:
    """Return the path that an image's name in a `run`, or a path, means: `find_source` of one.

    An image of the run goes before a path; a photograph that lies here is the run's image of it.
    """
    if run is None:
        return find_source(full_path(name))
    try:
        if (Path(run) / name / LATENT).is_file():
            return Path(run) / name
        path = Path(full_path(name))
        if split_part(path)[0].exists() and path.suffix.lower() not in SUFFIXES:
            return find_source(path)
        return Path(run) / find_image(run, name)
    except OSError as error:
        named = shorten(printable(name))
        raise BadArgumentsError(f"{named} cannot be read: {error.strerror or error}") from None


# --- directions ---


def named_files() -> list[Path]:
    """List the files of named directions: those that come with ganinv, then those found here."""
    folders = dict.fromkeys((shipped_weights_folder(), checkpoints_folder()))
    return [path for folder in folders for path in sorted(folder.glob(f"{NAMED}*.safetensors"))]


def direction_file(text: str) -> tuple[Path, str] | None:
    """Return the file that a text names, and the name of an array in it; None of no file.

    A file that is there goes before one that is not.
    """
    colons = [at for at, letter in enumerate(text) if letter == ":"]
    parts = [(text, ""), *((text[:at], text[at + 1 :]) for at in colons)]
    files = [(Path(full_path(p)), n) for p, n in parts if Path(p).suffix.lower() in ARRAYS]
    there = (found for found in files if os.path.isfile(found[0]))
    return next(there, files[0] if files else None)


def check_directions(
    names: Iterable[str],
    layers: str | None = None,
    *,
    source: str | Path | None = None,
    generator: str | None = None,
) -> None:
    """Check names of directions, and of layers, for a generator: that of the codes in `source`.

    `generator` is its name or path, where one is given. A name is let pass where the generator is
    unknown, or has no named directions. Raises ParamsError, WeightsError for a `generator` that is
    none.
    """
    if layers is not None:
        split_layers(layers)
    path = None if generator is None else find_weights(generator)[0]
    known: list[str] | None = None
    for name in names:
        text = str(name).strip()
        kind = text.partition(":")[0].lower()
        if kind in ("sefa", "pca"):
            if not re.fullmatch(r"[^:]+:\d{1,5}", text):
                raise ParamsError(f"{shorten(printable(text))}: give a number from 0, as {kind}:0")
        elif kind == "s":
            if not re.fullmatch(r"s:\d{1,5}:\d{1,5}", text.lower()):
                raise ParamsError(f"{shorten(printable(text))}: give s:LAYER:CHANNEL, as s:9:12")
        elif (file := direction_file(text)) is not None:
            if not os.path.exists(file[0]):
                raise ParamsError(f"direction: there is no file {shorten(printable(file[0]))}")
        else:
            known = _known(_maker(source, path)) if known is None else known
            if known:
                match_name(text, known, "direction")


def _known(sha256: str) -> list[str]:
    """The names of a generator's directions, by its hash."""
    found: list[str] = []
    for path in named_files():
        try:
            header = read_header(path)
        except ValueError:  # damaged, which is said where it is read
            continue
        metadata = header.pop("__metadata__", None) or {}
        if sha256 and maker_of(metadata) == sha256:
            found += header
    return sorted(found)


def _maker(source: str | Path | None, path: Path | None) -> str:
    """The hash of the generator of a source's codes, else of the weight file; "" where unknown."""
    if source is not None:
        first = _first_latent(Path(source))
        try:
            if first and (made := maker_of(read_header(first).get("__metadata__") or {})):
                return made
        except ValueError:  # another tool's file
            pass
    try:
        file = path or find_weights(USUAL)[0]
        return str(read_json(file.with_suffix(".json"))["sha256"])
    except (OSError, ValueError, LookupError, TypeError, RuntimeError):
        return ""


def _first_latent(source: Path) -> Path | None:
    if not source.is_dir():
        return source if source.suffix == ".safetensors" and source.is_file() else None
    if (source / LATENT).is_file():
        return source / LATENT
    return next((source / name / LATENT for name, _ in each_finished(source)), None)

"""From what a user names to a file, quickly: nothing here imports torch."""

import os
from pathlib import Path

from ganinv.errors import ParamsError, UnknownNameError, WeightsError, printable, shorten
from ganinv.files import read_json
from ganinv.paths import checkpoints_folder, is_in_clone
from ganinv.weights.first_use import announce, tell
from ganinv.weights.intact import is_whole
from ganinv.weights.manifest import (
    effort,
    find_entry,
    find_name,
    is_address,
    named_by_address,
    weight_path,
)


def find_file(name: str | Path) -> Path:
    """Find the weight file that is meant: a path, or what a name in the manifest was converted to.

    Raises WeightsError for a file that is not there and for a name that is none, ParamsError
    where nothing is named. Weights that are named and not here are fetched as `ensure` says.
    """
    return find_weights(name)[0]


def find_weights(name: str | Path) -> tuple[Path, str]:
    """Find a weight file as `find_file` does: (the file, what to call it).

    A file is called by its own name, weights of the manifest as the manifest writes them. "~" in
    a path is the user's folder; a file goes before a name. An address that the manifest has for
    weights is their name, any other is refused.
    """
    if not str(name).strip():
        raise ParamsError("weights without a name: give a name of the manifest, or a file")
    path = Path(os.path.expanduser(name))
    try:
        if path.is_file():
            return path, path.stem
        is_folder = path.is_dir()
    except OSError as error:  # a folder on the way that may not be read, a name too long
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from None
    if known := named_by_address(name):
        return ensure(known), known
    refuse_address(name)
    if not path.suffix and len(path.parts) == 1:  # names have neither
        try:
            known = find_name(str(name))
        except UnknownNameError:
            if not is_folder:
                raise
        else:
            return ensure(known), known
    raise WeightsError(f"there is no file {path}{': it is a folder' if is_folder else ''}")


def refuse_address(name: str | Path) -> None:
    """Raise WeightsError for an address that is given in place of a file."""
    if not is_address(name):
        return
    shown = shorten(printable(name), 200)
    if known := named_by_address(name):
        way = f"run `ganinv weights fetch {known}` and use the name {known}"
    else:
        way = "download the file (in a browser, by curl -LO) and give its path"
    raise WeightsError(f"{shown} is an address, and only those of the manifest are known: {way}")


def ensure(name: str) -> Path:
    """Return the path of a manifest entry's converted file.

    Its SHA-256 is compared with the manifest's, or the one in its description, once for each change
    of the file; one that is damaged raises WeightsError.

    One that is not there is fetched, with a notice on stderr, where ganinv is installed or
    GANINV_HOME is set. A clone downloads by command alone: there it raises WeightsError naming
    that command, as for weights that cannot be had.
    """
    name = find_name(name)
    path, entry = weight_path(name), find_entry(name)
    if path.is_file():
        if not is_whole(path, entry.sha256 or _recorded(path)):
            raise WeightsError(
                f"{path} is damaged: its SHA-256 is not the one that was recorded; run `ganinv "
                f"weights fetch {name}`, which brings it anew"
            )
        return path
    if is_in_clone():
        raise WeightsError(
            f"the weights {name} are not here yet; run `ganinv weights fetch {name}`"
        )
    if entry.sources:
        announce(name, effort(entry.sources[0]), entry.licence, checkpoints_folder())
    from ganinv.weights.fetch import fetch  # here: it reads weights, and so imports torch

    return fetch(name, tell)


def _recorded(path):
    """The SHA-256 in a weight file's description, None where there is none."""
    try:
        return read_json(path.with_suffix(".json")).get("sha256")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None

"""From what a user names to a file, quickly: nothing here imports torch."""

import os
from pathlib import Path

from ganinv.errors import ParamsError, UnknownNameError, WeightsError
from ganinv.paths import checkpoints_folder, is_in_clone
from ganinv.weights.first_use import announce, tell
from ganinv.weights.manifest import effort, find_entry, find_name, weight_path


def find_file(name: str | Path) -> Path:
    """Find the weight file that is meant: a path, or what a name in the manifest was converted to.

    Raises WeightsError for a file that is not there and for a name that is none, ParamsError
    where nothing is named. Weights that are named and not here are fetched as `ensure` says.
    """
    return find_weights(name)[0]


def find_weights(name: str | Path) -> tuple[Path, str]:
    """Find a weight file as `find_file` does: (the file, what to call it).

    A file is called by its own name, weights of the manifest as the manifest writes them. "~" in
    a path is the user's folder; a file goes before a name.
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
    if not path.suffix and len(path.parts) == 1:  # names have neither
        try:
            known = find_name(str(name))
        except UnknownNameError:
            if not is_folder:
                raise
        else:
            return ensure(known), known
    raise WeightsError(f"there is no file {path}{': it is a folder' if is_folder else ''}")


def ensure(name: str) -> Path:
    """Return the path of a manifest entry's converted file.

    One that is not there is fetched, with a notice on stderr, where ganinv is installed or
    GANINV_HOME is set. A clone downloads by command alone: there it raises WeightsError naming
    that command, as for weights that cannot be had.
    """
    path = weight_path(name)
    if path.is_file():
        return path
    name = find_name(name)
    if is_in_clone():
        raise WeightsError(
            f"the weights {name} are not here yet; run `ganinv weights fetch {name}`"
        )
    entry = find_entry(name)
    if entry.sources:
        announce(name, effort(entry.sources[0]), entry.licence, checkpoints_folder())
    from ganinv.weights.fetch import fetch  # here: it reads weights, and so imports torch

    return fetch(name, tell)

"""From what a user names to a file, quickly: nothing here imports torch."""

import os
from pathlib import Path

from ganinv.errors import ParamsError, UnknownNameError, WeightsError
from ganinv.weights.manifest import ensure, find_name


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

"""What can be found wrong with a run before torch is imported, in a fraction of a second."""

import os
from pathlib import Path

from ganinv.errors import ParamsError, printable
from ganinv.files import split_part
from ganinv.inversion.params import MEANT_STARTS, STARTS, losses_of
from ganinv.losses.terms import check_own, needs_encoder
from ganinv.params import did_you_mean
from ganinv.runs.inputs import Photo, find_photos
from ganinv.runs.params import Params
from ganinv.weights.find import find_file


def check_run(params: Params) -> None:
    """Check what a run names: photographs, weights, start, folder. Nothing is loaded.

    Raises ParamsError or WeightsError, as the run itself would.
    """
    for loss in losses_of(params):
        check_own(loss)
    find_photos(params.images, params.align)
    if params.out != "auto":
        check_out(params.out)
    if params.init not in STARTS and not os.path.exists(split_part(params.init)[0]):
        hint = did_you_mean(params.init, STARTS, MEANT_STARTS)
        raise ParamsError(
            f"init is none of {', '.join(STARTS)}, and there is no file or folder "
            f"{printable(params.init)}{f'; {hint}' if hint else ''}"
        )
    if params.init == "encoder" or any(map(needs_encoder, losses_of(params))):
        if params.encoder is None:
            what = "init: encoder" if params.init == "encoder" else "this loss"
            raise ParamsError(f"{what} needs an encoder; name one with the parameter encoder")
        find_file(params.encoder)
    find_file(params.generator)


def check_out(out: str) -> None:
    """Raise ParamsError for a folder for results that is a file, or lies below one."""
    path = Path(out)
    for place in (path, *path.parents):
        if place.is_dir():
            return
        if os.path.lexists(place):
            raise ParamsError(f"out: {printable(place)} is a file; name a folder for results")


def lies_in(folder: Path, photos: list[Photo]) -> bool:
    """Tell whether a photograph lies in a folder, by whatever name."""
    place = folder.resolve()
    for parent in {photo.path.parent for photo in photos}:
        real = parent.resolve()
        if place == real or place in real.parents:
            return True
    links = (photo.path for photo in photos if photo.path.is_symlink())
    return any(place in path.resolve().parents for path in links)

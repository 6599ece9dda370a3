"""Which saved latent each photograph of a run begins with, where each has its own.

They lie in a run's folder, or in one file of another tool.
"""

from collections.abc import Callable, Sequence

from ganinv.errors import ParamsError
from ganinv.files import sha256_file
from ganinv.inversion.latent_files import find_latent, load_latent
from ganinv.inversion.params import STARTS, start_folder
from ganinv.inversion.refinement import beside
from ganinv.inversion.starts import holds_several, own_start
from ganinv.runs.inputs import Photo
from ganinv.runs.params import Params
from ganinv.weights.store import sha256_tensors


def starts_of(params: Params, photos: Sequence[Photo]) -> Callable[[Photo], Params]:
    """Make the function that gives a photograph's parameters: `init` is its own latent.

    It raises ValueError for a photograph without one; and this one ParamsError where none has one
    in a file of several.
    """
    places = {photo.id: place for place, photo in enumerate(photos)}

    def start_of(photo: Photo) -> Params:
        called = photo.path.name, photo.name, photo.path.stem
        return own_start(params, photo.id, called, (places[photo.id], len(photos)))

    if params.init not in STARTS and holds_several(params.init):
        faults = []
        for photo in photos:
            try:
                start_of(photo)
                break
            except ValueError as error:
                faults.append(error)
        else:
            raise ParamsError(f"init: {faults[0]}")
    return start_of


def start_marks(params: Params, photo: Photo, own: Callable[[Photo], Params]) -> list[str] | None:
    """Hash what a photograph begins with, where it has its own latent: it and its refinement.

    Returns [] for a photograph without one, and None where none has its own.
    """
    folder = start_folder(params.init)
    if folder is not None:
        start = find_latent(folder, photo.id)
        files = [start, beside(start) if params.refine != "none" else None] if start else []
        return [sha256_file(path) for path in files if path]
    if params.init in STARTS or not holds_several(params.init):
        return None
    try:
        latent, _ = load_latent(own(photo).init)
    except ValueError:
        return []
    return [sha256_tensors(latent)]

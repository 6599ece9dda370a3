"""What every training checks of its parameters at once, before torch is imported."""

from pathlib import Path

from ganinv.errors import ParamsError
from ganinv.images.reading import SUFFIXES, list_images
from ganinv.runs.sets import find_set, names_set
from ganinv.training.folder import SAMPLES

LPIPS = "lpips-vgg"  # the network whose features images are compared by


def check_images(name: str, *sources: str | Path) -> list[Path]:
    """List the images of folders, set:NAME and set:NAME/PART that the parameter `name` names.

    There must be some in each. An image that several of them have is listed once. Raises
    ParamsError, also for a part that is held out, UnknownNameError for a set that does not exist.
    """
    distinct: dict[Path, Path] = {}
    for source in sources:
        for path in _list_one(name, source):
            distinct.setdefault(path.resolve(), path)
    return list(distinct.values())


def _list_one(name: str, source: str | Path) -> list[Path]:
    if names_set(str(source)):
        return find_set(str(source), training=True)[1]
    folder = Path(source)
    if folder.exists() and not folder.is_dir():
        raise ParamsError(f"{name}: {folder} is a file; name the folder that holds it and others")
    files = list_images(folder) if folder.is_dir() else []
    if not files:
        why = f"it holds no {', '.join(SUFFIXES)}" if folder.is_dir() else "there is no such folder"
        raise ParamsError(f"{name}: no usable image in {folder}: {why}")
    return files


def check_apart(name: str, folder: str | Path, out: str | Path) -> None:
    """Check that a training's pictures would not lie among the images that it is trained on.

    Raises ParamsError.
    """
    pictures = (Path(out) / SAMPLES).resolve()
    if pictures.is_relative_to(Path(folder).resolve()):
        raise ParamsError(f"out: {out} lies in the folder of the {name}; name another one")

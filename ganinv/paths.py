"""Where things lie: what ganinv brings, which is only read, and the home, where it writes.

Both are one folder in a clone. Elsewhere the package brings manifest, lists, parameter files and
notebooks in a folder of its own, `_shipped`, and the home is the user's cache folder. Both have a
clone's layout.

    GANINV_ROOT   a clone to read from, in place of the one that the package lies in
    GANINV_HOME   the folder to write to: a disk with room, or one that a cluster's workers share
"""

import os
import tempfile
from pathlib import Path

from ganinv.errors import WeightsError

PACKAGE = Path(__file__).resolve().parent
MANIFEST = Path("checkpoints", "manifest.yaml")  # what a clone is known by


def clone(*, package: Path = PACKAGE) -> Path | None:
    """Find the clone: $GANINV_ROOT, or the folder above the package; None where it is installed.

    Raises WeightsError where GANINV_ROOT holds no manifest of weights.
    """
    given = os.environ.get("GANINV_ROOT")
    if not given:
        return package.parent if (package.parent / MANIFEST).is_file() else None
    root = Path(os.path.expanduser(given))
    if not (root / MANIFEST).is_file():
        raise WeightsError(
            f"{root} holds no {MANIFEST.as_posix()}: point GANINV_ROOT at a clone of ganinv, or "
            "unset it"
        )
    return root


def project_root(*, package: Path = PACKAGE) -> Path:
    """Find the folder with what ganinv brings: the clone, or what the package was built with.

    Nothing is written there outside a clone. Raises WeightsError where there is neither.
    """
    root = clone(package=package) or package / "_shipped"
    if not (root / MANIFEST).is_file():
        raise WeightsError(
            f"{package} was installed without its {MANIFEST.as_posix()}: install ganinv again, "
            "or point GANINV_ROOT at a clone"
        )
    return root


def home(*, package: Path = PACKAGE) -> Path:
    """Find the folder to write to: $GANINV_HOME, or the clone, or the user's cache folder.

    It need not exist yet (see `writable`). Raises WeightsError where the user has no folder.
    """
    given = os.environ.get("GANINV_HOME")
    if not given and (root := clone(package=package)):
        return root
    if not given:
        import platformdirs  # here: a clone does not need it

        given = platformdirs.user_cache_dir("ganinv", appauthor=False)
    path = os.path.expanduser(given)
    if path.startswith("~"):  # there is no such user, or this one has no folder
        raise WeightsError(f"there is no folder {path}; set GANINV_HOME to one that exists")
    return Path(path).absolute()


def is_in_clone(*, package: Path = PACKAGE) -> bool:
    """Tell whether the home is the clone: there, what is missing is fetched by command alone."""
    root = clone(package=package)
    return root is not None and home(package=package).resolve() == root.resolve()


def writable(folder: Path) -> Path:
    """Make a folder of the home and return it.

    Raises WeightsError, which names GANINV_HOME, where nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # what is allowed and what works are two things
            pass
    except OSError as error:
        raise WeightsError(
            f"{folder} cannot be written ({error.strerror or error}): set GANINV_HOME to a folder "
            "that can, for weights, samples and compiled code"
        ) from None
    return folder


def manifest_file() -> Path:
    """Locate the manifest of weights."""
    return project_root() / MANIFEST


def shipped_weights_folder() -> Path:
    """Locate the weights that are files of the repository."""
    return project_root() / "checkpoints"


def checkpoints_folder() -> Path:
    """Locate weights that were fetched, in our own format."""
    return home() / "checkpoints"


def downloads_folder() -> Path:
    """Locate files as they were fetched, or brought by hand."""
    return checkpoints_folder() / "downloads"


def converted_folder() -> Path:
    """Locate what checkpoints that were given by a path were converted to."""
    return checkpoints_folder() / "converted"


def compiled_folder() -> Path:
    """Locate what inductor compiled."""
    return checkpoints_folder() / "compiled"


def lists_folder() -> Path:
    """Locate the lists of samples and image sets."""
    return project_root() / "data"


def data_folder() -> Path:
    """Locate what the lists name: each image set lies below, in a folder of its name."""
    return home() / "data"


def samples_folder() -> Path:
    """Locate the sample photographs."""
    return data_folder() / "samples"


def cache_folder() -> Path:
    """Locate image sets brought to a size."""
    return data_folder() / "cache"


def params_folder() -> Path:
    """Locate the parameter files, each named after its experiment."""
    return project_root() / "params"


def presets_folder() -> Path:
    """Locate the published recipes, as parameter files."""
    return params_folder() / "presets"


def benchmarks_folder() -> Path:
    """Locate the measurements that the report shows."""
    return project_root() / "reports" / "benchmarks"


def published_folder() -> Path:
    """Locate published reports, which a clone may have."""
    return project_root() / "reports" / "published"


def study_file() -> Path:
    """Locate the results of the published study."""
    return published_folder() / "study.json"


def published_trainings_folder() -> Path:
    """Locate the results of finished trainings of small GANs; outside a clone it is not there."""
    return published_folder() / "gan" / "results"


def notebooks_folder() -> Path:
    """Locate the notebooks."""
    return project_root() / "notebooks"


def work_folder() -> Path:
    """Locate the folder that notebooks run in: their own in a clone, one of the home elsewhere."""
    return notebooks_folder() if clone() else home() / "notebooks"

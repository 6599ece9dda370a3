"""Where things lie: the checkout's root, and below it weights, data, parameters and notebooks."""

import os
from pathlib import Path

from ganinv.errors import WeightsError


def project_root() -> Path:
    """Find the folder with checkpoints/, data/ and params/: $GANINV_ROOT, or the checkout.

    Raises WeightsError where it holds no manifest of weights.
    """
    given = os.environ.get("GANINV_ROOT")
    root = Path(given) if given else Path(__file__).resolve().parent.parent
    if not (root / "checkpoints" / "manifest.yaml").is_file():
        raise WeightsError(
            f"{root} holds no checkpoints/manifest.yaml: install ganinv from a clone with "
            "`pip install -e .`, or point GANINV_ROOT at one"
        )
    return root


def checkpoints_folder() -> Path:
    """Locate the manifest of weights, and weights in our own format."""
    return project_root() / "checkpoints"


def downloads_folder() -> Path:
    """Locate files as they were fetched, or brought by hand."""
    return checkpoints_folder() / "downloads"


def converted_folder() -> Path:
    """Locate what checkpoints that were given by a path were converted to."""
    return checkpoints_folder() / "converted"


def compiled_folder() -> Path:
    """Locate what inductor compiled."""
    return checkpoints_folder() / "compiled"


def data_folder() -> Path:
    """Locate the lists of samples and image sets; each set lies below, in a folder of its name."""
    return project_root() / "data"


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


def notebooks_folder() -> Path:
    """Locate the notebooks."""
    return project_root() / "notebooks"

"""The checkout's root, below which weights, data and parameters lie."""

import os
from pathlib import Path

from ganinv.errors import WeightsError


def project_root():
    """The folder with checkpoints/, data/ and params/: $GANINV_ROOT, or the checkout."""
    given = os.environ.get("GANINV_ROOT")
    root = Path(given) if given else Path(__file__).resolve().parent.parent
    if not (root / "checkpoints" / "manifest.yaml").is_file():
        raise WeightsError(
            f"{root} holds no checkpoints/manifest.yaml: install ganinv from a clone with "
            "`pip install -e .`, or point GANINV_ROOT at one"
        )
    return root

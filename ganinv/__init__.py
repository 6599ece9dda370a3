"""ganinv: put a photograph into StyleGAN2's latent space, and show what each choice does to it.

    G = ganinv.load_generator("ffhq-student")
    x = ganinv.load_image("me.jpg", size=G.resolution, align=True)
    run = ganinv.invert(G, x, space="w+", loss="lpips", steps=300)

Names are imported on first use, so that `import ganinv` is quick and selects no device.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganinv.editing.directions import directions as directions
    from ganinv.editing.edit import edit as edit
    from ganinv.encoders.load import load_encoder as load_encoder
    from ganinv.generators.load import load_generator as load_generator
    from ganinv.images.alignment import load_image as load_image
    from ganinv.inversion.invert import invert as invert
    from ganinv.inversion.result import Inversion as Inversion
    from ganinv.inversion.search import SearchState as SearchState
    from ganinv.measures.reconstruction import compute_metrics as compute_metrics
    from ganinv.runs.experiment import run_experiment as run_experiment
    from ganinv.runs.params import Params as Params
    from ganinv.runs.params import collect_params as collect_params
    from ganinv.runs.params import load_params as load_params

__version__ = "0.1.0"

_HOMES = {
    "load_generator": "generators.load",
    "load_encoder": "encoders.load",
    "load_image": "images.alignment",
    "invert": "inversion.invert",
    "Inversion": "inversion.result",
    "SearchState": "inversion.search",
    "compute_metrics": "measures.reconstruction",
    "Params": "runs.params",
    "load_params": "runs.params",
    "collect_params": "runs.params",
    "run_experiment": "runs.experiment",
    "edit": "editing.edit",
    "directions": "editing.directions",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ganinv' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ganinv.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__

"""The study "Beyond the code", of made-up numbers."""

from pathlib import Path

from ganinv.analysis.beyond import Edits
from ganinv.analysis.finished import Experiment
from ganinv.runs.params import Params
from helpers.runs import HOSTILE, USUAL

KINDS = {
    "Code": {},
    "Features 16": dict(refine="features", refine_resolution=16),
    "Features 64": dict(refine="features", refine_resolution=64),
    "Weights": dict(refine="weights"),
    "Both": dict(refine="both"),
}


def made_up(lpips, correlations):
    """Experiments and edits: {name: LPIPS-alex of each image}, {name: correlation of each}."""
    experiments, rows = [], []
    for name, values in lpips.items():
        images = {
            f"i{k}": USUAL | dict(lpips_alex=x, seconds=2.0, title=HOSTILE)
            for k, x in enumerate(values)
        }
        metrics = dict(images=images, mean={}, std={}, failed={})
        params = Params(steps=100 if name == "Code" else 0, **KINDS[name])
        experiments.append(Experiment(name, Path("nowhere"), params, metrics))
    for name, values in correlations.items():
        rows += [
            dict(
                image=f"i{k}", experiment=name, correlation=x, ratio=1.0, sticks=[0.5, 0.25, 0.125]
            )
            for k, x in enumerate(values)
        ]
    return experiments, Edits(rows, {})

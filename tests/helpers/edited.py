"""The study "What the code is good for": of made-up numbers, and measures for a toy's pictures."""

import math
from pathlib import Path

import numpy as np

from ganinv.analysis.edited import Study, list_variants
from ganinv.analysis.edited_verdicts import Found
from ganinv.analysis.editing import EditingParams
from ganinv.analysis.finished import Experiment
from ganinv.editing.directions import Direction
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.runs.params import Params
from helpers.runs import HOSTILE, USUAL
from helpers.searches import quick_params

DEVIATIONS = {"smile": 0.5, "yaw": 0.25, "warmth": 1.0}


def quick_study(generator, photos, out, **changes):
    """`EditingParams` of a study in a few steps."""
    own = dict(steps=2, w_steps=1, long_steps=3, indomain_steps=1, refine_steps=1)
    own |= dict(space="w+", refine_loss="l2", refine_resolution=8)
    plain = quick_params(generator, photos, out).model_dump()
    return EditingParams.make(plain | own | changes)


class Colours:
    """In place of `Looked`: means of a picture's colours, so that a toy has attributes."""

    def __init__(self, image):
        self.before = image

    def measure(self, image):
        """Means of red, green and blue as attributes; identity is the largest difference."""
        names = ("smile", "yaw", "warmth")
        means = (to_uint8(image) / 255).mean((0, 1)).tolist()
        lost = (image - self.before).abs().max().item()
        return {"attributes": dict(zip(names, means, strict=True)), "identity": lost}


class Blind(Colours):
    """Sees no face."""

    def measure(self, image):
        """Nothing is found."""
        return {"attributes": None, "identity": math.nan}


KINDS = {
    "W": dict(space="w", steps=300),
    "Encoder": dict(init="encoder", encoder="domain-ffhq", steps=0),
    "In-domain": dict(steps=100),
    "W+ short": dict(steps=100),
    "W+ long": dict(steps=600),
    "W+ short + features": dict(init="short", steps=0, refine="features"),
    "W+ short + weights": dict(init="short", steps=0, refine="weights"),
}
# by run or variant, a number for a photograph without noise
LPIPS = dict(zip(KINDS, (0.4, 0.35, 0.3, 0.2, 0.1, 0.05, 0.06), strict=True))
DISTANCE = dict(zip(KINDS, (0.0, 1.0, 2.0, 3.0, 4.0), strict=False))
OWN = dict(zip(KINDS, (1.0, 0.9, 0.8, 0.7, 0.5), strict=False))
OWN |= {f"W+ short + {x}": 0.7 for x in ("features, carried", "features, left", "weights")}
GHOSTS = {f"W+ short + {x}": 0.1 for x in ("features, carried", "weights")}
GHOSTS |= {"W+ short + features, left": 0.6}


def made_up(photographs=8, lpips=None, own=None, ghosts=None, noise=0.01):
    """A study in which every claim holds, unless numbers are changed: {run or variant: number}."""
    rng = np.random.default_rng(0)
    lpips, own, ghosts = LPIPS | (lpips or {}), OWN | (own or {}), GHOSTS | (ghosts or {})
    images = [f"i{k}" for k in range(photographs)]
    experiments = []
    for name, kind in KINDS.items():
        entries = {
            i: USUAL
            | dict(lpips_alex=lpips[name] + noise * rng.normal(), seconds=1.0, title=HOSTILE)
            | dict(psnr=30 - 20 * lpips[name] + noise * rng.normal())
            for i in images
        }
        if name == "W+ long":
            for k, entry in enumerate(entries.values()):
                entry["seconds"] = 9.0 + 0.1 * k
        folder = Path("short") if name == "W+ short" else Path("nowhere", name)
        metrics = dict(images=entries, mean={}, std={}, failed={})
        experiments.append(Experiment(name, folder, Params(**kind), metrics))
    directions = [Direction(name, None) for name in ("smile", "yaw")]
    study = Study(images, list_variants(experiments), directions, [-2.0, 2.0])
    for image in images:
        for variant in study.variants:
            for direction in directions:
                study.rows.append(
                    _row(image, variant.name, direction.name, own, ghosts, noise, rng)
                )
        for name, distance in DISTANCE.items():
            study.places.append(dict(image=image, experiment=name, distance=distance, spread=1.0))
        for name in list(KINDS)[5:]:
            place = dict(image=image, experiment=name, distance=3.0, spread=1.0)
            study.places.append(place)
    return Found(experiments, study, "W+ short", "W+ long")


def with_pictures(found, folder):
    """The same with pictures: targets on disk, and strips."""
    picture = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    placed = [Experiment(e.name, folder / e.name, e.params, e.metrics) for e in found.experiments]
    for image in found.study.images:
        save_png(placed[0].folder / image / "target.png", picture)
        found.study.strips[image] = {v.name: [picture] * 5 for v in found.study.variants}
    return Found(placed, found.study, found.short, found.long)


def _row(image, variant, direction, own, ghosts, noise, rng):
    changes = {name: (0.0, 0.2 + noise * rng.uniform()) for name in DEVIATIONS}
    moved = own[variant] + noise * rng.normal()
    changes[direction] = moved, moved
    lost = 0.6 - own[variant] / 2 + noise * rng.normal()
    row = dict(image=image, variant=variant, direction=direction, changes=changes)
    ghost = ghosts.get(variant, math.nan) + noise * rng.normal()
    return row | dict(lost=lost, person=0.5, ghosting=ghost)

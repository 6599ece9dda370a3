"""Codes edited and measured, for the study "What the code is good for"."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv.analysis.beyond import compare_changes
from ganinv.analysis.finished import Experiment
from ganinv.analysis.parts import Part, Parts
from ganinv.editing.carry import SIDE, Rendered, find_flow, warp
from ganinv.editing.directions import Direction, spread
from ganinv.editing.edit import edit
from ganinv.editing.edits import Looked
from ganinv.editing.sources import read_code
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.inversion.latent_files import LATENT
from ganinv.inversion.refinement import REFINEMENT
from ganinv.measures.codes import distance_to_w, used_rows
from ganinv.measures.identity import identity_distance
from ganinv.weights.store import sha256_tensors

SIZE = 128  # pixels of a picture in a strip
COMPARED = 256  # pixels at which what a refinement adds is compared


@dataclass(frozen=True)
class Variant:
    """A run, and what becomes of an offset to features when its codes are edited."""

    name: str
    experiment: Experiment
    features: str = "carry"


def list_variants(experiments: Sequence[Experiment]) -> list[Variant]:
    """List what is edited: every run, and the one that moves features twice, carried and left."""
    found = []
    for e in experiments:
        if e.params.refine == "features":
            found.append(Variant(f"{e.name}, carried", e))
            found.append(Variant(f"{e.name}, left", e, "stay"))
        else:
            found.append(Variant(e.name, e))
    return found


@dataclass(frozen=True)
class Study:
    """Codes of `images`, edited.

    `rows`: a dict for each image, variant and direction: `changes`, of each attribute (mean change
    per unit of strength, mean size of it), in deviations; `lost`, the identity's distance between
    the edited and the unedited picture; `person`, that between the edited one and the photograph,
    at the outermost strengths; `ghosting`, of refined ones. NaN where it cannot be measured.

    `places`: a dict for each image and run: `distance` of the code to W, and its `spread`.

    `strips`: by image and variant, pictures uint8 (S, S, 3): unedited, then for each direction the
    smallest and the largest strength.
    """

    images: list[str]
    variants: list[Variant]
    directions: list[Direction]
    strengths: list[float]
    rows: list[dict[str, Any]] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    strips: dict[str, dict[str, list[np.ndarray]]] = field(default_factory=dict)

    def own_attribute(self, direction: str) -> str:
        """Return the attribute that a direction is named for, or else that it moves most, or ""."""
        rows = [r["changes"] for r in self.rows if r["direction"] == direction and r["changes"]]
        if not rows or direction in rows[0]:
            return direction if rows else ""
        return max(rows[0], key=lambda name: abs(sum(changes[name][0] for changes in rows)))

    def measured(self, variant: str, name: str, direction: str | None = None) -> np.ndarray:
        """Return a measure of a variant's edits for each image, float64 (images,), NaN for none.

        `own`, `others`, `lost`, `person` and `ghosting` are means over the directions, or of one;
        `selectivity` is `own` over `others`, `per_move` what is `lost` for each deviation that the
        attribute moves, NaN where it moves the other way.
        """
        if name == "selectivity":
            own, others = (self.measured(variant, n, direction) for n in ("own", "others"))
            return np.divide(own, others, out=np.full(len(own), math.nan), where=others > 0)
        if name == "per_move":
            own, lost = (self.measured(variant, n, direction) for n in ("own", "lost"))
            moved = own * np.mean(
                np.abs(self.strengths)
            )  # `lost` is of whole edits, `own` of units
            return np.divide(lost, moved, out=np.full(len(own), math.nan), where=moved > 0)
        return np.array([self._mean(i, variant, name, direction) for i in self.images])

    def _mean(self, image, variant, name, direction):
        values = [
            self._value(row, name)
            for row in self.rows
            if row["image"] == image
            and row["variant"] == variant
            and direction in (None, row["direction"])
        ]
        there = [x for x in values if not math.isnan(x)]
        return float(np.mean(there)) if there else math.nan

    def _value(self, row, name):
        if name not in ("own", "others"):
            return row[name]
        if not row["changes"]:
            return math.nan
        attribute = self.own_attribute(row["direction"])
        own = row["changes"][attribute][0]
        if name == "own":  # a component has no side that is the right one
            return own if attribute == row["direction"] else abs(own)
        sizes = [size for key, (_, size) in row["changes"].items() if key != attribute]
        return float(np.mean(sizes)) if sizes else math.nan

    def placed(self, run: str, name: str) -> np.ndarray:
        """Return `distance` or `spread` of a run's codes, for each image: float64 (images,)."""
        return np.array([row[name] for row in self.places if row["experiment"] == run])


@dataclass
class _Plain:
    """Pictures of a code alone under its edits, small: the first is the unedited one."""

    latent: Tensor
    pictures: list[Tensor]
    flows: list[Tensor | None]

    def flow(self, k: int) -> Tensor:
        """Where each place of picture `k` was in the unedited one, computed once."""
        if (known := self.flows[k]) is None:
            before, after = (_grey(self.pictures[i]) for i in (0, k))
            self.flows[k] = known = find_flow(before, after)[0]
        return known


@torch.no_grad()
def study_edits(
    generator: Generator,
    experiments: Sequence[Experiment],
    images: Sequence[str],
    directions: Sequence[Direction],
    strengths: Sequence[float],
    deviations: Mapping[str, float],
    *,
    look: type[Looked] = Looked,
    kept: Path | None = None,
) -> Study:
    """Edit every code along every direction, and measure what comes out.

    `deviations` are what changes of attributes are counted in; those without one are left out.
    `look` is called as `Looked`. What is found on a photograph is kept in the folder `kept`, and
    taken from there by the next call.
    """
    moved = [s for s in strengths if s]
    study = Study(list(images), list_variants(experiments), list(directions), moved)

    def make(image: str) -> Part:
        return _edit(study, generator, image, deviations, look)

    def files(image: str) -> list[Path]:
        folders = [e.folder / image for e in experiments]
        return [folder / name for folder in folders for name in (LATENT, REFINEMENT, "target.png")]

    settings = {
        "variants": [[v.name, v.features] for v in study.variants],
        "directions": [[d.name, d.layers, sha256_tensors(d.move)] for d in directions],
        "strengths": moved,
        "deviations": dict(deviations),
        "measured": look.__name__,
    }
    for image, part in Parts(kept, files, settings).of(images, make).items():
        study.rows.extend(part.rows)
        study.places.extend(part.places)
        study.strips[image] = part.strips
    return study


def _edit(
    study: Study,
    generator: Generator,
    image: str,
    deviations: Mapping[str, float],
    look: type[Looked],
) -> Part:
    """Edit every code of one photograph along every direction, and measure what comes out."""
    used, moved, directions = used_rows(generator).cpu(), study.strengths, study.directions
    plain: list[_Plain] = []
    part = Part()
    for variant in study.variants:
        folder = variant.experiment.folder / image
        code = read_code(image, folder / LATENT)
        if variant.features == "carry":
            part.places.append(
                {
                    "image": image,
                    "experiment": variant.experiment.name,
                    "distance": distance_to_w(code.latent, used),
                    "spread": spread(generator).distance(code.latent, used),
                }
            )
        render = Rendered(generator, code, variant.features)
        pictures = _render_all(generator, render, directions, moved)
        rows = _measure(variant, image, pictures, directions, moved, deviations, look)
        small = [_small(x) for x in pictures]
        if code.refinement:
            base = next((p for p in plain if torch.equal(p.latent, code.latent)), None)
            _add_ghosting(rows, small, base, len(moved))
        else:
            plain.append(_Plain(code.latent, small, [None] * len(small)))
        part.rows.extend(rows)
        part.strips[variant.name] = _strip(pictures, moved)
    return part


def _render_all(generator, render, directions, strengths):
    """Pictures of a code: unedited, then each direction at each strength, clamped, on the CPU."""
    latent = render.code.latent
    latents = [latent]
    for direction in directions:
        latents += [*edit(generator, latent, direction, strengths)]
    return [render(x).clamp(-1, 1).cpu() for x in latents]


def _measure(variant, image, pictures, directions, strengths, deviations, look):
    """A row for each direction."""
    looked = look(pictures[0])
    before = looked.measure(pictures[0])["attributes"]
    target = variant.experiment.picture(image, "target")
    rows = []
    for d, direction in enumerate(directions):
        edited = pictures[1 + d * len(strengths) :][: len(strengths)]
        found = [looked.measure(x) for x in edited]
        ends = {strengths.index(min(strengths)), strengths.index(max(strengths))}
        after = [row["attributes"] for row in found]
        rows.append(
            {
                "image": image,
                "variant": variant.name,
                "direction": direction.name,
                "changes": changes_per_unit(before, after, strengths, deviations),
                "lost": _mean([row["identity"] for row in found]),
                "person": _mean([identity_distance(to_uint8(edited[k]), target) for k in ends]),
                "ghosting": math.nan,
            }
        )
    return rows


def changes_per_unit(
    before: Mapping[str, float] | None,
    after: Sequence[Mapping[str, float] | None],
    strengths: Sequence[float],
    deviations: Mapping[str, float],
) -> dict[str, tuple[float, float]]:
    """Compute each attribute's change per unit of strength: {name: (mean, mean size)}.

    `before` are the unedited picture's attributes, `after` those at each strength, None without a
    face, which are left out. {} where nothing is left.
    """
    pairs = [(a, s) for a, s in zip(after, strengths, strict=True) if a is not None]
    if before is None or not pairs:
        return {}
    found = {}
    for name, deviation in deviations.items():
        slopes = np.array([(a[name] - before[name]) / deviation / s for a, s in pairs])
        found[name] = float(slopes.mean()), float(np.abs(slopes).mean())
    return found


def ghosting(residual: Tensor, before: Tensor, flow: Tensor) -> float:
    """Tell how much better what a refinement adds to an edit fits its old place than its new one.

    `residual` (3, H, W) is what it adds to the edited picture, `before` what it adds to the
    unedited one, `flow` (2, S, S) where each place of the edited picture was. The correlation with
    `before`, less that with `before` moved by the flow: above 0, a ghost stays behind; below 0, the
    refinement went along.
    """
    return compare_changes(residual, before)[0] - compare_changes(residual, warp(before, flow))[0]


def _add_ghosting(rows, small, base, count):
    """Measure the ghosting of a refined code's edits, from its pictures and those of its code."""
    if base is None:
        return
    added = [a - b for a, b in zip(small, base.pictures, strict=True)]
    for d, row in enumerate(rows):
        ks = range(1 + d * count, 1 + (d + 1) * count)
        row["ghosting"] = _mean([ghosting(added[k], added[0], base.flow(k)) for k in ks])


def _mean(values):
    there = [x for x in values if not math.isnan(x)]
    return float(np.mean(there)) if there else math.nan


def _small(image: Tensor) -> Tensor:
    return box_resize(image[None], min(COMPARED, image.shape[-1]))[0]


def _grey(image: Tensor) -> np.ndarray:
    """Grey on [0, 1], as `find_flow` takes it."""
    return (box_resize(image[None], min(SIDE, image.shape[-1]))[0].mean(0).numpy() + 1) / 2


def _strip(pictures, strengths):
    low, high = strengths.index(min(strengths)), strengths.index(max(strengths))
    kept = [0]
    for first in range(1, len(pictures), len(strengths)):
        kept += [first + low] if low == high else [first + low, first + high]
    side = min(SIZE, pictures[0].shape[-1])
    return [to_uint8(box_resize(pictures[k][None], side)[0]) for k in kept]


def seconds_taken(
    experiments: Sequence[Experiment], run: Experiment, images: Sequence[str]
) -> np.ndarray:
    """Return the seconds that each image took, those of the code that is refined included."""
    parts = [run] if (before := begun_from(experiments, run)) is None else [before, run]
    return np.array([sum(float(e.images[i]["seconds"]) for e in parts) for i in images])


def begun_from(experiments: Sequence[Experiment], run: Experiment) -> Experiment | None:
    """Return the run whose codes a refined run begins from, None for codes."""
    if run.params.refine == "none":
        return None
    return next((e for e in experiments if e.folder == Path(run.params.init)), None)

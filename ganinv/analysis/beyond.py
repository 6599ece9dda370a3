"""Beyond the code: what a refinement reproduces, what it keeps on disk, what an edit loses by it.

One search finds a code for each photograph, and each refinement begins from it, so that whatever
differs is the refinement's. A refinement is made at one code. How far it fits others shows where
the code moves: along principal components of W (Härkönen et al. 2020, arXiv 2004.02546), and to
another face.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv.analysis.finished import Experiment, make_experiment
from ganinv.analysis.parts import Part, Parts
from ganinv.analysis.statistics import mean_interval
from ganinv.analysis.verdicts import (
    NOT_DECIDED,
    Comparison,
    Verdict,
    decide,
    judge_runs,
    listed,
    tell,
)
from ganinv.compute.device import resolve_device
from ganinv.compute.render import render_result
from ganinv.editing.directions import principal_components
from ganinv.errors import ParamsError
from ganinv.files import write_json
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.inversion.latent_files import LATENT, load_latent, load_noise
from ganinv.inversion.params import UNREFINED
from ganinv.inversion.refine import BOTH_SHARE
from ganinv.inversion.refinement import REFINEMENT, feature_offsets, load_refinement, tune
from ganinv.measures.codes import interpolate
from ganinv.measures.reconstruction import METRICS, Pair, lpips_alex
from ganinv.numerics import NUMERICS
from ganinv.runs.environment import describe_machine, published_environment
from ganinv.runs.params import Params
from ganinv.weights.store import sha256_tensors

RESOLUTIONS = (16, 32, 64, 128)  # of the features, in the full study
COMPONENTS = 3
MOVE = 2.0  # standard deviations of a component, to either side
WAY = (0.0, 0.5, 1.0)  # shares of the way to another face
TRUNCATION = 0.7  # of that face, so that it is a typical one
SIZE = 180  # pixels of a picture in a strip


def plan(params: Params, resolutions: Iterable[int], offered: Collection[int]) -> dict[str, Params]:
    """Plan the study's runs below `params.out`: {name: parameters}, the code first.

    Features are moved at those of the `resolutions` that the generator has features at, `offered`.
    `both` takes `params.refine_resolution`, or the largest where that is not among them. A
    `refine_lr` that is a number is that of features; weights take as much less as by `auto`. Raises
    ParamsError where the generator has features at none.
    """
    kept = [r for r in resolutions if r in offered]
    if not kept:
        there = ", ".join(map(str, offered))
        raise ParamsError(f"resolutions: the generator has features at none; name some of {there}")
    usual = params.refine_resolution if params.refine_resolution in kept else max(kept)
    code = params.replace(**UNREFINED, out=f"{params.out}/code")
    kinds = {f"Features {r}": ("features", r) for r in kept}
    kinds |= {"Weights": ("weights", usual), "Both": ("both", usual)}
    runs = {"Code": code}
    for name, (kind, r) in kinds.items():
        folder = f"{params.out}/{name.lower().replace(' ', '')}"
        runs[name] = refining(params, kind, init=code.out, refine_resolution=r, out=folder)
    return runs


def refining(params: Params, kind: str, **changes: Any) -> Params:
    """Return the parameters of a run that refines codes as they are, those that `init` names.

    `kind` is features, weights or both. A rate that is given is that of features: weights keep
    their usual ratio to it.
    """
    rate = params.refine_lr
    if kind == "weights" and rate != "auto":
        rate *= BOTH_SHARE
    # how the code was begun is over: a label chooses no saved latent, and a spread would move it
    begun: dict[str, Any] = dict(steps=0, label=None, init_spread=0.0)
    locality = 0.0 if kind == "features" else params.refine_locality
    refined = dict(refine=kind, refine_lr=rate, refine_locality=locality)
    return params.replace(**begun | refined | changes)


def make_all(
    params: Params, resolutions: Iterable[int], *, fresh: bool = False
) -> list[Experiment]:
    """Run what is not finished yet of the study, and read it back: the code, then what refines it.

    Refinements of other codes than those now there are set aside. Raises ParamsError as `plan` and
    `run_experiment` do.
    """
    offered = load_generator(params.generator).feature_shapes()
    return [
        make_experiment(planned, name, fresh=fresh)
        for name, planned in plan(params, resolutions, offered).items()
    ]


def kept_bytes(folder: str | Path) -> tuple[int, int]:
    """Return the bytes that a result's folder holds of it: of its code, and of its refinement."""
    paths = (Path(folder, name) for name in (LATENT, REFINEMENT))
    code, refinement = (path.stat().st_size if path.is_file() else 0 for path in paths)
    return code, refinement


@dataclass(frozen=True)
class Edits:
    """What refinements leave of edits, and what of them sticks to another face.

    `rows`: a dict for each image and refined experiment: image (its id), experiment, correlation
    and ratio, each the mean over components and signs, and sticks, LPIPS-alex between the refined
    generator's image and the plain one's at each of `WAY`.

    `strips`: by image and experiment, the code included, pictures uint8 (H, W, 3): the first
    component moved down, not, and up, then the way to the other face from its middle on.
    """

    rows: list[dict[str, Any]]
    strips: dict[str, dict[str, list[np.ndarray]]]

    def over_images(self, experiment: str, read: Callable[[dict[str, Any]], Any]) -> np.ndarray:
        """Read a number, or several, of every image's row of one experiment: (images, …)."""
        return np.array([read(row) for row in self.rows if row["experiment"] == experiment])


def principal_moves(generator: Generator, count: int) -> Tensor:
    """Compute the moves of w along its principal components, of `MOVE` deviations: (count, w_dim).

    The largest component comes first; the sign of each makes its largest number positive.
    """
    variances, components = principal_components(generator)
    return (MOVE * variances[:count, None].sqrt() * components[:count]).float()


def draw_face(generator: Generator, seed: int) -> Tensor:
    """Draw the latent (num_ws, w_dim) of another face, by a fixed seed, on the CPU."""
    rng = torch.Generator().manual_seed(seed)
    return generator.draw(rng, TRUNCATION).cpu()


def compare_changes(change: Tensor, wanted: Tensor) -> tuple[float, float]:
    """Compare two changes of an image, tensors of one shape: (correlation, ratio).

    The first is Pearson's over all numbers, 0 where one of the two does not vary; the second that
    of their root mean squares, NaN where `wanted` is zero.
    """
    a, b = (x.double().flatten() for x in (change, wanted))
    power = wanted.double().square().mean().sqrt().item()
    ratio = a.square().mean().sqrt().item() / power if power else math.nan
    a, b = a - a.mean(), b - b.mean()
    scale = (a.norm() * b.norm()).item()
    return ((a @ b).item() / scale if scale else 0.0), ratio


@torch.no_grad()
def study_edits(
    experiments: Sequence[Experiment],
    images: Sequence[str],
    components: int = COMPONENTS,
    seed: int = 0,
    *,
    kept: Path | None = None,
) -> Edits:
    """Edit every code of the first experiment, and render each edit by every refinement of it.

    An edit adds the same to all rows of a code: `components` principal components of W, to both
    sides. The refinement stays as it is. Images are compared as they are shown, clamped to [-1, 1].
    `seed` draws the other face. What is found on a photograph is kept in the folder `kept`, and
    taken from there by the next call.
    """
    params = experiments[0].params
    generator = load_generator(params.generator, resolve_device(params.device))
    moves = principal_moves(generator, components)
    shifts = torch.stack([sign * move for move in moves for sign in (-1, 1)])
    other = draw_face(generator, seed)

    def make(image: str) -> Part:
        return _edit(generator, experiments, image, shifts, other)

    def files(image: str) -> list[Path]:
        folders = [e.folder / image for e in experiments]
        return [folder / name for folder in folders for name in (LATENT, REFINEMENT)]

    settings = {
        "kinds": [e.name for e in experiments],
        "moved": [sha256_tensors(shifts), sha256_tensors(other)],
    }
    parts = Parts(kept, files, settings).of(images, make)
    rows = [row for part in parts.values() for row in part.rows]
    return Edits(rows, {image: part.strips for image, part in parts.items()})


def _edit(
    generator: Generator,
    experiments: Sequence[Experiment],
    image: str,
    shifts: Tensor,
    other: Tensor,
) -> Part:
    """Edit one photograph's code by every experiment: a row for each refined one, strips of all."""
    part = Part()
    plain: list[Tensor] = []
    for experiment in experiments:
        folder = experiment.folder / image
        code = load_latent(folder / LATENT)[0]
        way = interpolate(code, other, WAY[1:])
        shown = _render_all(generator, folder, [code, *(code + shifts[:, None]), *way])
        plain = plain or shown
        strip = [shown[1], shown[0], shown[2], *shown[-len(way) :]]
        part.strips[experiment.name] = [
            to_uint8(box_resize(x[None], min(SIZE, x.shape[-1]))[0]) for x in strip
        ]
        if shown is not plain:
            row = {"image": image, "experiment": experiment.name}
            part.rows.append(row | _compare(shown, plain, len(shifts)))
    return part


def _render_all(generator, folder, latents):
    """What a result's generator, with its refinement, renders: clamped, on the CPU."""
    noise, path = load_noise(folder / LATENT), folder / REFINEMENT
    refinement = load_refinement(path)[0] if path.is_file() else {}
    tuned, offsets = tune(generator, refinement), feature_offsets(refinement)
    return [render_result(tuned, ws, noise, offsets).clamp(-1, 1).cpu() for ws in latents]


def _compare(shown, plain, edits):
    """A row's numbers, of images: the code, so many edits, and the way to another face."""
    compared = [
        compare_changes(shown[i] - shown[0], plain[i] - plain[0]) for i in range(1, edits + 1)
    ]
    correlation, ratio = np.mean(compared, axis=0).tolist()
    way = [0, *range(edits + 1, len(shown))]
    sticks = [lpips_alex(Pair(shown[i], plain[i])) for i in way]
    return {"correlation": correlation, "ratio": ratio, "sticks": sticks}


def usual_features(experiments: Sequence[Experiment]) -> Experiment:
    """Return the features that others are compared with: at the resolution that `both` has too."""
    r = experiments[-1].params.refine_resolution
    return next(e for e in features_of(experiments) if e.params.refine_resolution == r)


def features_of(experiments: Iterable[Experiment]) -> list[Experiment]:
    """Return the experiments that move features alone, the lowest resolution first."""
    found = [e for e in experiments if e.params.refine == "features"]
    return sorted(found, key=lambda e: e.params.refine_resolution)


def judge(
    experiments: Sequence[Experiment],
    images: Sequence[str],
    edits: Edits,
    study: Mapping[str, Any] | None = None,
) -> list[Verdict]:
    """Judge the three hypotheses of the study, in their order, image by image.

    The first is judged by `study`, read from a study.json, where that compares the same recipes.
    """
    return [
        judge_features(experiments, images, study),
        judge_resolutions(experiments, edits),
        judge_weights(experiments, images, edits),
    ]


def judge_features(
    experiments: Sequence[Experiment],
    images: Sequence[str],
    study: Mapping[str, Any] | None = None,
) -> Verdict:
    """Judge «features bring the code's LPIPS-alex to half or less, on every image»."""
    code, main = experiments[0], usual_features(experiments)
    before = _lpips(code, images)
    shares = {e.name: _lpips(e, images) / before for e in features_of(experiments)}
    claim = (
        f"{main.params.refine_steps} steps of features at {main.params.refine_resolution} bring "
        "the code's LPIPS-alex to half or less, on every image"
    )
    others = ", ".join(f"{name} to {x.mean():.0%}" for name, x in shares.items())
    also = f"; {others} of the code's"
    return judge_runs(claim, main, code, "lpips_alex", 0.5, study, also)


def judge_resolutions(experiments: Sequence[Experiment], edits: Edits) -> Verdict:
    """Judge «the lower the resolution of the offset, the more of an edit survives»."""
    named = features_of(experiments)
    found = np.array([edits.over_images(e.name, _correlation) for e in named])  # (r, images)
    claim = (
        "the lower the resolution of the offset, the more of an edit survives: its correlation "
        "with the code's falls from each resolution to the next, on every image"
    )
    if len(named) < 2:
        return Verdict(claim, NOT_DECIDED, 0, 0, "Features were moved at one resolution alone.")
    falls = -np.diff(found, axis=0).max(0)  # (images,), the smallest of each
    means = ", ".join(
        f"{x:.3f} at {e.params.refine_resolution}"
        for e, x in zip(named, found.mean(1), strict=True)
    )
    smallest = mean_interval(falls)
    detail = f"mean correlation {means}; an image's smallest fall {tell(smallest, '+.3f')}"
    stuck = ", ".join(f"{sticks_at(edits, e.name, -1).mean():.3f}" for e in named)
    detail += f"; what sticks to another face, which the correlation cannot see, is {stuck}"
    return decide(claim, int((falls > 0).sum()), len(falls), [Comparison(smallest, 1, detail)])


def judge_weights(
    experiments: Sequence[Experiment], images: Sequence[str], edits: Edits
) -> Verdict:
    """Judge «weights keep more of an edit than features, and reproduce less», on every image."""
    main = usual_features(experiments)
    weights = next(e for e in experiments if e.params.refine == "weights")
    keeps = [edits.over_images(e.name, _correlation) for e in (main, weights)]
    lpips = [_lpips(e, images) for e in (main, weights)]
    claim = (
        f"weights keep more of an edit than features at {main.params.refine_resolution}, and "
        f"reproduce less in LPIPS-alex, each after {weights.params.refine_steps} steps, on every "
        "image"
    )
    comparisons = []
    for name, (old, new) in (("correlation", keeps), ("LPIPS-alex", lpips)):
        change = mean_interval(new - old)
        detail = (
            f"{name}, features → weights, mean {old.mean():.3f} → {new.mean():.3f}, change "
            f"{tell(change, '+.3f')}, more on {(new > old).sum()} of {len(new)}"
        )
        comparisons.append(Comparison(change, 1, detail))
    stuck = [sticks_at(edits, e.name, -1).mean() for e in (main, weights)]
    beside = f"; beside the claim, what sticks to another face {stuck[0]:.3f} → {stuck[1]:.3f}"
    comparisons[-1] = replace(comparisons[-1], detail=comparisons[-1].detail + beside)
    held = (keeps[1] > keeps[0]) & (lpips[1] > lpips[0])
    return decide(claim, int(held.sum()), len(images), comparisons)


def _lpips(experiment: Experiment, images: Sequence[str]) -> np.ndarray:
    return np.array([experiment.images[i]["lpips_alex"] for i in images])


def _correlation(row: dict[str, Any]) -> float:
    return row["correlation"]


def sticks_at(edits: Edits, name: str, place: int) -> np.ndarray:
    """Return what a refinement does at a place of `WAY`, for each image: float64 (images,)."""
    return edits.over_images(name, lambda row: row["sticks"][place])


def write_summary(
    path: str | Path,
    experiments: Sequence[Experiment],
    edits: Edits,
    verdicts: Iterable[Verdict],
    settings: Mapping[str, Any] | None = None,
    seen: Iterable[str] = (),
) -> None:
    """Write the study as JSON: metrics and bytes of each run, the edits, and the verdicts.

    `seen` are sentences on what the figures say. `settings` are by name what
    decides the edits beside the runs' parameters.
    """
    runs = {}
    for e in experiments:
        kept = {i: sum(kept_bytes(e.folder / i)) for i in e.images}
        metrics = {key: e.metrics[key] for key in ("mean", "std", "failed")}
        each = {i: {m: entry.get(m) for m in METRICS} for i, entry in e.images.items()}
        about = published_environment(e.folder)
        runs[e.name] = metrics | {"images": each, "bytes": kept, "environment": about}
    params = experiments[0].params.model_dump(exclude={"out"})
    found = {"params": params, "numerics": NUMERICS, **(settings or {})}
    found |= {
        "experiments": runs,
        "edits": edits.rows,
        "verdicts": listed(verdicts),
        "seen": list(seen),
    }
    write_json(path, found | {"made": describe_machine("cpu")})

"""`ganinv bench quality`: our recipe beside published ones, in one run.

A recipe is a file of parameters, by its name or its path: those of params/presets/ are the
published projectors, all others are ours; NAME+key=value+… changes some of them. All search the
same photographs on the same generator by our fast path; what the best so far is worth is measured
at several points of each search, as results are, outside the time that counts.

How long a published recipe takes as published is its steps times a step of plain code (see `step`),
which is timed in the same run: with the target's features kept where its own code keeps them.
Noise maps that it also optimizes are not in that step. Recipes whose loss has more than one term
have no plain step, and recipes that refine: their steps are of two kinds.

A refined result is a code and a feature map, or changed weights: more than a code. Rows say so.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.bench.measure import Isolate, in_a_process
from ganinv.bench.step import KEPT, LOSSES, PLAIN, Case, measure
from ganinv.compute.device import resolve_device
from ganinv.errors import ImageError, ParamsError
from ganinv.files import write_json
from ganinv.generators.load import load_generator
from ganinv.images.alignment import load_image
from ganinv.inversion.invert import invert
from ganinv.inversion.refinement import render_refined
from ganinv.losses.terms import loss_weights
from ganinv.measures.reconstruction import METRICS, compute_metrics
from ganinv.params import find_params
from ganinv.paths import presets_folder
from ganinv.runs.describe import describe_metrics
from ganinv.runs.environment import describe_machine, environment
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.plan import prepare, settle, weights_used
from ganinv.runs.starts import starts_of

OWN = "fast"
IN_W = f"{OWN}+space=w+noise_maps=stored"  # as nvidia-w: nothing but w belongs to its result
DEFAULT = (OWN, IN_W, "rosinality-wplus", "nvidia-w")
KEEP_TARGET = ("nvidia-w", "pti-pivot")  # compute its LPIPS features once
POINTS = 12  # of a search at which its best is measured
PLAIN_STEPS = 5
JUDGE = "lpips_vgg"
REFINED = "a code and a feature map, or changed weights, not a code"  # what such a result is


@dataclass(frozen=True)
class Recipe:
    """A named set of parameters; `published` where it is that of another project."""

    name: str
    params: Params
    published: bool


def find_recipe(text: str, overrides: Iterable[str] = (), **changes: Any) -> Recipe:
    """Find the recipe NAME, or NAME+key=value+…

    `overrides` and `changes` go to every recipe alike. Raises ParamsError for a name that is no
    parameter file, and for parameters that cannot be used.
    """
    name, *own = re.split(r"\+(?=[a-z_]+=)", text)
    file = find_params(name)
    params = Params.load(file, [*overrides, *own], **changes)
    return Recipe(text, params, published=file.parent == presets_folder())


def bench_quality(
    names: Sequence[str] = DEFAULT,
    overrides: Iterable[str] = (),
    *,
    points: int = POINTS,
    device: str = "auto",
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
    isolate: Isolate = in_a_process,
    **changes: Any,
) -> dict[str, Any]:
    """Search by every recipe; a dict that is written to `out` (a JSON file) after every search.

    `rows`: per recipe, image and point, its evaluations, seconds, metrics, and whether it is
    refined; the last of a search is its result. `failed`: searches that diverged. `plain`: seconds
    of a step of plain code, by published recipe. `reach`: for each published recipe, when ours, the
    first recipe not published of the same space (or the first), came to its final LPIPS-vgg (see
    `reach`).
    """
    device = resolve_device(device)
    recipes = [find_recipe(name, overrides, device=device, **changes) for name in names]
    generator = _load_shared(recipes, device)
    shared = recipes[0].params
    photos = find_photos(shared.images, shared.align, shared.face)
    targets = [_load(photo, generator) for photo in photos]
    settled = [settle(recipe.params, generator) for recipe in recipes]
    encoders = [prepare(params, generator) for params in settled]
    begun = [_begin(params, photos, generator) for params in settled]
    described = {
        r.name: p.model_dump(exclude={"out"}) for r, p in zip(recipes, settled, strict=True)
    }
    result = {
        "machine": describe_machine(device) | {"seed": settled[0].seed},
        "recipes": described,
        "images": {photo.id: photo.title for photo in photos},
        "environment": environment(settled[0], weights_used(generator)),
        "plain": _time_plain(recipes, device, say, isolate),
        "rows": [],
        "failed": [],
        "reach": [],
    }
    for photo, target in zip(photos, targets, strict=True):
        for recipe, own, encoder in zip(recipes, begun, encoders, strict=True):
            rows, stopped = _search(generator, target, photo, own[photo.id], encoder, points)
            said = _add(result, recipe.name, photo.id, rows, stopped)
            say(f"{photo.id}, {recipe.name}: {said}")
            result["reach"] = _reaches(result, recipes)
            if out is not None:
                write_json(out, result)
    return result


def _load_shared(recipes, device):
    """The generator that all recipes search on."""
    used = {recipe.params.generator for recipe in recipes}
    if len(used) > 1:
        raise ParamsError(f"the recipes have several generators: {', '.join(sorted(used))}")
    return load_generator(used.pop(), device)


def _add(result, recipe, image, rows, stopped):
    """Note a search, or that it stopped; return either in a line."""
    about = {"recipe": recipe, "image": image}
    if stopped:
        result["failed"].append(about | {"reason": stopped})
        return stopped
    result["rows"] += [about | row for row in rows]
    last = rows[-1]
    spent = f"{last['evaluations']} evaluations, {last['seconds']:.0f} s"
    return f"{describe_metrics(last)} after {spent}"


def _begin(params, photos, generator):
    """A recipe's parameters by photograph: they begin with its own latent, where it has one."""
    own, found = starts_of(params, photos), {}
    for photo in photos:
        try:
            found[photo.id] = own(photo)
        except ValueError as error:
            raise ParamsError(str(error)) from None
        if found[photo.id] is not params:
            prepare(found[photo.id], generator)
    return found


def _load(photo, generator):
    try:
        face = photo.face or "largest"
        return load_image(photo.path, generator.resolution, align=photo.align, face=face)
    except ImageError as error:
        raise ParamsError(str(error)) from None


def _reaches(result, recipes):
    """`reach` for each published recipe that has ended somewhere and has a rival."""
    rivals = {r.name: _rival(r, recipes) for r in recipes if r.published}
    return [
        reach(result, ours, other)
        for other, ours in rivals.items()
        if ours and _finals(result, other)
    ]


def _rival(other, recipes):
    """The name of our recipe that a published one is compared with, or None."""
    own = [recipe for recipe in recipes if not recipe.published]
    same = [recipe for recipe in own if recipe.params.space == other.params.space]
    return next((recipe.name for recipe in (*same, *own)), None)


def _time_plain(recipes, device, say, isolate):
    """Seconds of a step of plain code, by published recipe of one loss term and no refinement."""
    timed, seconds = {}, {}
    for recipe in recipes:
        terms = loss_weights(recipe.params.loss).keys()
        loss = "+".join(terms).removesuffix("_vgg")
        refines = recipe.params.refine != "none"
        if not recipe.published or refines or loss not in LOSSES:
            continue
        preset = Path(recipe.name.partition("+")[0]).stem.lower()
        kept = loss == "lpips" and preset in KEEP_TARGET
        case = Case(recipe.params.generator, loss, 1, device, KEPT if kept else PLAIN)
        if case not in timed:
            row = isolate(str(case), measure, case, PLAIN_STEPS, recipe.params.steps)
            timed[case] = row["seconds"]
            say(f"{case}: {row['seconds']:.2f} s per step")
        seconds[recipe.name] = timed[case]
    return seconds


def _search(generator, target, photo, params, encoder, points):
    """One search: (a row of evaluations, seconds, metrics and refined or not per point, the result
    last; why it stopped, or "")."""
    tried = params.line_search if params.optimizer == "lbfgs" else 1
    most = max(params.steps, 1) * tried + params.all_steps - params.steps
    trace_at = np.unique(np.geomspace(1, most, points + 1).round().astype(int))
    run = invert(
        generator,
        target,
        params,
        encoder=encoder,
        image_id=photo.name,
        trace_at=trace_at[:-1].tolist(),
        log_every=0,
        snapshot_every=0,
    )
    rows = []
    for found in run.trace:
        noise = {} if params.noise_maps == "dropped" else found.noise
        refinement = {name: x.half() for name, x in found.refinement.items()}  # as the result is
        image = render_refined(generator, found.latent, noise, refinement)
        metrics = compute_metrics(image, run.target.to(image.device))
        rows.append(_row(found, refinement) | metrics)
    rows.append(_row(run, run.refinement) | run.metrics)
    return rows, run.stopped


def _row(found, refinement):
    """What a point of a search had cost, and whether it is more than a code."""
    cost = {"evaluations": found.evaluations, "seconds": found.seconds}
    return cost | {"refined": bool(refinement)}


def _finals(result, recipe):
    """The last row of each image."""
    return {row["image"]: row for row in result["rows"] if row["recipe"] == recipe}


def reach(result: Mapping[str, Any], ours: str, other: str) -> dict[str, Any]:
    """Find when `ours` came to the final LPIPS-vgg of `other`, image by image.

    Seconds and evaluations are those of the first measured point that is no worse, None where there
    is none; `ours_refined` is whether it is refined. `share_of_fast` is ours over `other`'s seconds
    on the same path, `share_of_published` over its evaluations times a step of plain code, None
    without one.
    """
    step = result["plain"].get(other)
    images = []
    for image, final in _finals(result, other).items():
        points = [r for r in result["rows"] if (r["recipe"], r["image"]) == (ours, image)]
        first = next(
            (row for row in points if not METRICS[JUDGE].better(final[JUDGE], row[JUDGE])), None
        )
        published = step and final["evaluations"] * step
        found = first or {"seconds": None, "evaluations": None}
        images.append(
            {
                "image": image,
                JUDGE: final[JUDGE],
                "seconds_fast": final["seconds"],
                "seconds_published": published,
                "evaluations": final["evaluations"],
                "ours_seconds": found["seconds"],
                "ours_evaluations": found["evaluations"],
                "ours_refined": bool(found.get("refined")),
                "share_of_fast": first and first["seconds"] / final["seconds"],
                "share_of_published": first and published and first["seconds"] / published,
            }
        )
    return {"recipe": other, "ours": ours, "images": images}


def describe_reach(row: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Write one image of `reach` as a sentence."""
    metric = METRICS[JUDGE]
    final = f"final {metric.label} of {metric.show(found[JUDGE])}"
    goal = f"{found['image']}: {row['recipe']}'s {final}"
    if found["ours_seconds"] is None:
        return f"{goal} is not reached by {row['ours']}"
    plain = found["share_of_published"]
    refined = f", by a refined result: {REFINED}" if found["ours_refined"] else ""
    return (
        f"{goal} is reached by {row['ours']} after {found['ours_evaluations']} evaluations, not "
        f"{found['evaluations']}, in {found['ours_seconds']:.0f} s: {found['share_of_fast']:.0%} "
        "of its time on the same path"
        + ("" if plain is None else f", {plain:.1%} of plain code's")
        + refined
    )

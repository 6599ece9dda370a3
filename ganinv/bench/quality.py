"""`ganinv bench quality`: our recipe beside published ones, in one run.

A recipe is a file of parameters: params/presets/NAME.yaml for the published projectors,
params/NAME.yaml for ours; NAME+key=value+… changes some of them. All search the same photographs
on the same generator by our fast path; what the best so far is worth is measured at several points
of each search (see `metrics`), outside the time that counts.

How long a published recipe takes as published is its steps times a step of plain code (see `step`),
which is timed in the same run. Noise maps that it also optimizes are not in that step.
"""

from dataclasses import dataclass

import numpy as np

from ganinv.alignment import load_image
from ganinv.artifacts import environment
from ganinv.bench.measure import describe_machine, in_a_process
from ganinv.bench.step import measure
from ganinv.experiment import find_encoder, find_photos, resolve, weights_used
from ganinv.fast import render_result, resolve_device
from ganinv.files import write_json
from ganinv.generators import load_generator
from ganinv.inversion import invert
from ganinv.losses import loss_weights
from ganinv.metrics import compute_metrics
from ganinv.params import Params, ParamsError, load_params
from ganinv.weights import project_root

OURS = "fast"
IN_W = f"{OURS}+space=w+noise_maps=stored"  # as nvidia-w: nothing but w belongs to its result
DEFAULT = (OURS, IN_W, "rosinality-wplus", "nvidia-w")
POINTS = 12  # of a search at which its best is measured
PLAIN_STEPS = 5
JUDGE = "lpips_vgg"


@dataclass(frozen=True)
class Recipe:
    name: str
    params: Params
    published: bool


def find_recipe(text, overrides=(), **changes):
    """The recipe NAME, or NAME+key=value+…; `overrides` and `changes` go to every recipe alike.

    Raises ParamsError for a name that is no file of params/presets/ or params/.
    """
    name, *own = text.split("+")
    folders = project_root() / "params" / "presets", project_root() / "params"
    files = [folder / f"{name}.yaml" for folder in folders]
    file = next((path for path in files if path.is_file()), None)
    if file is None:
        known = ", ".join(sorted(path.stem for path in folders[0].glob("*.yaml")))
        raise ParamsError(f"no recipe {name!r}; there are {OURS}, {known}")
    params = load_params(file, [*overrides, *own], **changes)
    return Recipe(text, params, published=file.parent.name == "presets")


def bench_quality(names=DEFAULT, overrides=(), *, points=POINTS, device="auto", out=None,
                  say=print, **changes):  # fmt: skip
    """Search by every recipe; a dict that is written to `out` (a JSON file) after every search.

    `rows`: per recipe, image and point, its evaluations, seconds and metrics; the last of a search
    is its result. `plain`: seconds of a step of plain code, where there are published recipes.
    `reach`: for each of those, when ours, the first other recipe of the same space (or the first),
    came to its final LPIPS-vgg (see `reach`).
    """
    device = resolve_device(device)
    recipes = [find_recipe(name, overrides, device=device, **changes) for name in names]
    used = {recipe.params.generator for recipe in recipes}
    if len(used) > 1:
        raise ParamsError(f"the recipes have several generators: {', '.join(sorted(used))}")
    generator = load_generator(used.pop(), device)
    photos = find_photos(recipes[0].params.images, recipes[0].params.align)
    settled = [resolve(recipe.params, generator) for recipe in recipes]
    encoders = [find_encoder(params, generator) for params in settled]
    described = {
        r.name: p.model_dump(exclude={"out"}) for r, p in zip(recipes, settled, strict=True)
    }
    result = {
        "machine": describe_machine(device), "recipes": described,
        "images": {photo.id: photo.title for photo in photos},
        "environment": environment(settled[0], weights_used(generator)),
        "plain": {}, "rows": [], "reach": [],
    }  # fmt: skip
    published = [recipe for recipe in recipes if recipe.published]
    rivals = {other.name: _rival(other, recipes) for other in published}
    result["plain"] = _plain([recipe.params for recipe in published], device, say)
    for photo in photos:
        target = load_image(photo.path, generator.resolution, align=photo.align)
        for recipe, params, encoder in zip(recipes, settled, encoders, strict=True):
            rows = _search(generator, target, photo, params, encoder, points)
            result["rows"] += [{"recipe": recipe.name, "image": photo.id} | row for row in rows]
            result["reach"] = [
                reach(result, ours, other)
                for other, ours in rivals.items()
                if _finals(result, other)
            ]
            say(f"{photo.id}, {recipe.name}: {_line(rows[-1])}")
            if out is not None:
                write_json(out, result)
    return result


def _rival(other, recipes):
    """The name of the recipe that a published one is compared with."""
    own = [recipe for recipe in recipes if not recipe.published] or recipes
    same = (recipe for recipe in own if recipe.params.space == other.params.space)
    return next(same, own[0]).name


def _plain(settled, device, say):
    """Seconds of one step of plain code for each loss the recipes have, where there is such."""
    timed = {}
    for params in settled:
        terms = loss_weights(params.loss).keys()
        loss = "l2" if terms == {"l2"} else "lpips"
        if loss not in timed:
            row = in_a_process(
                f"plain code, {loss}", measure, params.generator, None, loss, 1, device, "plain",
                PLAIN_STEPS, params.steps,
            )  # fmt: skip
            timed[loss] = row["seconds"]
            say(f"plain code, {loss}: {row['seconds']:.2f} s per step")
    return timed


def _search(generator, target, photo, params, encoder, points):
    """One search: a row of evaluations, seconds and metrics for each point, the result last."""
    trace_at = np.unique(np.geomspace(1, max(params.steps, 1), points + 1).round().astype(int))
    quiet = {"encoder": encoder, "log_every": 0, "snapshot_every": 0}
    run = invert(
        generator, target, image_id=photo.name, trace_at=trace_at[:-1].tolist(),
        **params.inversion() | quiet,
    )  # fmt: skip
    if run.stopped:
        raise ParamsError(f"{photo.id}: {run.stopped}")
    rows = []
    for found in run.trace:
        noise = {} if params.noise_maps == "dropped" else found.noise
        image = render_result(generator, found.latent, noise)
        metrics = compute_metrics(image, run.target.to(image.device))
        rows.append({"evaluations": found.evaluations, "seconds": found.seconds} | metrics)
    return [*rows, {"evaluations": run.evaluations, "seconds": run.seconds} | run.metrics]


def _line(row):
    return (
        f"LPIPS-vgg {row['lpips_vgg']:.3f}, LPIPS-alex {row['lpips_alex']:.3f}, PSNR "
        f"{row['psnr']:.2f} dB after {row['evaluations']} evaluations, {row['seconds']:.0f} s"
    )


def _finals(result, recipe):
    """The last row of each image."""
    return {row["image"]: row for row in result["rows"] if row["recipe"] == recipe}


def reach(result, ours, other):
    """When `ours` came to the final LPIPS-vgg of `other`, image by image, and what that is worth.

    Seconds and evaluations are those of the first measured point that is no worse, None where there
    is none. `share_of_fast` is ours over `other`'s seconds on the same path, `share_of_published`
    over its evaluations times a step of plain code.
    """
    loss = "l2" if loss_weights(result["recipes"][other]["loss"]).keys() == {"l2"} else "lpips"
    images = []
    for image, final in _finals(result, other).items():
        points = [r for r in result["rows"] if (r["recipe"], r["image"]) == (ours, image)]
        first = next((row for row in points if row[JUDGE] <= final[JUDGE]), None)
        published = final["evaluations"] * result["plain"][loss]
        found = first or {"seconds": None, "evaluations": None}
        images.append({
            "image": image, JUDGE: final[JUDGE], "seconds_fast": final["seconds"],
            "seconds_published": published, "evaluations": final["evaluations"],
            "ours_seconds": found["seconds"], "ours_evaluations": found["evaluations"],
            "share_of_fast": first and first["seconds"] / final["seconds"],
            "share_of_published": first and first["seconds"] / published,
        })  # fmt: skip
    return {"recipe": other, "ours": ours, "images": images}


def describe_reach(row, found):
    """One image of `reach` in a sentence."""
    goal = f"{found['image']}: {row['recipe']}'s final LPIPS-vgg of {found[JUDGE]:.3f}"
    if found["ours_seconds"] is None:
        return f"{goal} is not reached by {row['ours']}"
    return (
        f"{goal} is reached by {row['ours']} after {found['ours_evaluations']} evaluations, not "
        f"{found['evaluations']}, in {found['ours_seconds']:.0f} s: {found['share_of_fast']:.0%} "
        f"of its time on the same path, {found['share_of_published']:.1%} of plain code's"
    )

"""An encoder's start measured: a short search from its codes beside a long one from mean_w.

Same photographs, space, loss, optimizer, rate and seed; only start and steps differ. LPIPS-alex
judges the searches that minimize LPIPS-vgg.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ganinv.compute.device import resolve_device
from ganinv.errors import ParamsError
from ganinv.generators.load import load_generator
from ganinv.images.alignment import load_image
from ganinv.inversion.invert import invert
from ganinv.inversion.params import UNREFINED
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.describe import describe_metrics
from ganinv.runs.environment import environment
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.plan import prepare, settle, weights_used

JUDGES = ("lpips_alex", "lpips_vgg")
MINIMIZED = "lpips_vgg"


def bench_encoder(
    params: Params, *, against: int, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Search from the encoder by `params` and from mean_w with `against` steps; return a dict.

    `rows`: per image and start, its steps, evaluations, seconds, metrics at the start (0 steps) and
    after the search. `starts`: by how much LPIPS-vgg is below mean_w's before the first step.
    `verdicts`: for both LPIPS, means and on how many images the encoder's search is at least as
    good. Raises ParamsError unless params start from an encoder.
    """
    if params.init != "encoder":
        raise ParamsError("bench encoder compares an encoder's start: set init=encoder")
    generator = load_generator(params.generator, resolve_device(params.device))
    params = settle(params, generator)
    encoder = prepare(params, generator)
    plans = {"encoder": params, "mean_w": params.replace(init="mean_w", steps=against)}
    rows = []
    for photo in find_photos(params.images, params.align, params.face):
        face = photo.face or "largest"
        target = load_image(photo.path, generator.resolution, align=photo.align, face=face)
        for start, plan in plans.items():
            about: dict[str, Any] = {"encoder": encoder, "image_id": photo.name}
            before = invert(generator, target, start_of(plan), **about)
            run = invert(generator, target, plan, **about)
            rows.append(
                {
                    "image": photo.id,
                    "start": start,
                    "steps": plan.steps,
                    "seconds": run.seconds,
                    "evaluations": run.evaluations,
                    "at_start": before.metrics,
                    "after": run.metrics,
                }
            )
            said = (describe_metrics(found) for found in (before.metrics, run.metrics))
            say(f"{photo.id}, {start}: {' -> '.join(said)}")
    return {
        "rows": rows,
        "starts": _starts(rows),
        "verdicts": [_verdict(rows, n) for n in JUDGES],
        "params": params.model_dump(exclude={"out"}),
        "against": against,
        "environment": environment(params, weights_used(generator, encoder)),
    }


def start_of(params: Params) -> Params:
    """Return the parameters of a search that stays at its start, and is not refined."""
    return params.replace(steps=0, **UNREFINED)


def _pairs(rows, when, metric):
    """(encoder, mean_w) of a metric, image by image."""
    found = {(row["image"], row["start"]): row[when][metric] for row in rows}
    images = dict.fromkeys(row["image"] for row in rows)
    return [(found[i, "encoder"], found[i, "mean_w"]) for i in images]


def _starts(rows):
    below = [1 - new / old for new, old in _pairs(rows, "at_start", MINIMIZED)]
    return {"per_image": below, "mean": float(np.mean(below))}


def _verdict(rows, metric):
    pairs = _pairs(rows, "after", metric)
    new, old = (float(np.mean(values)) for values in zip(*pairs, strict=True))
    return {
        "metric": metric,
        "encoder": new,
        "mean_w": old,
        "at_least_as_good": sum(not METRICS[metric].better(b, a) for a, b in pairs),
        "images": len(pairs),
    }


def describe_savings(result: dict[str, Any]) -> Iterator[str]:
    """Say in a line each by how much the encoder's start is better, and how the searches end."""
    start = result["starts"]["mean"]
    yield f"{METRICS[MINIMIZED].label} before the first step: {start:.0%} below mean_w's"
    for row in result["verdicts"]:
        metric = METRICS[row["metric"]]
        yield (
            f"{metric.label}: {metric.show(row['encoder'])} after {result['params']['steps']} "
            f"steps from the encoder, {metric.show(row['mean_w'])} after {result['against']} from "
            f"mean_w; at least as good on {row['at_least_as_good']} of {row['images']}"
        )

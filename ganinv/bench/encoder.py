"""What an encoder's start saves: a short search from its codes beside a long one from mean_w.

Same photographs, space, loss, optimizer, rate and seed; only start and steps differ. Metrics are
those of `metrics`, so that LPIPS-alex judges what LPIPS-vgg was minimized by.
"""

import numpy as np

from ganinv.compute.device import resolve_device
from ganinv.errors import ParamsError
from ganinv.generators.load import load_generator
from ganinv.images.alignment import load_image
from ganinv.inversion.invert import invert
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.environment import environment
from ganinv.runs.experiment import prepare, settle, weights_used
from ganinv.runs.inputs import find_photos

JUDGES = ("lpips_alex", "lpips_vgg")


def bench_encoder(params, *, against, say=print):
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
    for photo in find_photos(params.images, params.align):
        target = load_image(photo.path, generator.resolution, align=photo.align)
        for start, plan in plans.items():
            about = {"encoder": encoder, "image_id": photo.name}
            before = invert(generator, target, plan, steps=0, **about)
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
            say(f"{photo.id}, {start}: {_line(before.metrics)} -> {_line(run.metrics)}")
    return {
        "rows": rows,
        "starts": _starts(rows),
        "verdicts": [_verdict(rows, n) for n in JUDGES],
        "params": params.model_dump(exclude={"out"}),
        "against": against,
        "environment": environment(params, weights_used(generator, encoder)),
    }


def _line(metrics):
    return ", ".join(f"{name} {metrics[name]:.3f}" for name in METRICS)


def _pairs(rows, when, metric):
    """(encoder, mean_w) of a metric, image by image."""
    found = {(row["image"], row["start"]): row[when][metric] for row in rows}
    images = dict.fromkeys(row["image"] for row in rows)
    return [(found[i, "encoder"], found[i, "mean_w"]) for i in images]


def _starts(rows):
    below = [1 - new / old for new, old in _pairs(rows, "at_start", "lpips_vgg")]
    return {"per_image": below, "mean": float(np.mean(below))}


def _verdict(rows, metric):
    pairs = _pairs(rows, "after", metric)
    new, old = (float(np.mean(values)) for values in zip(*pairs, strict=True))
    return {
        "metric": metric,
        "encoder": new,
        "mean_w": old,
        "at_least_as_good": sum(a <= b for a, b in pairs),
        "images": len(pairs),
    }

"""Curves of searches and metrics across experiments.

Every function returns HTML that needs no other file, with every text in it escaped.
"""

import functools
import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ganinv import figures
from ganinv.analysis.finished import Experiment, common_images, value
from ganinv.measures.reconstruction import METRICS
from ganinv.report.plots import STYLES, Key, colour, panel, panels
from ganinv.runs.describe import describe_loss

AXES = {
    "step": "step",
    "evaluations": "generator evaluations (forward and backward)",
    "seconds": "seconds, the encoder's included",
}
TICK = 11  # letters of a line below an axis


def loss_curves(experiments: Sequence[Experiment], title: str, *xs: str) -> str:
    """Draw the loss against steps, or each of `xs`: evaluations, seconds.

    Images have colours, experiments have line styles. Each of several panels says its x.
    """
    minimized = dict.fromkeys(describe_loss(e.params) for e in experiments)
    name = f"loss: {next(iter(minimized))}" if len(minimized) == 1 else "loss"

    def draw(axis: Axes, x: str) -> None:
        for experiment, style in zip(experiments, STYLES, strict=False):
            for k, image_id in enumerate(experiment.images):
                history = experiment.history(image_id)
                places, losses = ([row[key] for row in history] for key in (x, "loss"))
                axis.plot(places, losses, color=colour(k), ls=style, lw=1.6)
        axis.set(xlabel=AXES[x], ylabel=figures.plain(name))
        figures.plain_log(axis)

    keys = [
        Key(experiments[0].title(image_id), colour(k))
        for k, image_id in enumerate(experiments[0].images)
    ]
    if len(experiments) > 1:
        named = zip(experiments, STYLES, strict=False)
        keys += [Key(e.name, "currentColor", style) for e, style in named]
    falls = " ".join(_falls(e) for e in experiments)
    titles = {x: f"{title}: {x}" if len(xs) > 1 else title for x in xs or ("step",)}
    shown = [
        panel(functools.partial(draw, x=x), alt=f"{text}. {falls}", title=text)
        for x, text in titles.items()
    ]
    return panels(shown, keys)


def _falls(experiment: Experiment) -> str:
    """Say how far the loss falls, in the geometric mean over photographs."""
    ends = []
    for image_id, entry in experiment.images.items():
        history = experiment.history(image_id)
        if history and history[0]["loss"] > 0 and entry["best_loss"] > 0:
            ends.append((history[0]["loss"], entry["best_loss"]))
    if not ends:
        return f"{experiment.name} has no steps."
    first, last = np.exp(np.log(ends).mean(0))
    steps = experiment.params.steps
    return f"{experiment.name} falls from {first:.3g} to {last:.3g} in {steps} steps."


def metric_lines(experiments: Sequence[Experiment]) -> str:
    """Draw each metric that was measured across the experiments, one line per image."""
    images = common_images(experiments)
    shown = [
        name
        for name in METRICS
        if any(value(e, image, name) is not None for e in experiments for image in images)
    ]
    keys = [Key(experiments[0].title(image), colour(k)) for k, image in enumerate(images)]
    return panels([_metric_panel(experiments, images, name) for name in shown], keys)


def _metric_panel(experiments, images, name):
    metric = METRICS[name]
    found = [[value(e, image, name) for e in experiments] for image in images]
    ticks = [figures.plain(textwrap.fill(e.name, TICK)) for e in experiments]

    def draw(axis: Axes) -> None:
        for k, values in enumerate(found):
            heights = [math.nan if x is None else x for x in values]  # nan leaves a gap
            axis.plot(range(len(heights)), heights, "o-", color=colour(k))
        axis.set_xticks(range(len(ticks)), ticks)
        axis.set_ylabel(metric.heading)
        axis.margins(x=0.12)

    better = "higher" if metric.higher else "lower"
    title = f"{metric.heading} ({better} is better)"
    means = [
        f"{e.name} {metric.show(_mean(values))}"
        for e, values in zip(experiments, zip(*found, strict=True), strict=True)
    ]
    return panel(draw, alt=f"{title}, means: {'; '.join(means)}.", title=title)


def _mean(values: Sequence[float | None]) -> float:
    there = [x for x in values if x is not None]
    return float(np.mean(there)) if there else math.nan

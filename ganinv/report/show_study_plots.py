"""What the report draws of a study: photographs over recipes, differences, falls of the loss."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ganinv import figures
from ganinv.analysis.study import of_photograph
from ganinv.measures.reconstruction import METRICS
from ganinv.report.plots import FAINT, Key, colour, panel, panels

Study = Mapping[str, Any]
TITLE = 20  # letters of a line beside an axis
LINE, ROW, AROUND = 0.17, 0.45, 0.6  # inches: a line of a title, a recipe at least, and the axis
DRAWN = ("lpips_alex", "lpips_vgg", "identity", "psnr")  # the tables have all measures


def lines(study: Study) -> str:
    """Draw each photograph as a line over the recipes, and their mean as a bold one."""
    return panels([_line_panel(study, name) for name in DRAWN])


def _line_panel(study, name):
    """One measure: recipes lie below each other, so that their titles fit."""
    metric, recipes = METRICS[name], study["recipes"]
    found = [of_photograph(study, recipe, name) for recipe in recipes]
    means = [recipe["mean"].get(name, math.nan) for recipe in recipes.values()]
    titles = [figures.plain(textwrap.fill(x["title"], TITLE)) for x in recipes.values()]
    places = range(len(titles))

    def draw(axis: Axes) -> None:
        for photograph in study["photographs"]:
            values = [np.mean(per_recipe.get(photograph, [np.nan])) for per_recipe in found]
            axis.plot(values, places, color=colour(0), alpha=FAINT, lw=1)
        axis.plot(means, places, "o-", color=figures.INK, lw=2, ms=5)
        _below_each_other(axis, titles)
        axis.set_xlabel(metric.heading)

    title = f"{metric.heading}, {'higher' if metric.higher else 'lower'} is better"
    told = [
        f"{recipe['title']} {metric.show(mean)}"
        for recipe, mean in zip(recipes.values(), means, strict=True)
    ]
    alt = f"{title}, means: {'; '.join(told)}."
    return panel(draw, alt=alt, title=title, height=_height(titles), names=titles)


def _below_each_other(axis: Axes, titles: Sequence[str]) -> None:
    """Name the places 0, 1, … of an axis from its top, with room around the first and last."""
    axis.set_yticks(range(len(titles)), titles)
    axis.set_ylim(len(titles) - 0.5, -0.5)


def _height(titles: Sequence[str]) -> float:
    """The inches of a plot in which titles below each other do not touch."""
    lines_of_text = max((title.count("\n") + 1 for title in titles), default=1)
    return AROUND + max(ROW, LINE * (lines_of_text + 1)) * len(titles)


def differences(study: Study, *metrics: str) -> str:
    """Draw the paired differences of metrics with their intervals; a dot for each photograph.

    "" where no recipes are compared.
    """
    if not study["comparisons"]:
        return ""
    return panels([_difference_panel(study, metric) for metric in metrics])


def _difference_panel(study, metric):
    chosen = [one for one in study["comparisons"] if one["metric"] == metric]
    row = METRICS[metric]
    recipes = study["recipes"]
    titles = [" − ".join(recipes[one[side]]["title"] for side in "ab") for one in chosen]
    names = [figures.plain(textwrap.fill(title, TITLE + 4)) for title in titles]

    def draw(axis: Axes) -> None:
        for place, one in enumerate(chosen):
            a, b = (of_photograph(study, one[side], metric) for side in "ab")
            dots = [np.mean(a[photo]) - np.mean(b[photo]) for photo in a.keys() & b.keys()]
            axis.plot(dots, [place] * len(dots), "o", color=colour(0), alpha=FAINT, ms=5, mew=0)
            if one["low"] is not None and one["high"] is not None:
                axis.plot([one["low"], one["high"]], [place] * 2, color=figures.INK, lw=2)
            axis.plot([one["difference"]], [place], "D", color=figures.INK, ms=5)
        axis.axvline(0, color=figures.INK, lw=0.8)
        _below_each_other(axis, names)
        axis.set_xlabel(f"difference in {row.label}")

    side = "right" if row.higher else "left"
    title = f"{row.label}: {side} of 0, the first is better"
    told = [
        f"{title} {one['difference']:+.{row.digits}f}"
        for title, one in zip(titles, chosen, strict=True)
    ]
    alt = f"{title}. {'; '.join(told)}."
    return panel(draw, alt=alt, title=title, height=_height(names), names=names)


def head_start_curves(study: Study, one: Mapping[str, Any]) -> str:
    """Draw the median loss of two recipes over their steps, with the middle half of the runs.

    That there are no curves, as of searches without a step, is said.
    """
    if not any(_curves(study, one[side]) for side in "ab"):
        return "<p>No loss was noted step by step.</p>"
    drawn = {}
    for side in "ab":
        if curves := _curves(study, one[side]):
            steps = [int(step) - 1 for step, _ in curves[0]]
            losses = [[loss for _, loss in curve] for curve in curves]
            lowest = np.minimum.accumulate(losses, axis=1)
            quartiles = np.quantile(lowest, [0.25, 0.5, 0.75], axis=0)
            drawn[study["recipes"][one[side]]["title"]] = steps, *quartiles

    def draw(axis: Axes) -> None:
        for k, (steps, low, middle, high) in enumerate(drawn.values()):
            axis.plot(steps, middle, color=colour(k))
            axis.fill_between(steps, low, high, color=colour(k), alpha=0.15, lw=0)
        axis.set(xlabel="steps", ylabel="lowest loss so far")
        axis.set_ylim(bottom=0)

    told = "; ".join(
        f"{title} from {middle[0]:.3g} to {middle[-1]:.3g}"
        for title, (_, _, middle, _) in drawn.items()
    )
    alt = f"Lowest loss so far, median and middle half of the runs: {told}."
    keys = [Key(title, colour(k)) for k, title in enumerate(drawn)]
    return panels([panel(draw, alt=alt, title="Median, and the middle half of the runs")], keys)


def _curves(study: Study, recipe: str) -> list[Sequence[Sequence[float]]]:
    """The curves of a recipe on photographs that count, those that are as long as the longest."""
    curves = [
        row["curve"]
        for row in study["runs"]
        if row["recipe"] == recipe and row["photograph"] in study["photographs"]
    ]
    longest = max(map(len, curves), default=0)
    return [curve for curve in curves if longest and len(curve) == longest]

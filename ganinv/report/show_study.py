"""What the report shows of a study, from what study.json holds."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganinv import figures
from ganinv.analysis.statistics import Interval
from ganinv.analysis.study import of_photograph
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import ABSENT, table
from ganinv.runs.records import is_measured

Study = Mapping[str, Any]
SHOWN = ("lpips_alex", "lpips_vgg", "identity", "psnr")  # that are drawn; the tables have all


def describe_study(study: Study) -> str:
    """Say in one paragraph what was done, and what of it counts."""
    counts = {recipe["restarts"] for recipe in study["recipes"].values()}
    many = " or ".join(map(str, sorted(counts)))
    counted = sum(row["photograph"] in study["photographs"] for row in study["runs"])
    share = f"{100 * study['spread']:.3g} % of the spread of W"
    moved = f", every one moved by {share}" if study["spread"] else ", not moved"
    text = (
        f"{_count(len(study['recipes']), 'recipe')} on "
        f"{_count(len(study['photographs']), 'photograph')}, {many} "
        f"start{'s' if counts != {1} else ''} each{moved}: {_count(counted, 'search', 'es')}."
    )
    if more := len(study["runs"]) - counted:
        text += (
            f" {_count(more, 'search', 'es')} more {'is' if more == 1 else 'are'} of photographs"
        )
        text += " that do not count."
    if study["missing"]:
        are = "is" if study["missing"] == 1 else "are"
        text += f" {_count(study['missing'], 'search', 'es')} {are} still to be done; a photograph"
        text += " that lacks one does not count."
    for name, reason in study["failed"].items():
        text += f" {name} is left out: {reason.rstrip('.')}."
    return text


def summary(study: Study) -> str:
    """Show that paragraph."""
    return f"<p>{html.escape(describe_study(study))}</p>"


def _count(number: int, thing: str, ending: str = "s") -> str:
    return f"{number} {thing}{'' if number == 1 else ending}"


def recipes_table(study: Study) -> str:
    """Show each recipe's mean over the photographs, with its 95 % interval."""
    heads = [f"{METRICS[m].heading} {METRICS[m].arrow}" for m in METRICS]
    rows = []
    for name, recipe in study["recipes"].items():
        cells = [_mean(study, name, m, METRICS[m].digits) for m in METRICS]
        rows.append([recipe["title"], recipe["steps"], *cells, _mean(study, name, "seconds", 0)])
    return table(["", "steps", *heads, "s per photo"], rows)


def _mean(study: Study, name: str, metric: str, digits: int) -> str:
    """A recipe's mean with its interval, and how many photographs it is of, where not all."""
    recipe = study["recipes"][name]
    if metric not in recipe["mean"]:
        return ABSENT
    low, high = (math.nan if x is None else x for x in recipe["interval"][metric])
    measured, all_of_them = len(of_photograph(study, name, metric)), len(study["photographs"])
    of = f", of {measured} of {all_of_them}" if measured < all_of_them else ""
    return Interval(recipe["mean"][metric], low, high, measured).show(digits) + of


def spreads_table(study: Study) -> str:
    """Show the standard deviation between photographs beside that between restarts of one."""
    rows = []
    for recipe in study["recipes"].values():
        cells = []
        for name in SHOWN:
            spread = recipe["spread"].get(name, {})
            between, within = spread.get("photographs"), spread.get("restarts")
            digits = METRICS[name].digits
            cells += [_number(between, digits), _number(within, digits)]
        rows.append([recipe["title"], *cells])
    heads = [f"{METRICS[m].heading}: {of}" for m in SHOWN for of in ("photographs", "restarts")]
    return table(["", *heads], rows)


def _number(value: float | None, digits: int) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def comparisons_table(study: Study) -> str:
    """Show the paired differences: mean, 95 % interval, wins, p of Wilcoxon's test."""
    rows: list[list[str]] = []
    best: list[tuple[int | None, int]] = []
    for one in study["comparisons"]:
        metric = METRICS[one["metric"]]
        names = [study["recipes"][one[side]]["title"] for side in "ab"]
        low, high = (math.nan if one[x] is None else one[x] for x in ("low", "high"))
        shown = Interval(one["difference"], low, high, one["n"])
        if shown.sign:
            best.append((len(rows), 2))
        rows.append(
            [
                f"{names[0]} − {names[1]}",
                f"{metric.heading} {metric.arrow}",
                shown.show(metric.digits, signed=True),
                f"{one['wins']} of {one['n']}",
                show_p(one["p"]),
            ]
        )
    heads = ["difference of", "in", "mean (95 % interval)", "better on", "p (Wilcoxon)"]
    return table(heads, rows, best)


def show_p(p: float | None) -> str:
    """Write the p of a test, as far as it tells anything."""
    if p is None:
        return ABSENT
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def lines(study: Study) -> str:
    """Draw each photograph as a line over the recipes, and their mean as a bold one."""
    names = list(study["recipes"])
    figure = figures.new_figure(10.5, 7.5)
    axes = figure.subplots(2, 2).ravel()
    for axis, name in zip(axes, SHOWN, strict=True):
        metric = METRICS[name]
        per_recipe = [of_photograph(study, recipe, name) for recipe in names]
        for photograph in study["photographs"]:
            ys = [np.mean(values.get(photograph, [np.nan])) for values in per_recipe]
            axis.plot(ys, color=figures.COLOURS[0], alpha=0.35, lw=1)
        means = [study["recipes"][recipe]["mean"].get(name, math.nan) for recipe in names]
        axis.plot(means, "o-", color=figures.INK, lw=2, ms=5)
        axis.set_title(f"{metric.label}, {'higher' if metric.higher else 'lower'} is better")
        titles = [figures.plain(study["recipes"][recipe]["title"]) for recipe in names]
        axis.set_xticks(range(len(names)), titles, rotation=30, ha="right", fontsize=8)
        axis.grid(axis="y", alpha=0.3)
    for axis in axes[:2]:
        axis.set_xticklabels([])
    alt = "Four measures of each photograph under each recipe, a line for each photograph"
    return figures.figure_html(figure, alt=alt)


def differences(study: Study, metric: str) -> str:
    """Draw the paired differences of a metric with their intervals; a dot for each photograph."""
    chosen = [one for one in study["comparisons"] if one["metric"] == metric]
    row = METRICS[metric]
    figure = figures.new_figure(9.0, 0.9 + 0.5 * len(chosen))
    axis = figure.subplots()
    for place, one in enumerate(chosen):
        a, b = (of_photograph(study, one[side], metric) for side in "ab")
        dots = [np.mean(a[photo]) - np.mean(b[photo]) for photo in a.keys() & b.keys()]
        axis.plot(dots, [place] * len(dots), "o", color=figures.COLOURS[0], alpha=0.35, mew=0)
        low, high = one["low"], one["high"]
        if low is not None and high is not None:
            axis.plot([low, high], [place] * 2, color=figures.INK, lw=2)
        axis.plot([one["difference"]], [place], "D", color=figures.INK, ms=5)
    axis.axvline(0, color=figures.INK, lw=0.8)
    recipes = study["recipes"]
    names = [f"{recipes[x['a']]['title']} − {recipes[x['b']]['title']}" for x in chosen]
    axis.set_yticks(range(len(chosen)), map(figures.plain, names), fontsize=8)
    axis.invert_yaxis()
    side = "right" if row.higher else "left"
    axis.set_xlabel(f"difference in {row.label} ({side} of 0: the first is better)")
    axis.grid(axis="x", alpha=0.3)
    alt = f"Paired differences of recipes in {row.label}, with 95 % intervals"
    return figures.figure_html(figure, alt=alt)


def head_start_table(one: Mapping[str, Any], recipes: Mapping[str, Any]) -> str:
    """Show how many steps ahead a start is, after so many steps of both."""
    rows = []
    for point in one["checkpoints"]:
        ahead = ABSENT if point["ahead"] is None else f"{point['ahead']:+.0f}"
        if point["ahead"] is None and point["never"] * 2 > point["n"]:
            ahead = "not reached"
        rows.append([point["step"], ahead, f"{point['never']} of {point['n']}"])
    a, b = (html.escape(str(recipes[one[side]]["title"])) for side in "ab")
    heads = ["after steps", "ahead by steps, median", "never reached"]
    return f"<p>{a}, against {b}:</p>" + table(heads, rows)


def head_start_curves(study: Study, one: Mapping[str, Any]) -> str:
    """Draw the median loss of two recipes over their steps, with the middle half of the runs.

    That there are no curves, as of searches without a step, is said.
    """
    if not any(_curves(study, one[side]) for side in "ab"):
        return "<p>No loss was noted step by step.</p>"
    figure = figures.new_figure(9.0, 4.2)
    axis = figure.subplots()
    for colour, side in zip(figures.COLOURS, "ab", strict=False):
        curves = _curves(study, one[side])
        if not curves:
            continue
        steps = [int(step) - 1 for step, _ in curves[0]]
        losses = np.minimum.accumulate([[loss for _, loss in curve] for curve in curves], axis=1)
        low, middle, high = np.quantile(losses, [0.25, 0.5, 0.75], axis=0)
        title = figures.plain(study["recipes"][one[side]]["title"])
        axis.plot(steps, middle, color=colour, label=title)
        axis.fill_between(steps, low, high, color=colour, alpha=0.15, lw=0)
    axis.set_xlabel("steps")
    axis.set_ylabel("lowest loss so far")
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend()
    alt = "Lowest loss so far over the steps, median and middle half of the runs"
    return figures.figure_html(figure, alt=alt)


def _curves(study: Study, recipe: str) -> list[Sequence[Sequence[float]]]:
    """The curves of a recipe on photographs that count, those that are as long as the longest."""
    curves = [
        row["curve"]
        for row in study["runs"]
        if row["recipe"] == recipe and row["photograph"] in study["photographs"]
    ]
    longest = max(map(len, curves), default=0)
    return [curve for curve in curves if longest and len(curve) == longest]


def provenance(study: Study) -> str:
    """Say which machines, commits and generation of numerics the rows come from."""
    commits = sorted({_short(str(row["commit"])) for row in study["runs"] if row.get("commit")})
    seconds = [row["seconds"] for row in study["runs"] if is_measured(row.get("seconds"))]
    return (
        f"{len(study['runs'])} searches, {sum(seconds) / 3600:.1f} hours of them in all, on "
        f"{'; '.join(map(html.escape, study['machines']))}. Numerics {study['numerics']}, commits "
        f"{', '.join(map(html.escape, commits))}."
    )


def _short(commit: str) -> str:
    """A commit's first digits, with the + that says that files were changed."""
    return commit[:12] + ("+" if commit.endswith("+") else "")


def controls(study: Study | None) -> str:
    """Show a part of a study as one block: what was done, recipes, differences, head starts.

    None, where no study has these recipes yet, is said.
    """
    if study is None:
        return (
            "<p>There is no study of these recipes here. <code>make study</code> makes it, in "
            "hours.</p>"
        )
    parts = [
        summary(study),
        recipes_table(study),
        *(differences(study, metric) for metric in ("lpips_alex", "lpips_vgg")),
        comparisons_table(study),
    ]
    for one in study["head_starts"]:
        parts += [head_start_table(one, study["recipes"]), head_start_curves(study, one)]
    return "".join(parts)

"""What the report shows of a study, from what study.json holds."""

import html
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ganinv import figures
from ganinv.analysis.statistics import Interval
from ganinv.analysis.study import of_photograph
from ganinv.losses.terms import loss_weights
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import table, words
from ganinv.report.plots import Key, colour, panel, panels
from ganinv.report.told import ABSENT, at, told, told_interval
from ganinv.runs.describe import describe_seconds
from ganinv.runs.records import is_measured
from ganinv.runs.study_params import StudyParams

Study = Mapping[str, Any]
TITLE = 20  # letters of a line beside an axis
FILE = "study.json"  # beside the pages of a report that shows a part of it
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


def heading(study: Study) -> str:
    """Show what a study is called, and what it asks."""
    title = study.get("title") or StudyParams.model_fields["title"].default
    about = f"<p>{html.escape(study['about'])}</p>" if study.get("about") else ""
    return f"<h1>{html.escape(title)}</h1>{about}"


def summary(study: Study) -> str:
    """Show that paragraph."""
    return f"<p>{html.escape(describe_study(study))}</p>"


def recipes_list(study: Study) -> str:
    """Say of each recipe what it is; of studies that do not tell, nothing."""
    items = [(x["title"], f"{x['what']}.") for x in study["recipes"].values() if x.get("what")]
    return words(items) if items else ""


def minimized(study: Study) -> str:
    """Say of which recipes LPIPS-alex, which judges the others, is in the loss; "" for none."""
    titles = [x["title"] for x in study["recipes"].values() if _minimizes_alex(x.get("params"))]
    if not titles:
        return ""
    named = html.escape("; ".join(titles))
    return f"<p>LPIPS-alex is in the loss of {named}: there it judges nothing.</p>"


def _minimizes_alex(params: Any) -> bool:
    params = params or {}
    terms = {*_terms(params.get("loss")), *_terms(params.get("refine_loss"))}
    return "lpips_alex" in terms or ("lpips" in terms and params.get("lpips_net") == "alex")


def _terms(loss: Any) -> Iterable[str]:
    """The terms of a loss that count; none of what a damaged file may have in its place."""
    return loss_weights(loss) if isinstance(loss, str | dict) else ()


def _count(number: int, thing: str, ending: str = "s") -> str:
    return f"{number} {thing}{'' if number == 1 else ending}"


def _file(study: Study) -> str:
    """The file that the study was read from, as seen from the page; "" is the page's own."""
    return str(study.get("file", ""))


def recipes_table(study: Study) -> str:
    """Show each recipe's mean over the photographs, with its 95 % interval."""
    heads = [f"{METRICS[m].heading} {METRICS[m].arrow}" for m in METRICS]
    rows = []
    for name, recipe in study["recipes"].items():
        cells = [_mean(study, name, m, METRICS[m].digits) for m in METRICS]
        steps = told("{}", (at(_file(study), "recipes", name, "steps"), recipe["steps"]))
        rows.append([recipe["title"], steps, *cells, _mean(study, name, "seconds", 0)])
    heads = ["recipe", "steps", *heads, "s per photo"]
    return table(heads, rows, caption="Means over the photographs, with 95 % intervals.")


def _mean(study: Study, name: str, metric: str, digits: int) -> str:
    """A recipe's mean with its interval, and how many photographs it is of, where not all."""
    recipe = study["recipes"][name]
    if metric not in recipe["mean"]:
        return ABSENT
    here = at(_file(study), "recipes", name)
    bounds = [
        (f"{here}/interval/{metric}/{k}", x) for k, x in enumerate(recipe["interval"][metric])
    ]
    measured, all_of_them = len(of_photograph(study, name, metric)), len(study["photographs"])
    mean = told_interval((f"{here}/mean/{metric}", recipe["mean"][metric]), bounds, f".{digits}f")
    return f"{mean}, of {measured} of {all_of_them}" if measured < all_of_them else mean


def spreads_table(study: Study) -> str:
    """Show the standard deviation between photographs beside that between restarts of one.

    "" where nothing was restarted.
    """
    if all(recipe["restarts"] == 1 for recipe in study["recipes"].values()):
        return ""
    rows = []
    for recipe_name, recipe in study["recipes"].items():
        cells = []
        for name in SHOWN:
            spread = recipe["spread"].get(name, {})
            here = at(_file(study), "recipes", recipe_name, "spread", name)
            form = f"{{.{METRICS[name].digits}f}}"
            cells += [
                told(form, (f"{here}/{of}", spread[of])) if of in spread else ABSENT
                for of in ("photographs", "restarts")
            ]
        rows.append([recipe["title"], *cells])
    heads = [f"{METRICS[m].heading}: {of}" for m in SHOWN for of in ("photographs", "restarts")]
    caption = "Standard deviations between photographs, and between restarts of one."
    return table(["recipe", *heads], rows, caption=caption)


def comparisons_table(study: Study) -> str:
    """Show the paired differences: mean, 95 % interval, wins, p of Wilcoxon's test; "" of none."""
    if not study["comparisons"]:
        return ""
    rows: list[list[str]] = []
    pairs: list[str] = []
    best: list[tuple[int | None, int]] = []
    for number, one in enumerate(study["comparisons"]):
        metric = METRICS[one["metric"]]
        pairs.append(" − ".join(study["recipes"][one[side]]["title"] for side in "ab"))
        low, high = (math.nan if one[x] is None else one[x] for x in ("low", "high"))
        here = at(_file(study), "comparisons", one.get("place", number))
        mean, *bounds = ((f"{here}/{key}", one[key]) for key in ("difference", "low", "high"))
        if Interval(one["difference"], low, high, one["n"]).sign:
            best.append((len(rows), 1))
        rows.append(
            [
                f"{metric.heading} {metric.arrow}",
                told_interval(mean, bounds, f"+.{metric.digits}f"),
                told("{} of {}", (f"{here}/wins", one["wins"]), (f"{here}/n", one["n"])),
                _told_p(f"{here}/p", one["p"]),
            ]
        )
    heads = ["difference in", "mean (95 % interval)", "better on", "p (Wilcoxon)"]
    caption = "Recipes in pairs, the first less the second, on the same photographs."
    return table(heads, rows, best, caption=caption, groups=pairs)


def show_p(p: float | None) -> str:
    """Write the p of a test, as far as it tells anything."""
    if p is None:
        return ABSENT
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def _told_p(pointer: str, p: float | None) -> str:
    """The p with its place; one that is shown by a bound alone has none."""
    shown = show_p(p)
    if p is None or p < 0.001:
        return shown
    return told("{.3f}" if p < 0.1 else "{.2f}", (pointer, p))


def lines(study: Study) -> str:
    """Draw each photograph as a line over the recipes, and their mean as a bold one."""
    return panels([_line_panel(study, name) for name in SHOWN])


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
            axis.plot(values, places, color=colour(0), alpha=0.35, lw=1)
        axis.plot(means, places, "o-", color=figures.INK, lw=2, ms=5)
        axis.set_yticks(places, titles)
        axis.invert_yaxis()
        axis.set_xlabel(metric.heading)

    title = f"{metric.heading}, {'higher' if metric.higher else 'lower'} is better"
    told = [
        f"{recipe['title']} {metric.show(mean)}"
        for recipe, mean in zip(recipes.values(), means, strict=True)
    ]
    height = 1.1 + 0.45 * len(titles)
    return panel(draw, alt=f"{title}, means: {'; '.join(told)}.", title=title, height=height)


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
            axis.plot(dots, [place] * len(dots), "o", color=colour(0), alpha=0.35, mew=0)
            if one["low"] is not None and one["high"] is not None:
                axis.plot([one["low"], one["high"]], [place] * 2, color=figures.INK, lw=2)
            axis.plot([one["difference"]], [place], "D", color=figures.INK, ms=5)
        axis.axvline(0, color=figures.INK, lw=0.8)
        axis.set_yticks(range(len(names)), names)
        axis.invert_yaxis()
        axis.set_xlabel(f"difference in {row.label}")

    side = "right" if row.higher else "left"
    title = f"{row.label}: {side} of 0, the first is better"
    told = [
        f"{title} {one['difference']:+.{row.digits}f}"
        for title, one in zip(titles, chosen, strict=True)
    ]
    lines_of_text = sum(name.count("\n") + 1 for name in names)
    height = 0.9 + max(0.45 * len(names), 0.2 * lines_of_text)
    return panel(draw, alt=f"{title}. {'; '.join(told)}.", title=title, height=height)


def head_starts(study: Study) -> str:
    """Show what each start is worth, "" where the study asks of none."""
    shown = (
        head_start_table(one, study["recipes"]) + head_start_curves(study, one)
        for one in study["head_starts"]
    )
    return "".join(shown)


def head_start_table(one: Mapping[str, Any], recipes: Mapping[str, Any]) -> str:
    """Show how many steps ahead a start is, after so many steps of both."""
    rows = []
    for point in one["checkpoints"]:
        ahead = ABSENT if point["ahead"] is None else f"{point['ahead']:+.0f}"
        if point["ahead"] is None and point["never"] * 2 > point["n"]:
            ahead = "not reached"
        rows.append([point["step"], ahead, f"{point['never']} of {point['n']}"])
    a, b = (str(recipes[one[side]]["title"]) for side in "ab")
    heads = ["after steps", "ahead by steps, median", "never reached"]
    return table(heads, rows, caption=f"{a}, against {b}.")


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


def provenance(study: Study) -> str:
    """Say which machines, commits and generation of numerics the rows come from."""
    commits = sorted({_short(str(row["commit"])) for row in study["runs"] if row.get("commit")})
    seconds = [row["seconds"] for row in study["runs"] if is_measured(row.get("seconds"))]
    return (
        f"{_count(len(study['runs']), 'search', 'es')}, {describe_seconds(sum(seconds))} in all, "
        f"on {'; '.join(map(html.escape, study['machines']))}. Numerics {study['numerics']}, "
        f"commits {', '.join(map(html.escape, commits))}."
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
    study = {**study, "file": FILE}
    parts = [
        summary(study),
        recipes_table(study),
        differences(study, "lpips_alex", "lpips_vgg"),
        comparisons_table(study),
        head_starts(study),
    ]
    return "".join(parts)

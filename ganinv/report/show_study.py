"""What the report shows of a study, from what study.json holds."""

import html
import math
from collections.abc import Mapping
from typing import Any

from ganinv.analysis.answers import minimized_by, split_machines
from ganinv.analysis.statistics import Interval
from ganinv.analysis.study import of_photograph
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import table, words
from ganinv.report.show_study_plots import DRAWN, differences, head_start_curves
from ganinv.report.told import ABSENT, Told, at, told, told_interval
from ganinv.report.ways import beside
from ganinv.runs.describe import describe_seconds
from ganinv.runs.records import is_measured
from ganinv.runs.study_params import StudyParams

Study = Mapping[str, Any]
CONTROLS = (
    "Against Exp-03 (W+, LPIPS, from the mean of W), two things change here at once: the start, "
    "and the number of steps. So the study runs both controls: the mean of W with the steps of "
    "this experiment, and the encoder's start with the steps of that search. It also reads off "
    "what the start is worth: after so many steps of both, how many more the search from the mean "
    "of W needs to be as low."
)
FILE = "study.json"  # beside the pages of a report that shows a part of it


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
        f"start{'s' if counts != {1} else ''} each{moved}: {_searches(study, counted)}."
    )
    if more := len(study["runs"]) - counted:
        text += f" {_searches(study, more)} more {'is' if more == 1 else 'are'} of photographs"
        text += " that do not count."
    if study["missing"]:
        are = "is" if study["missing"] == 1 else "are"
        text += f" {_searches(study, study['missing'])} {are} still to be done; a photograph"
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
    """Say of each recipe what it is, in words and parameters; nothing where none is told."""
    items = [
        (x["title"], " ".join(_sentence(text) for text in (x.get("about"), x.get("what")) if text))
        for x in study["recipes"].values()
    ]
    items = [(title, text) for title, text in items if text]
    return words(items) if items else ""


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."


def reading(study: Study) -> str:
    """Say in a paragraph how to read the table of recipes: of what is in it, and of no more."""
    again = any(recipe["restarts"] > 1 for recipe in study["recipes"].values())
    text = f"Means over the photographs, {'of the means over restarts, ' if again else ''}with"
    text += " 95 % intervals (Student's)."
    if any(_lacks(study, name, m) for name in study["recipes"] for m in METRICS):
        text += " A measure that some photographs lack, such as identity where no face is found, "
        text += "is of the others, as said beside it."
    return f"<p>{html.escape(f'{text} {seconds_note(study)}')}</p>"


def seconds_note(study: Study) -> str:
    """Say what seconds are of, or why none are shown."""
    split = split_machines(study)
    if not split:
        machines = len(study["machines"]) > 1
        within = "; each photograph had all recipes on one of them" if machines else ""
        return f"Seconds are those of {'; '.join(study['machines'])}{within}."
    told_of = (f"{study['recipes'][name]['title']} on {'; '.join(split[name])}" for name in split)
    return f"Seconds are left out, for they do not compare: {', but '.join(told_of)}."


def minimized(study: Study) -> str:
    """Say which measures recipes minimize, and so are no judges there; "" for none."""
    by = {name: minimized_by(recipe) for name, recipe in study["recipes"].items()}
    sentences = []
    for metric in METRICS:
        titles = [study["recipes"][name]["title"] for name in by if metric in by[name]]
        if titles:
            label, of = METRICS[metric].label, "; ".join(titles)
            loss = f"The squared error, and so {label}," if metric == "psnr" else label
            if len(titles) == len(by) > 1:
                of, so = "every recipe", "it tells which of them minimizes better, and no more"
            else:
                so = "there it judges nothing"
            sentences.append(f"{loss} is in the loss of {of}: {so}.")
    return f"<p>{html.escape(' '.join(sentences))}</p>" if sentences else ""


def _searches(study: Study, number: int) -> str:
    """Count searches, or runs where no recipe takes a step."""
    searched = any(recipe["steps"] for recipe in study["recipes"].values())
    return _count(number, "search", "es") if searched else _count(number, "run")


def _count(number: int, thing: str, ending: str = "s") -> str:
    return f"{number} {thing}{'' if number == 1 else ending}"


def title_of(study: Study, name: str) -> tuple[str, str]:
    """A recipe's title with its place, as `told` takes it."""
    return at(file_of(study), "recipes", name, "title"), study["recipes"][name]["title"]


def file_of(study: Study) -> str:
    """The file that the study was read from, as seen from the page; "" is the page's own."""
    return str(study.get("file", ""))


def recipes_table(study: Study) -> str:
    """Show each recipe's mean over the photographs, with its 95 % interval."""
    digits = {name: metric.digits for name, metric in METRICS.items()}
    heads = [f"{metric.heading} {metric.arrow}" for metric in METRICS.values()]
    if not split_machines(study):
        digits["seconds"] = _digits_of_seconds(study)
        heads.append("s per photo")
    rows = []
    for name, recipe in study["recipes"].items():
        cells = [_mean(study, name, measure, digits[measure]) for measure in digits]
        steps = told("{}", (at(file_of(study), "recipes", name, "steps"), recipe["steps"]))
        rows.append([recipe["title"], steps, *cells])
    caption = "Means over the photographs, with 95 % intervals."
    return table(["recipe", "steps", *heads], rows, caption=caption, close=True)


def _digits_of_seconds(study: Study) -> int:
    """How many digits behind the point show two of the shortest mean."""
    means = [recipe["mean"].get("seconds", math.inf) for recipe in study["recipes"].values()]
    shortest = min(means, default=math.inf)
    return 2 if shortest < 0.95 else 1 if shortest < 9.5 else 0


def _lacks(study: Study, name: str, metric: str) -> bool:
    """Whether a recipe has a measure on some photographs, and not on all."""
    return 0 < len(of_photograph(study, name, metric)) < len(study["photographs"])


def _mean(study: Study, name: str, metric: str, digits: int) -> str:
    """A recipe's mean with its interval, and how many photographs it is of, where not all."""
    recipe = study["recipes"][name]
    if metric not in recipe["mean"]:
        return ABSENT
    here = at(file_of(study), "recipes", name)
    bounds = [
        (f"{here}/interval/{metric}/{k}", x) for k, x in enumerate(recipe["interval"][metric])
    ]
    measured, all_of_them = len(of_photograph(study, name, metric)), len(study["photographs"])
    mean = told_interval((f"{here}/mean/{metric}", recipe["mean"][metric]), bounds, f".{digits}f")
    return f"{mean}, of {measured} of {all_of_them}" if measured < all_of_them else mean


def spreads_table(study: Study) -> str:
    """Show the standard deviation between photographs beside that between restarts of one.

    Of recipes that have restarts, and measures that vary in them; "" where there are none.
    """
    again = {
        name: recipe["spread"]
        for name, recipe in study["recipes"].items()
        if any(x.get("restarts") is not None for x in recipe["spread"].values())
    }
    shown = [
        metric
        for metric in DRAWN
        if any(spread.get(metric, {}).get("restarts") is not None for spread in again.values())
    ]
    rows = []
    for recipe_name, spreads in again.items():
        cells: list[Told | str] = []
        for name in shown:
            here = at(file_of(study), "recipes", recipe_name, "spread", name)
            for of in ("photographs", "restarts"):
                form, value = f"{{.{METRICS[name].digits}f}}", spreads.get(name, {}).get(of)
                cells.append(ABSENT if value is None else told(form, (f"{here}/{of}", value)))
        rows.append([study["recipes"][recipe_name]["title"], *cells])
    heads = [f"{METRICS[m].heading}: {of}" for m in shown for of in ("photographs", "restarts")]
    caption = "Standard deviations between photographs, and between restarts of one."
    if len(again) < len(study["recipes"]):
        caption += " Recipes with single starts have none."
    return table(["recipe", *heads], rows, caption=caption) if shown else ""


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
        here = at(file_of(study), "comparisons", one.get("place", number))
        mean, *bounds = ((f"{here}/{key}", one[key]) for key in ("difference", "low", "high"))
        if Interval(one["difference"], low, high, one["n"]).sign:
            best.append((len(rows), 1))
        rows.append(
            [
                f"{metric.heading} {metric.arrow}",
                told_interval(mean, bounds, f"+.{metric.digits}f"),
                told("{} of {}", (f"{here}/wins", one["wins"]), (f"{here}/n", one["n"])),
                told_p(f"{here}/p", one["p"]),
            ]
        )
    heads = ["difference in", "mean (95 % interval)", "better on", "p (Wilcoxon)"]
    caption = "Recipes in pairs, the first less the second, on the same photographs."
    return table(heads, rows, best, caption=caption, groups=pairs)


def told_p(pointer: str, p: float | None) -> Told | str:
    """Write the p of a test, as far as it tells anything, with its place."""
    if p is None:
        return ABSENT
    form, figures = p_form(pointer, p)
    return told(form, *figures)


def p_form(pointer: str, p: float) -> tuple[str, list[tuple[str, float]]]:
    """The form of a p, and what fills it: one that is shown by a bound alone has no place."""
    if p < 0.001:
        return "< 0.001", []
    return "{.3f}" if p < 0.1 else "{.2f}", [(pointer, p)]


def head_starts(study: Study) -> str:
    """Show what each start is worth, "" where the study asks of none."""
    shown = (
        head_start_table(one, study["recipes"]) + head_start_curves(study, one)
        for one in study["head_starts"]
    )
    return "".join(shown)


def head_start_table(one: Mapping[str, Any], recipes: Mapping[str, Any]) -> str:
    """Show how many steps ahead a start is, after so many steps of both; "" where none is noted."""
    if not one["checkpoints"]:
        return ""
    rows = []
    for point in one["checkpoints"]:
        ahead = ABSENT if point["ahead"] is None else f"{point['ahead']:+.0f}"
        if point["ahead"] is None and point["never"] * 2 > point["n"]:
            ahead = "not reached"
        rows.append([point["step"], ahead, f"{point['never']} of {point['n']}"])
    a, b = (str(recipes[one[side]]["title"]) for side in "ab")
    heads = ["after steps", "ahead by steps, median", "never reached"]
    return table(heads, rows, caption=f"{a}, against {b}.")


def provenance(study: Study) -> str:
    """Say which machines, commits and generation of numerics the rows come from."""
    commits = sorted({_short(str(row["commit"])) for row in study["runs"] if row.get("commit")})
    seconds = [row["seconds"] for row in study["runs"] if is_measured(row.get("seconds"))]
    return (
        f"{_searches(study, len(study['runs']))}, {describe_seconds(sum(seconds))} in all, "
        f"on {'; '.join(map(html.escape, study['machines']))}. Numerics {study['numerics']}, "
        f"commits {', '.join(map(html.escape, commits))}."
    )


def _short(commit: str) -> str:
    """A commit's first digits, with the + that says that files were changed."""
    return commit[:12] + ("+" if commit.endswith("+") else "")


def controls(study: Study | None) -> str:
    """Show a part of a study as one block: what was done, recipes, differences, head starts.

    None, where no study has these recipes yet, is said, with a way to the study of starts.
    """
    if study is None:
        way = beside("starts.html", "; what the start alone gives, before any step, is in the ")
        return (
            "<p>There is no study of these recipes here (<code>make study</code> makes it, in "
            f"hours){way}.</p>"
        )
    study = {**study, "file": FILE}
    parts = [
        f"<p>{CONTROLS}</p>",
        summary(study),
        recipes_table(study),
        f"<p>{html.escape(seconds_note(study))}</p>",
        differences(study, "lpips_alex", "lpips_vgg"),
        comparisons_table(study),
        head_starts(study),
    ]
    return "".join(parts)

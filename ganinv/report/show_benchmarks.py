"""Tables and curves of reports/benchmarks/*.json, for the report's page on benchmarks."""

import html
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter

from ganinv import figures
from ganinv.bench.quality import JUDGE, REFINED
from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import table
from ganinv.report.plots import Key, colour, panel, panels
from ganinv.report.recipe_names import readable
from ganinv.report.show_runs import best_row, metrics_head
from ganinv.report.told import ABSENT, Told, at, told

Result = Mapping[str, Any]  # as a benchmark wrote it
PLACE = "../benchmarks"  # of the files, as seen from the published page


def machine(result: Result) -> str:
    """Say in a line where and when figures were measured."""
    about = result["machine"]
    text = (
        f"Measured on {about['device']}, {about['threads']} threads, torch {about['torch']}, "
        f"{about['system']}, {about['date']}, seed {about['seed']}."
    )
    return f"<p>{html.escape(text)}</p>"


def read_results(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Read the figures of benchmarks, *.json of a folder, by their names; `file` is each one's."""
    files = sorted(Path(folder).glob("*.json"))
    return {path.stem: read_json(path) | {"file": f"{PLACE}/{path.name}"} for path in files}


def _told(result: Result, form: str, *keys: str | int) -> Told | str:
    """Show a figure of a benchmark's file, with its place."""
    found: Any = result
    for key in keys:
        found = found[key]
    file = result.get("file")
    text = told(form, (at(file or "", *keys), found))
    return text if file else str(text)


def step_table(result: Result) -> str:
    """Show a step of ours beside plain code: medians, and the ratios of each pair."""
    places = {
        (r["generator"], r["loss"], r["batch"], r["variant"]): k
        for k, r in enumerate(result["rows"])
    }
    rows = []
    for number, ratio in enumerate(result["ratios"]):
        key = ratio["generator"], ratio["loss"], ratio["batch"]
        plain, ours = (("rows", places[*key, variant]) for variant in ("plain", "ours"))
        rows.append(
            [
                *key,
                _told(result, "{.2f}", *plain, "seconds"),
                _told(result, "{.2f}", *ours, "seconds"),
                _told(result, "{.1f}", "ratios", number, "speedup"),
                _told(result, "{0.001*.1f}", *plain, "peak_mb"),
                _told(result, "{0.001*.1f}", *ours, "peak_mb"),
                _told(result, "{.0%}", "ratios", number, "memory"),
                _told(result, "{.0f}", *ours, "warm_up_seconds"),
            ]
        )
    head = [
        "generator",
        "loss",
        "batch",
        "plain, s",
        "ours, s",
        "times as fast",
        "plain, GB",
        "ours, GB",
        "of its memory",
        "warm-up, s",
    ]
    return table(head, rows, caption="A step of ours beside plain code, medians.")


def refine_table(result: Result) -> str:
    """Show a step of each refinement by features beside one of the search, and their memory."""
    rows = []
    for number, row in enumerate(result["rows"]):
        at_row = "rows", number
        rows.append(
            [
                row["stage"],
                _told(result, "{.2f}", *at_row, "seconds"),
                _told(result, "{.0%}", *at_row, "seconds_share"),
                _told(result, "{0.001*.2f}", *at_row, "peak_mb"),
                _told(result, "{.0%}", *at_row, "memory_share"),
            ]
        )
    head = ["a step of", "s", "of the search's", "peak, GB", "of the search's"]
    caption = "A step of the refinement beside one of the search, medians."
    return table(head, rows, caption=caption)


def qualities(results: Iterable[Result]) -> str:
    """Show comparisons of recipes, each with its curves, its ends, and when ours gets there."""
    return "".join(_quality(result) for result in results)


def _quality(result: Result) -> str:
    """Show one comparison: its heading, a picture for each photograph, tables, the machine."""
    recipes = [readable(name) for name in result["recipes"]]
    named = " beside ".join(recipes) if len(recipes) < 3 else f"{len(recipes)} recipes"
    photos = ", ".join(result["images"].values())
    parts = [f"<h3>{html.escape(f'{named}: {photos}')}</h3>"]
    parts += [recipe_curves(result, image) for image in result["images"]]
    parts.append(recipe_table(result))
    if result["reach"]:
        parts.append(reach_table(result))
    return "".join([*parts, machine(result)])


def recipe_table(result: Result) -> str:
    """Show the mean of every recipe's final metrics, and its cost; the best of several in bold.

    A metric that no recipe has, as figures may be older than it, is left out.
    """
    rows, finals = [], []
    for name in result["recipes"]:
        last = list({r["image"]: r for r in result["rows"] if r["recipe"] == name}.values())
        if not last:
            continue
        mean = {key: _mean(last, key) for key in (*METRICS, "evaluations", "seconds")}
        finals.append((name, mean))
    known = [key for key in METRICS if any(mean[key] is not None for _, mean in finals)]
    for name, mean in finals:
        cells = [ABSENT if mean[key] is None else METRICS[key].show(mean[key]) for key in known]
        rows.append(
            [readable(name), *cells, f"{mean['evaluations']:.0f}", f"{mean['seconds']:.0f}"]
        )
    best = {
        (best_row([mean[key] for _, mean in finals], key), column)
        for column, key in enumerate(known, 1)
        if len(finals) > 1
    }
    bold = "; best in bold" if best else ""
    shown = table(
        ["recipe", *metrics_head(known), "evaluations", "s per image"],
        rows,
        best,
        caption=f"Means over the photographs{bold}.",
    )
    return shown + _refined_note(result)


def _refined_note(result: Result) -> str:
    """Say which of the recipes end in more than a code, "" where none does.

    Figures may be older than refinements: their rows do not say it, and none was refined.
    """
    refined = {row["recipe"] for row in result["rows"] if row.get("refined")}
    names = "; ".join(readable(name) for name in result["recipes"] if name in refined)
    return f"<p>{html.escape(f'Refined: {names}. Each result is {REFINED}.')}</p>" if names else ""


def _mean(rows, key):
    """The mean of what was measured; None where a row lacks it: figures may be older than it."""
    if not all(key in row for row in rows):
        return None
    found = [METRICS[key].read(row[key]) if key in METRICS else row[key] for row in rows]
    values = [number for number in found if not math.isnan(number)]
    return float(np.mean(values)) if values else None


def recipe_curves(result: Result, image: str) -> str:
    """Draw both LPIPS of one image under every recipe: against evaluations and seconds."""
    title = result["images"][image]
    found = {
        name: [r for r in result["rows"] if (r["recipe"], r["image"]) == (name, image)]
        for name in result["recipes"]
    }
    look = {name: (colour(k), _style(k)) for k, name in enumerate(found)}
    shown = [
        _recipe_panel(title, found, look, metric, x)
        for metric in ("lpips_vgg", "lpips_alex")
        for x in ("evaluations", "seconds")
    ]
    keys = [Key(readable(name), *look[name], "o") for name in found]
    return panels(shown, keys)


def _style(number):
    return "-" if number < len(figures.COLOURS) else "--"


def _recipe_panel(title, found, look, metric, x):
    named = f"{METRICS[metric].heading} {METRICS[metric].arrow}"

    def draw(axis):
        for name, points in found.items():
            xs, ys = [r[x] for r in points], [r[metric] for r in points]
            axis.plot(xs, ys, "o", ms=3, color=look[name][0], ls=look[name][1])
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        axis.set(xlabel=x if x == "seconds" else "generator evaluations", ylabel=named)

    ends = [
        f"{readable(name)} {METRICS[metric].show(rows[-1][metric])} after {rows[-1][x]:.0f}"
        for name, rows in found.items()
        if rows
    ]
    alt = f"{title}, {named} against {x}, at the end: {'; '.join(ends)}."
    return panel(draw, alt=alt, title=f"{title}: {named}")


def reach_table(result: Result) -> str:
    """Show when ours came to every published recipe's final LPIPS-vgg, image by image."""
    rows = []
    for row in result["reach"]:
        for found in row["images"]:
            rows.append(
                [
                    readable(row["recipe"]),
                    result["images"][found["image"]],
                    METRICS[JUDGE].show(found[JUDGE]),
                    f"{found['seconds_fast']:.0f}",
                    _or_dash(found["seconds_published"], ".0f"),
                    _or_dash(found["ours_seconds"], ".0f"),
                    _or_dash(found["share_of_fast"], ".0%"),
                    _or_dash(found["share_of_published"], ".1%"),
                    found["evaluations"],
                    found["ours_evaluations"] or "not reached",
                    readable(row["ours"]),
                ]
            )
    head = [
        "recipe",
        "image",
        f"final {METRICS[JUDGE].label}",
        "s, our path",
        "s, plain code",
        "reached after, s",
        "of our path",
        "of plain code",
        "evaluations",
        "reached after",
        "by",
    ]
    caption = f"When ours comes to each recipe's final {METRICS[JUDGE].label}."
    return table(head, rows, caption=caption)


def _or_dash(value, form):
    return ABSENT if value is None else format(value, form)


def scale_tables(result: Result) -> str:
    """Show images per hour by batch size, and folders by their number of images, with the line."""
    batches = [
        [
            row["batch"],
            row["steps"],
            _told(result, "{.2f}", "batches", k, "seconds_per_step"),
            _told(result, "{.1f}", "batches", k, "images_per_hour"),
            _told(result, "{0.001*.2f}", "batches", k, "peak_mb"),
        ]
        for k, row in enumerate(result["batches"])
    ]
    folders = [
        [
            row["images"],
            _told(result, "{.0f}", "folders", k, "seconds"),
            _told(result, "{.1f}", "folders", k, "seconds_per_image"),
            _told(result, "{0.001*.2f}", "folders", k, "peak_mb"),
            _told(result, "{+.0f}", "folders", k, "peak_growth_mb"),
        ]
        for k, row in enumerate(result["folders"])
    ]
    fit = result["fit"]
    line = (
        f"<p>seconds = {fit['a']:.0f} + {fit['b']:.1f} × images, r² = {fit['r2']:.4f}</p>"
        if fit
        else ""
    )
    head = ["batch", "steps per image", "s per step", "images per hour", "peak, GB"]
    more = ["images", "seconds", "s per image", "peak, GB", "growth, MB"]
    return (
        table(head, batches, caption="Images per hour, by how many are searched at once.")
        + table(more, folders, caption="Folders, one image after another.")
        + line
    )

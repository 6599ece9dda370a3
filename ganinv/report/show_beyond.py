"""What the report shows of the study "Beyond the code": tables, close-ups, edits and their cost."""

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ganinv import figures
from ganinv.analysis.beyond import MOVE, SIZE, WAY, Edits, kept_bytes
from ganinv.analysis.close_ups import close_ups
from ganinv.analysis.finished import Experiment, describe_timing, finite_values
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import strip, table, unscaled
from ganinv.report.mark_names import name_marks
from ganinv.report.plots import Key, colour, mark, panel, panels
from ganinv.report.show_runs import best_row, count_images, metrics_head
from ganinv.report.told import ABSENT, at, form_of, told

KEPT = {"none": "a code", "features": "a code and a feature map", "weights": "a code and weights"}
KEPT |= {"both": "a code, a feature map and weights"}
LEAST = 112  # pixels of a picture in a row: seven fit a page, three a phone


def variants_table(experiments: Sequence[Experiment], images: Sequence[str]) -> str:
    """Show every metric of every variant, mean ± standard deviation over the images.

    The best mean of each metric is bold.
    """
    found = {name: [finite_values(e, images, name) for e in experiments] for name in METRICS}
    rows = [
        [e.name, *(_mean_and_spread(e, found[name][k], len(images), name) for name in METRICS)]
        for k, e in enumerate(experiments)
    ]
    best = set()
    for column, (name, values) in enumerate(found.items(), 1):
        row = best_row([float(np.mean(x)) if x else None for x in values], name)
        best |= {(row, column)} - {(None, column)}
    caption = f"Means over {count_images(len(images))}; best in bold."
    return table(["mean ± std", *metrics_head()], rows, best, caption=caption)


def _mean_and_spread(experiment: Experiment, values: Sequence[float], count: int, name: str) -> str:
    if not values:
        return ABSENT
    form, here = form_of(name), at("", "experiments", experiment.name)
    found = {"mean": float(np.mean(values)), "std": float(np.std(values))}
    text = told(f"{form} ± {form}", *((f"{here}/{of}/{name}", x) for of, x in found.items()))
    if len(values) < count:
        return f"{text} ({len(values)} of {count})"
    # the page's file has those of the whole run
    run = ((experiment.metrics[of].get(name), x) for of, x in found.items())
    whole = all(y is not None and math.isclose(x, y, abs_tol=1e-9) for y, x in run)
    return text if whole else str(text)


def kept_table(experiments: Sequence[Experiment], images: Sequence[str]) -> str:
    """Show what each variant keeps of a photograph, in bytes on disk, and what that took.

    Steps and seconds of a refinement stand behind those of the code that it begins from.
    """
    code_run = experiments[0]
    search = np.mean([code_run.images[i]["seconds"] for i in images])
    rows = []
    for experiment in experiments:
        sizes = [kept_bytes(experiment.folder / image_id) for image_id in images]
        code, refinement = np.mean(sizes, axis=0)
        params = experiment.params
        at = f" at {params.refine_resolution}" if params.refine in ("features", "both") else ""
        kept = KEPT[params.refine].replace("feature map", f"feature map{at}")
        cells = [_bytes(code), _bytes(refinement) if refinement else ABSENT]
        steps, seconds = str(code_run.params.steps), f"{search:.0f}"
        if experiment is not code_run:
            own = np.mean([experiment.images[i]["seconds"] for i in images])
            steps, seconds = f"{steps} + {params.refine_steps}", f"{seconds} + {own:.0f}"
        cells += [_bytes(code + refinement), steps, seconds]
        rows.append([f"{experiment.name}: {kept}", *cells])
    head = ["what is kept", "code", "refinement", "together", "steps", "s per photograph"]
    where = f" Seconds (s): {describe_timing(code_run)}."
    caption = f"What is kept of a photograph, and what that took.{where}"
    return table(head, rows, caption=caption)


def _bytes(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def show_close_ups(experiments: Sequence[Experiment], images: Sequence[str]) -> str:
    """Show close-ups, pixel for pixel: for each place a row of each photograph, under its name."""
    cut = {image_id: close_ups(experiments, image_id) for image_id in images}
    names = ["Photograph", *(e.name for e in experiments)]
    parts = []
    for place in cut[images[0]]:
        rows = []
        for image_id in images:
            title = experiments[0].title(image_id)
            pictures = zip(cut[image_id][place], names, strict=True)
            rows.append(unscaled(title, [(p, f"{title}, {place}, {n}", n) for p, n in pictures]))
        parts.append(f'<h3>{html.escape(place)}</h3><div class="edits">{"".join(rows)}</div>')
    return "".join(parts)


def edits_table(edits: Edits) -> str:
    """Show how much of an edit each refinement leaves, and how much of it sticks to another face.

    Means ± standard deviations over the images.
    """
    rows = []
    for name in dict.fromkeys(row["experiment"] for row in edits.rows):
        found = [
            edits.over_images(name, lambda row: row["correlation"]),
            edits.over_images(name, lambda row: row["ratio"]),
            *edits.over_images(name, lambda row: row["sticks"]).T,
        ]
        rows.append([name, *(f"{x.mean():.3f} ± {x.std():.3f}" for x in found)])
    on_the_way = [f"LPIPS-alex at t = {share:g}" for share in WAY]
    head = ["refinement", "correlation (code: 1)", "ratio (code: 1)", *on_the_way]
    return table(head, rows, caption="What is left of an edit, and what of it sticks elsewhere.")


def strips(strip_of: Mapping[str, Sequence[np.ndarray]], title: str) -> str:
    """Show the edits of a photograph: a row for each, of the code and every refinement of it."""
    heads = [f"component 1, −{MOVE:g} σ", "as found", f"component 1, +{MOVE:g} σ"]
    heads += [f"to another face, t = {share:g}" for share in WAY[1:]]
    parts = []
    for k, head in enumerate(heads):
        shown = [
            figures.image_html(pictures[k], alt=f"{title}, {name}, {head}", caption=name)
            for name, pictures in strip_of.items()
        ]
        parts.append(strip(head, shown, LEAST, SIZE))
    return f'<h3>{html.escape(title)}</h3><div class="edits">{"".join(parts)}</div>'


def trade_off(experiments: Sequence[Experiment], images: Sequence[str], edits: Edits) -> str:
    """Draw what is reproduced against what survives of an edit: each image, and the means."""
    refined = experiments[1:]
    points = {
        e.name: (
            [e.images[i]["lpips_alex"] for i in images],
            edits.over_images(e.name, lambda row: row["correlation"]),
        )
        for e in refined
    }
    code = [experiments[0].images[i]["lpips_alex"] for i in images]

    def draw(axis: Axes) -> None:
        for k, (xs, ys) in enumerate(points.values()):
            axis.plot(xs, ys, mark(k), color=colour(k), alpha=0.75, mew=0)
            axis.plot(np.mean(xs), np.mean(ys), mark(k), color=colour(k), ms=9, zorder=3)
        axis.plot(code, [1.0] * len(code), "*", color=figures.INK, ms=9)
        axis.set(xlabel="LPIPS-alex (left is better)")
        axis.set_ylabel("correlation of the edit (up is better)")
        axis.set_xlim(left=0)
        means = [(float(np.mean(xs)), float(np.mean(ys))) for xs, ys in points.values()]
        dots = [dot for pair in points.values() for dot in zip(*pair, strict=True)]
        name_marks(axis, means, [*points], [colour(k) for k in range(len(points))], dots)

    keys = [Key(name, colour(k), "", mark(k)) for k, name in enumerate(points)]
    keys.append(Key("Code", "currentColor", "", "*"))
    told = [f"{n} {np.mean(xs):.3f} and {np.mean(ys):.2f}" for n, (xs, ys) in points.items()]
    alt = f"LPIPS-alex and correlation of edits, means: {'; '.join(told)}."
    return panels([panel(draw, alt=alt, height=4.0)], keys)

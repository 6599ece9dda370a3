"""What the report shows of the study "What the code is good for": tables, pictures, the trade."""

import html
import math

import numpy as np

from ganinv import figures
from ganinv.analysis.edited import SIZE, Study, begun_from, seconds_taken
from ganinv.analysis.edited_verdicts import Found
from ganinv.analysis.statistics import mean_interval
from ganinv.editing.strengths import show_strength
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import strip, table
from ganinv.report.mark_names import name_marks
from ganinv.report.plots import FAINT, Key, colour, mark, panel, panels
from ganinv.report.told import ABSENT

LEAST = 80  # pixels of a picture in a row: nine fit a page, four a phone
MOST = 12  # photographs whose pictures are shown
EDITED = {  # measures of edits, with digits and the better side
    "own": ("own ↑", 2),
    "others": ("others ↓", 2),
    "selectivity": ("own ÷ others ↑", 2),
}
COST = {  # and what they cost
    "lost": ("identity lost ↓", 2),
    "per_move": ("lost per deviation moved ↓", 2),
    "person": ("from the photograph's person ↓", 2),
    "ghosting": ("ghosting ↓", 3),
}


def codes_table(found: Found) -> str:
    """Show what each kind took, what it reproduces, and how its code lies."""
    study = found.study
    rows = []
    for e in found.experiments:
        before = begun_from(found.experiments, e)
        own = e.params.steps if before is None else e.params.refine_steps
        steps = str(own) if before is None else f"{before.params.steps} + {own}"
        seconds = seconds_taken(found.experiments, e, study.images)
        cells = [f"{seconds.mean():.0f}"]
        for name in ("lpips_alex", "psnr", "identity"):
            cells.append(_interval(found.metric(e.name, name), METRICS[name].digits))
        cells += [_interval(study.placed(e.name, name), 2) for name in ("distance", "spread")]
        rows.append([e.name, steps, *cells])
    metrics = (METRICS[name] for name in ("lpips_alex", "psnr", "identity"))
    head = ["code", "steps", "s", *(f"{m.heading} {m.arrow}" for m in metrics)]
    head += ["distance between rows", "spread (W has 1)"]
    where = f" Seconds (s): {found.machine}." if found.machine else ""
    return table(head, rows, caption=f"What each kind of code took, reproduces, and is.{where}")


def edits_table(study: Study) -> str:
    """Show how the edits of each variant go, over all directions, and what they cost, below."""
    return _measures_table(study, EDITED, "How edits go, over all directions.") + _measures_table(
        study, COST, "What edits cost, over all directions."
    )


def _measures_table(study: Study, measures: dict[str, tuple[str, int]], caption: str) -> str:
    rows = [
        [v.name, *(_interval(study.measured(v.name, name), n) for name, (_, n) in measures.items())]
        for v in study.variants
    ]
    return table(["edited", *(head for head, _ in measures.values())], rows, caption=caption)


def directions_table(study: Study, measure: str = "selectivity") -> str:
    """Show a measure of each direction's edits, a column for each direction."""
    heads = []
    for direction in study.directions:
        own = study.own_attribute(direction.name)
        other = own and own != direction.name
        heads.append(f"{direction.name} ({own})" if other else direction.name)
    digits = EDITED[measure][1]
    rows = [
        [
            v.name,
            *(
                _interval(study.measured(v.name, measure, d.name), digits, short=True)
                for d in study.directions
            ),
        ]
        for v in study.variants
    ]
    caption = f"{EDITED[measure][0]} of each direction's edits."
    return table(["edited", *heads], rows, caption=caption)


def _interval(values: np.ndarray, digits: int, *, short: bool = False) -> str:
    interval = mean_interval(values)
    if not interval.count:
        return ABSENT
    text = f"{interval.mean:.{digits}f}" if short else interval.show(digits)
    lacking = len(values) - interval.count
    return f"{text} ({interval.count} of {len(values)})" if lacking else text


def trade_off(found: Found) -> str:
    """Draw what is reproduced against how edits go: points for photographs, means with intervals.

    Each kind has a colour and a mark of its own, and its name beside the mean.

    The left panel has how far the attribute moves over how much the others do, the right one how
    much of the person the edits lose.
    """
    variants = found.study.variants
    keys = [Key(v.name, colour(k), "", mark(k)) for k, v in enumerate(variants)]
    shown = [
        _trade_panel(found, "selectivity", "own ÷ others (up is better)"),
        _trade_panel(found, "lost", "identity lost by the edit (up is better)"),
    ]
    return panels(shown, keys)


def _trade_panel(found, name, label):
    points = {
        v.name: (found.metric(v.experiment.name, "lpips_alex"), found.study.measured(v.name, name))
        for v in found.study.variants
    }

    def draw(axis):
        for k, (xs, ys) in enumerate(points.values()):
            _draw_points(axis, xs, ys, colour(k), mark(k))
        axis.set(xlabel="LPIPS-alex (left is better)", ylabel=label)
        if name == "lost":
            axis.invert_yaxis()
        means = [_mean_point(xs, ys) for xs, ys in points.values()]
        names = [variant.removeprefix(f"{found.short} + ") for variant in points]
        dots = [dot for pair in points.values() for dot in zip(*pair, strict=True)]
        name_marks(axis, means, names, [colour(k) for k in range(len(means))], dots)

    told = [
        f"{variant} {mean_interval(xs).show(3)} and {mean_interval(ys).show(2)}"
        for variant, (xs, ys) in points.items()
    ]
    alt = f"LPIPS-alex of the reconstruction, and {label}, means: {'; '.join(told)}."
    return panel(draw, alt=alt, height=4.0)


def _mean_point(xs, ys):
    there = ~np.isnan(xs + ys)
    return mean_interval(xs[there]).mean, mean_interval(ys[there]).mean


def _draw_points(axis, xs, ys, colour, marker):
    there = ~np.isnan(xs + ys)
    if len(xs) > 1:
        axis.plot(xs[there], ys[there], marker, color=colour, ms=5.5, alpha=FAINT, mew=0)
    across, up = mean_interval(xs[there]), mean_interval(ys[there])
    axis.errorbar(
        across.mean,
        up.mean,
        xerr=_error(across),
        yerr=_error(up),
        fmt=marker,
        color=colour,
        ms=9,
        elinewidth=1.4,
        zorder=3,
    )


def _error(interval):
    half = interval.high - interval.mean
    return None if math.isnan(half) else half


def shown_images(study: Study) -> list[str]:
    """Return the images whose pictures are shown: the first `MOST`."""
    return study.images[:MOST]


def describe_shown(study: Study) -> str:
    """Say whose pictures are shown where it is not all of them, else ""."""
    if len(study.images) <= MOST:
        return ""
    return f"Pictures of the first {MOST} of {len(study.images)} photographs."


def strips(found: Found, image_id: str) -> str:
    """Show a photograph's edits: a row for each edit, with a picture of every kind of code.

    Each begins with the photograph. The first row has the codes unedited.
    """
    study, entry = found.study, found.experiments[0].images[image_id]
    low, high = min(study.strengths), max(study.strengths)
    ends = [low] if low == high else [low, high]
    heads = ["as found"]
    heads += [f"{d.name} {show_strength(s)}" for d in study.directions for s in ends]
    shown = study.strips[image_id]
    side = shown[study.variants[0].name][0].shape[1]
    target = figures.shrink(found.experiments[0].picture(image_id, "target"), side)
    first = figures.image_html(target, alt=f"{entry['title']}, photograph", caption="photograph")
    rows = [[first] for _ in heads]
    for variant in study.variants:
        for row, picture, head in zip(rows, shown[variant.name], heads, strict=True):
            row.append(_edited(picture, entry["title"], variant.name, head))
    width = min(SIZE, side)
    parts = [strip(head, row, LEAST, width) for head, row in zip(heads, rows, strict=True)]
    title = html.escape(entry["title"])
    return f'<h3>{title}</h3><div class="edits">{"".join(parts)}</div>'


def _edited(picture: np.ndarray, title: str, kind: str, head: str) -> str:
    return figures.image_html(picture, alt=f"{title}, {kind}, {head}", caption=kind)

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
from ganinv.report.html import column_head, row_name, still, table, wide_grid
from ganinv.report.plots import FAINT, Key, colour, panel, panels
from ganinv.report.told import ABSENT

LABEL = 96  # pixels of a row's name
MOST = 12  # photographs whose pictures are shown
MARKERS = {"none": "o", "features": "D", "weights": "s"}
EDITED = {  # measures of edits, with digits and the better side
    "own": ("own ↑", 2),
    "others": ("others ↓", 2),
    "selectivity": ("own ÷ others ↑", 2),
    "lost": ("identity lost ↓", 2),
    "person": ("from the photograph's person ↓", 2),
    "ghosting": ("ghosting ↓", 3),
}


def codes_table(found: Found) -> str:
    """Show what each kind took, what it reproduces, and how far from W its code lies."""
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
    head += ["distance to W", "spread (W has 1)"]
    return table(head, rows, caption="What each kind of code took, reproduces, and is.")


def edits_table(study: Study) -> str:
    """Show how the edits of each variant go, over all directions."""
    rows = [
        [v.name, *(_interval(study.measured(v.name, name), n) for name, (_, n) in EDITED.items())]
        for v in study.variants
    ]
    head = ["edited", *(head for head, _ in EDITED.values())]
    return table(head, rows, caption="How edits go, over all directions.")


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

    The left panel has how far the attribute moves over how much the others do, the right one how
    much of the person the edits lose.
    """
    variants = found.study.variants
    keys = [Key(v.name, colour(k), "", _marker(v)) for k, v in enumerate(variants)]
    shown = [
        _trade_panel(found, "selectivity", "own ÷ others (up is better)"),
        _trade_panel(found, "lost", "identity lost by the edit (up is better)"),
    ]
    return panels(shown, keys)


def _marker(variant):
    return "P" if variant.features == "stay" else MARKERS[variant.experiment.params.refine]


def _trade_panel(found, name, label):
    points = {
        v.name: (found.metric(v.experiment.name, "lpips_alex"), found.study.measured(v.name, name))
        for v in found.study.variants
    }

    def draw(axis):
        for k, (variant, (xs, ys)) in enumerate(
            zip(found.study.variants, points.values(), strict=True)
        ):
            _draw_points(axis, xs, ys, colour(k), _marker(variant))
        axis.set(xlabel="LPIPS-alex (left is better)", ylabel=label)
        if name == "lost":
            axis.invert_yaxis()

    told = [
        f"{variant} {mean_interval(xs).show(3)} and {mean_interval(ys).show(2)}"
        for variant, (xs, ys) in points.items()
    ]
    alt = f"LPIPS-alex of the reconstruction, and {label}, means: {'; '.join(told)}."
    return panel(draw, alt=alt, height=4.0)


def _draw_points(axis, xs, ys, colour, marker):
    there = ~np.isnan(xs + ys)
    if len(xs) > 1:
        axis.plot(xs[there], ys[there], marker, color=colour, ms=4, alpha=FAINT, mew=0)
    across, up = mean_interval(xs[there]), mean_interval(ys[there])
    axis.errorbar(
        across.mean,
        up.mean,
        xerr=_error(across),
        yerr=_error(up),
        fmt=marker,
        color=colour,
        ms=9,
        elinewidth=1.2,
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
    """Show a photograph's edits: a row for each variant, two pictures for each direction.

    The first row has the photograph.
    """
    study = found.study
    entry = found.experiments[0].images[image_id]
    low, high = min(study.strengths), max(study.strengths)
    ends = [low] if low == high else [low, high]
    heads = ["as found"]
    heads += [f"{d.name} {show_strength(s)}" for d in study.directions for s in ends]
    side = study.strips[image_id][study.variants[0].name][0].shape[1]
    target = figures.shrink(found.experiments[0].picture(image_id, "target"), side)
    cells = [column_head(text) for text in ["", *heads]]
    cells += [row_name("Photograph"), still(target, f"{entry['title']}, photograph")]
    cells += ["<div></div>"] * (len(heads) - 1)
    for variant in study.variants:
        cells.append(row_name(variant.name))
        cells += [
            still(picture, f"{entry['title']}, {variant.name}, {head}")
            for picture, head in zip(study.strips[image_id][variant.name], heads, strict=True)
        ]
    columns = [LABEL, *[min(SIZE, side)] * len(heads)]
    return f"<h3>{html.escape(entry['title'])}</h3>" + wide_grid(
        cells, columns, f"Edits of {entry['title']}"
    )

"""What is seen in a run: sentences computed from it, and the place where it is worst.

Both functions return HTML that needs no other file, with every text in it escaped.
"""

import html

from ganinv.analysis.close_ups import close_ups
from ganinv.analysis.finished import Experiment
from ganinv.analysis.seen import what_we_see, worst_photograph
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import column_head, still, wide_grid

PLACE = "the worst place"


def sentences(experiment: Experiment, before: Experiment | None = None, factor: float = 2.0) -> str:
    """Show what `ganinv.analysis.seen.what_we_see` says, which takes the same."""
    texts = what_we_see(experiment, before, factor)
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)


def worst_place(experiment: Experiment, before: Experiment | None = None) -> str:
    """Show the worst photograph where its result differs most from it, pixel for pixel.

    `before` shows what another experiment made of the same place, where it has the photograph.
    """
    found = worst_photograph(experiment)
    if found is None:
        return ""
    image_id, metric = found
    title, row = experiment.title(image_id), METRICS[metric]
    shown = [e for e in (before, experiment) if e and image_id in e.images]
    pictures = close_ups(shown, image_id, judges=[experiment], worst=PLACE)[PLACE]
    names = ["photograph", *(e.name for e in shown)]
    side = len(pictures[0])
    worst = f", the worst in {row.label}" if len(experiment.images) > 1 else ""
    about = (
        f"{title}{worst} ({row.show(experiment.images[image_id][metric], unit=True)}): the "
        f"{side}×{side} pixels in which photograph and result differ most, not scaled."
    )
    cells = [column_head(name) for name in names]
    cells += [
        still(picture, f"{title}, {PLACE}, {name}", quality=92)
        for picture, name in zip(pictures, names, strict=True)
    ]
    return f"<p>{html.escape(about)}</p>" + wide_grid(cells, [side] * len(names), about)

"""Results to be compared: pictures at full size, close-ups below them, and the film of a search.

In a page, a small script lays two of the pictures over each other, with a slider, and plays films.
Without it all pictures are there, side by side. Every function returns HTML that needs no other
file, with every text in it escaped.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ganinv import figures
from ganinv.analysis.close_ups import FINEST, close_ups
from ganinv.analysis.finished import Experiment
from ganinv.images.writing import read_png_text
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import film as html_film
from ganinv.report.numbered import attributes
from ganinv.report.told import SUMMARIES, at, form_of, told
from ganinv.runs.describe import describe_metrics

QUALITY = 80  # of pictures at full size
CROP = 112  # pixels of a close-up; three fit a phone
CROP_QUALITY = 90
LEAST = 4 * CROP  # pixels of a picture that has close-ups
MAP = 512  # pixels of a map of differences
FRAME = 192  # pixels of a film's picture
ALL_WORST, ONE_WORST = "where they differ most", "where it differs most"
SHORT = {"An eye": "an eye", FINEST: "above the brows"}


@dataclass(frozen=True)
class Shot:
    """A picture uint8 (H, W, 3) to compare, by its name, what is said of it, and its close-ups."""

    name: str
    picture: np.ndarray
    about: str = ""
    crops: Mapping[str, np.ndarray] = field(default_factory=dict)


def viewer(title: str, shots: Sequence[Shot], right: int) -> str:
    """Show pictures of one photograph, the target first, to be laid over each other.

    At first the target lies on the left, and the picture of the number `right` on the right.
    """
    width = 3 * CROP + 8
    style = f"display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, {_column(width)})"
    shown = "".join(_shot(title, shot) for shot in shots)
    return (
        f'<div class="viewer" data-title="{html.escape(title)}" data-right="{right}">'
        f'<div class="shots" style="{style}">{shown}</div></div>'
    )


def _column(width: int) -> str:
    return f"minmax(min(100%, {width}px), 1fr)"


def _shot(title, shot):
    height, width = shot.picture.shape[:2]
    uri = figures.data_uri(shot.picture, QUALITY)
    alt = html.escape(f"{title}, {shot.name}")
    name, about = html.escape(shot.name), html.escape(shot.about)
    if source := attributes(shot.about, html.escape):
        about = f"<span{source}>{about}</span>"
    return (
        f'<figure class="shot" data-name="{name}" style="margin: 0"><img src="{uri}" alt="{alt}" '
        f'width="{width}" height="{height}" style="width: 100%; height: auto">'
        f"<figcaption><strong>{name}</strong> {about}</figcaption>{_crops(title, shot)}</figure>"
    )


def _crops(title, shot):
    parts = []
    for place, picture in shot.crops.items():
        uri, side = figures.data_uri(picture, CROP_QUALITY), picture.shape[1]
        alt = html.escape(f"{title}, {shot.name}, close-up: {place}")
        parts.append(
            f'<figure style="margin: 0; width: {side}px"><img src="{uri}" alt="{alt}" '
            f'width="{side}" height="{side}"><figcaption>{html.escape(place)}</figcaption></figure>'
        )
    style = "display: flex; gap: 4px"
    return f'<div class="crops" style="{style}">{"".join(parts)}</div>' if parts else ""


def results_viewer(
    experiments: Sequence[Experiment],
    image_id: str,
    *,
    also: Sequence[Experiment] = (),
    difference: bool = False,
) -> str:
    """Show target and reconstructions of one photograph, with close-ups under each.

    With `difference`, the first experiment's map of differences is among them. The places are the
    same for all: an eye, the most detail above the brows, and where the results differ most from
    the photograph in sum. Those of `also` come last and do not decide on places.
    """
    first, shown = experiments[0], [*experiments, *also]
    title, target = first.images[image_id]["title"], first.picture(image_id, "target")
    places: dict[str, list[np.ndarray]] = {}
    if min(target.shape[:2]) >= LEAST:
        found = close_ups(
            shown,
            image_id,
            window=CROP,
            judges=experiments,
            worst=ALL_WORST if len(shown) > 1 else ONE_WORST,
        )
        places = {SHORT.get(name, name): pictures for name, pictures in found.items()}
    named = [("target", target, "")]
    named += [
        (e.name, e.picture(image_id, "reconstruction"), _measured(e, image_id)) for e in shown
    ]
    shots = [
        Shot(name, picture, about, {place: pictures[k] for place, pictures in places.items()})
        for k, (name, picture, about) in enumerate(named)
    ]
    if difference:
        drawn = figures.shrink(first.picture(image_id, "difference"), MAP)
        shots.append(Shot("difference", drawn, "black is none, yellow half the range or more"))
    return viewer(title, shots, len(shown))


def _measured(experiment: Experiment, image_id: str) -> str:
    """An image's metrics in a line, with their places where the run's summary is published."""
    entry, run = experiment.images[image_id], experiment.folder.name
    text = describe_metrics(entry)
    if run not in SUMMARIES:
        return text
    names = [name for name in METRICS if name in entry]
    form = " · ".join(f"{METRICS[name].label} {form_of(name, unit=True)}" for name in names)
    here = at(f"{run}.json", "metrics", "images", image_id)
    shown = told(form, *((f"{here}/{name}", entry[name]) for name in names))
    return shown if shown == text else text  # it may hold more, as of a code and its refinement


def film(experiment: Experiment, image_id: str) -> str:
    """Show the pictures of a search in their order, from its strip; "" where it kept none."""
    path = experiment.folder / image_id / "progress_strip.png"
    if not path.is_file():
        return ""
    strip = experiment.picture(image_id, "progress_strip")
    side = strip.shape[0] - figures.LABEL
    told = [text for text in read_png_text(path, "steps").split(",") if text]
    count = max(strip.shape[1] // max(side, 1), 1)
    title = experiment.images[image_id]["title"]
    names = [f"step {step}" for step in told[:-1]] + ["result"]
    if len(names) != count:  # of an older run, whose steps are in the pictures alone
        names = [f"picture {k + 1}" for k in range(count)]
    frames = []
    for k, name in enumerate(names):
        picture = figures.shrink(strip[:side, k * side : (k + 1) * side], FRAME)
        alt = f"{title}, {experiment.name}, {name}"
        frames.append(figures.image_html(picture, alt=alt, caption=name))
    return html_film(title, frames)

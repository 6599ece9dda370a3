"""Two results side by side: which settings did better, in numbers and in pictures."""

import html
import math
from pathlib import Path

import ipywidgets
import torch

from ganinv.errors import printable
from ganinv.images.pixels import to_uint8
from ganinv.inversion.result import Inversion
from ganinv.measures.reconstruction import METRICS, NOT_MEASURED
from ganinv.runs.describe import describe
from ganinv.runs.results import read_inversion
from ganinv.widgets.pair import FacePair
from ganinv.widgets.shared import Face, Note
from ganinv.widgets.slide import Slide

SMALL = 240  # pixels of a picture in the row
CELL = "padding: 2px 12px; text-align: right; line-height: 1.5"
TWO = (
    "A and B are two photographs: their numbers say how well each was found, not which setting is "
    "better."
)


class CompareWidget(ipywidgets.VBox):
    """Two results of the runs in `out`: the photograph and both in a row, a slider, a table."""

    def __init__(self, out: str | Path = "runs/quickstart") -> None:
        self.message = Note()
        self.pair = FacePair(out, ("A", "B"), "A comparison", self.show)
        self.table = ipywidgets.HTML()
        self.slide: Slide | None = None
        super().__init__()
        self.look()

    def look(self) -> None:
        """Look for results; keep the choices where they are still there."""
        self.pair.look()

    def show(self) -> None:
        """Show the two results that are chosen."""
        self.slide, self.children = None, [self.pair, self.message]
        self.message.tell()
        if not self.pair.is_whole:
            return
        with self.message.told():
            a, b = (read_inversion(path.parent) for path in self.pair.paths)
            named = {"photograph": a.target, "A": a.image, "B": b.image}
            if not same_photograph(a, b):
                named |= {"photograph of B": b.target}
            row = ipywidgets.HBox(layout={"flex_flow": "row wrap"})
            row.children = [_captioned(name, image) for name, image in named.items()]
            self.table.value = table(a, b)
            self.children = [self.pair, row, self.table, self.message]
            if a.image.shape == b.image.shape:
                pictures = {name: to_uint8(named[name]) for name in ("A", "B", "photograph")}
                self.slide = Slide(pictures)
                self.children = [self.pair, row, self.slide, self.table, self.message]


def same_photograph(a: Inversion, b: Inversion) -> bool:
    """Whether two results are of one photograph, cropped alike."""
    return a.target.shape == b.target.shape and torch.equal(a.target, b.target)


def _captioned(name, image):
    face, caption = Face(SMALL, name), Note()
    face.show(image)
    caption.tell(name)
    return ipywidgets.VBox([caption, face])


def table(a: Inversion, b: Inversion) -> str:
    """Write the settings and metrics of two results as an HTML table, the better ones bold."""
    rows, bold = [], same_photograph(a, b)
    for name, metric in METRICS.items():
        x, y = (found.metrics.get(name, math.nan) for found in (a, b))
        cells = "".join(
            f'<td style="{CELL}">{_bold(metric.show(one), bold and metric.better(one, other))}</td>'
            for one, other in ((x, y), (y, x))
        )
        rows.append(f'<th scope="row" style="{CELL}">{metric.heading} {metric.arrow}</th>{cells}')
    times = "".join(f'<td style="{CELL}">{found.seconds:.0f}</td>' for found in (a, b))
    rows.append(f'<th scope="row" style="{CELL}">seconds</th>{times}')
    heads = "".join(f'<th scope="col" style="{CELL}">{letter}</th>' for letter in "AB")
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    about = "".join(f"<div>{k}: {_words(found)}</div>" for k, found in (("A", a), ("B", b)))
    about += "" if bold else f"<div>{TWO}</div>"
    return f"{about}<table><tr><td></td>{heads}</tr>{body}</table>"


def _bold(text, is_better):
    return f"<b>{text}</b>" if is_better and text != NOT_MEASURED else text


def _words(found):
    words = describe(found.params) if found.params else f"{len(found.history)} steps"
    stopped = f"; {found.stopped}" if found.stopped else ""
    return html.escape(printable(words + stopped))

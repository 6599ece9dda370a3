"""Plots of pages: one panel each, drawn small enough that a phone need not shrink it.

Panels stand beside each other where there is room, and below each other where there is none; their
legend is text below them. Axes and letters take the page's colour, and series have lighter colours
on a dark page, so that they show there too: `--series-0` and so on in style.css. Every function
returns HTML that needs no other file, with every text in it escaped.
"""

import hashlib
import html
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ganinv import figures

WIDTH, HEIGHT = 4.7, 3.3  # inches; in the SVG an inch is 72 units, so that a phone shows 1:1
NARROWEST, WIDEST = 420, 480  # pixels that a panel is shown at; a phone has fewer
TEXT = 11  # pixels on a phone
FAINT = 0.7  # opacity of what is one of many: on a page of either colour it still shows
LETTER = 0.085  # inches that a letter is wide, about
STYLES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "D", "^", "v", "P", "X", "*")  # as many as colours: no pair comes twice
DASHES = {"-": "", "--": "7 4", ":": "2 3", "-.": "7 3 2 3", "": ""}
LOOK: Any = {  # whose names matplotlib types one by one
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "legend.fontsize": TEXT,
    "text.color": figures.INK,
    "axes.labelcolor": figures.INK,
    "axes.edgecolor": figures.INK,
    "xtick.color": figures.INK,
    "ytick.color": figures.INK,
    "grid.color": "#8a8a8a",
    "grid.alpha": 0.35,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.formatter.useoffset": False,
    "axes.formatter.limits": (-5, 6),  # plain numbers between
    "svg.fonttype": "none",
    "svg.hashsalt": "ganinv",
}


@dataclass(frozen=True)
class Key:
    """An entry of a legend: its text, colour, line style ("" for none) and marker ("" for none)."""

    label: str
    colour: str
    style: str = "-"
    marker: str = ""


def colour(number: int) -> str:
    """Return a series' colour by its number."""
    return figures.COLOURS[number % len(figures.COLOURS)]


def on_page(series: str) -> str:
    """Write a colour for a page's styles: a series' is another one on a dark page."""
    if series not in figures.COLOURS:
        return series
    return f"var(--series-{figures.COLOURS.index(series)}, {series})"


def mark(number: int) -> str:
    """Return a series' marker by its number: colour-blind eyes tell series apart by it."""
    return MARKS[number % len(MARKS)]


def panel(
    draw: Callable[[Axes], object],
    *,
    alt: str,
    title: str = "",
    height: float = HEIGHT,
    names: Sequence[str] = (),
) -> str:
    """Draw one panel by `draw(axis)` and return it as an HTML figure.

    `alt` tells what is to be seen, its finding first; `title` is shown above the panel. `names`
    stand beside the axis on the left: panels of the same names and height are of equal size, while
    without names each has the room that its numbers leave.
    """
    with matplotlib.rc_context(LOOK):
        figure = Figure(figsize=(WIDTH, height), layout=None if names else "constrained")
        if names:
            longest = max(len(line) for name in names for line in name.splitlines() or [""])
            left, below = min(longest * LETTER + 0.15, 0.6 * WIDTH), 0.55
            figure.subplots_adjust(
                left / WIDTH, below / height, 1 - 0.25 / WIDTH, 1 - 0.05 / height
            )
        FigureCanvasAgg(figure)
        axis = figure.subplots()
        axis.grid(True, which="both")
        axis.set_axisbelow(True)
        draw(axis)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    above = f"<figcaption>{html.escape(title)}</figcaption>" if title else ""
    style = f"max-width: {WIDEST}px; margin: 0"
    return f'<figure class="plot" style="{style}">{above}{_inline(buffer.getvalue(), alt)}</figure>'


def _inline(svg: str, alt: str) -> str:
    """Make of an SVG file an element of a page: named, in the page's colour, its ids its own."""
    svg = svg[svg.index("<svg") :]
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    mark = hashlib.sha256(svg.encode()).hexdigest()[:8]

    def own(found: re.Match) -> str:
        return f' id="{mark}-{found[1]}"' if found[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', own, svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{mark}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.S)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.S)  # names of glyphs: a label may be any text
    svg = svg.replace(figures.INK, "currentColor")
    for series in figures.COLOURS:
        svg = svg.replace(series, on_page(series))
    sized = re.sub(r' (?:width|height)="[\d.]+pt"', "", svg[: svg.index(">")])
    name = f' role="img" aria-label="{html.escape(alt)}" style="width: 100%; height: auto"'
    return sized + name + svg[svg.index(">") :]


def panels(shown: Iterable[str], keys: Sequence[Key] = ()) -> str:
    """Lay panels side by side where they fit, all at one scale, the legend of all below them.

    Beside one panel there is room: its legend stands there.
    """
    shown = list(shown)
    columns = f"repeat(auto-fit, minmax(min(100%, {NARROWEST}px), 1fr))"
    if len(shown) == 1 and keys:
        columns = f"repeat(auto-fit, minmax(min(100%, {NARROWEST}px), {WIDEST}px))"
        shown.append(legend(keys, column=True))
        keys = ()
    style = f"display: grid; grid-template-columns: {columns}; gap: 0.8rem 1.6rem; align-items: end"
    return f'<div class="plots" style="{style}">{"".join(shown)}</div>{legend(keys)}'


def legend(keys: Sequence[Key], *, column: bool = False) -> str:
    """Write a legend as a list, in a line or as a `column`; "" without entries."""
    style = "display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; list-style: none; padding: 0"
    style += "; flex-direction: column; align-self: center" * column
    items = "".join(
        f'<li style="margin: 0">{_sample(key)} {html.escape(key.label)}</li>' for key in keys
    )
    return f'<ul class="legend" style="{style}">{items}</ul>' if keys else ""


def _sample(key: Key) -> str:
    """A piece of a line with its marker."""
    line = (
        f'<path d="M0 6H30" fill="none" style="stroke: {on_page(key.colour)}" stroke-width="2.5" '
        f'stroke-dasharray="{DASHES[key.style]}"/>'
    )
    shape = _SHAPES.get(key.marker, _SHAPES["o"])
    dot = f'<path d="{shape}" style="fill: {on_page(key.colour)}"/>'
    drawn = (line if key.style else "") + (dot if key.marker else "")
    return (
        '<svg width="30" height="12" aria-hidden="true" style="vertical-align: middle">'
        f"{drawn}</svg>"
    )


_SHAPES = {
    "o": "M15 2a4 4 0 1 0 .01 0z",
    "s": "M11 2h8v8h-8z",
    "D": "M15 1l5 5-5 5-5-5z",
    "P": "M13.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z",
    "^": "M15 1l5 9h-10z",
    "v": "M15 11l5-9h-10z",
    "X": "M12 1l3 3 3-3 2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3-3-3z",
    "*": "M15 0l1.5 4.2h4.5l-3.6 2.7 1.4 4.4-3.8-2.6-3.8 2.6 1.4-4.4L9 4.2h4.5z",
}


def line_keys(series: Mapping[str, tuple[str, str]]) -> list[Key]:
    """Make entries of a legend of {label: (colour, style)}."""
    return [Key(label, *look) for label, look in series.items()]

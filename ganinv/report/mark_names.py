"""Names beside the marks of a plot, where they cover neither marks nor each other."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ganinv.report.plots import TEXT

LETTER, LINE = 0.56 * TEXT, 1.25 * TEXT  # of a text, in points: the page chooses the letters
MARK = 16.0  # points of a mean's mark, and room for no other's name
DOT = 1.5  # of a smaller one, which may be covered
NEAR = 11.0  # points between a mark's centre and its name
REACHES = (NEAR, 20.0, 32.0, 46.0, 62.0)
ANGLES = tuple(math.radians(x) for x in (0, 180, 40, -40, 140, -140, 90, -90))

Box = tuple[float, float, float, float]  # left, bottom, right, top


def name_marks(
    axis: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    colours: Sequence[str],
    dots: Iterable[tuple[float, float]] = (),
) -> None:
    """Write a name beside each point (x, y) of a plot that is drawn and has its limits.

    A name takes the nearest place that is free; a line leads to one that is not beside its mark.
    Points that are not finite get none. `dots` are smaller marks, which names cover least.
    """
    figure = cast(Figure, axis.figure)
    figure.draw_without_rendering()  # where all lies, in pixels
    scale = 72 / figure.dpi
    there = [k for k, point in enumerate(points) if all(map(math.isfinite, point))]
    left, bottom, right, top = (float(x) * scale for x in axis.get_window_extent().extents)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x, y = axis.transData.transform(point) * scale
        return x, y

    placed = {k: place(points[k]) for k in there}
    small = [place(dot) for dot in dots if all(map(math.isfinite, dot))]
    taken = [_around(x, y, MARK, MARK) for x, y in placed.values()]
    taken += [_around(x, y, DOT, DOT) for x, y in small]
    for k in there:
        dx, dy, box = min(
            _places(*placed[k], len(names[k]) * LETTER),
            key=lambda found: _cost(found, taken, (left, bottom, right, top)),
        )
        taken.append(box)
        far = math.hypot(dx, dy) > NEAR + 1
        axis.annotate(
            names[k],
            points[k],
            (dx, dy),
            textcoords="offset points",
            ha="center" if abs(dx) < 1 else "left" if dx > 0 else "right",
            va="center",
            arrowprops={"arrowstyle": "-", "color": colours[k], "lw": 0.8} if far else None,
        )


def _around(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _places(x: float, y: float, width: float) -> Iterator[tuple[float, float, Box]]:
    """List places of a name of so many points around (x, y), the nearest first."""
    for reach, angle in itertools.product(REACHES, ANGLES):
        dx, dy = reach * math.cos(angle), reach * math.sin(angle)
        side = 0.0 if abs(dx) < 1 else math.copysign(width / 2, dx)
        yield dx, dy, _around(x + dx + side, y + dy, width, LINE)


def _cost(found: tuple[float, float, Box], taken: Sequence[Box], frame: Box) -> float:
    """How bad a place is: what it covers, how far it leaves the frame, and how far it lies off."""
    dx, dy, box = found
    covered = sum(_overlap(box, other) for other in taken)
    outside = sum(max(0.0, x) for x in (frame[0] - box[0], frame[1] - box[1]))
    outside += sum(max(0.0, x) for x in (box[2] - frame[2], box[3] - frame[3]))
    return 10 * covered + 50 * outside + 2 * math.hypot(dx, dy)


def _overlap(a: Box, b: Box) -> float:
    width, height = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    return width * height if width > 0 and height > 0 else 0.0

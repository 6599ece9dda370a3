"""A GAN on the ring of eight Gaussians, in pictures: what it draws, and the modes it covers."""

from collections.abc import Mapping, Sequence

import numpy as np

from ganinv import figures
from ganinv.report.html import film, grid, table
from ganinv.training.gan.ring import MODES, NEAR, SPREAD, RingLook, centres

SIDE = 2.4  # inches
DPI = 100
REACH = 1.6  # of the axes, to each side; the ring's radius is 1

Runs = Mapping[str, Sequence[Sequence[RingLook]]]  # {setting: the looks of each seed}


def ring_picture(look: RingLook) -> np.ndarray:
    """Draw the points of a look, uint8 (H, W, 3), and a circle around what belongs to each mode."""
    figure = figures.new_figure(SIDE, SIDE)
    axis = figure.subplots()
    for x, y in centres().tolist():
        angles = np.linspace(0, 2 * np.pi, 40)
        circle = x + NEAR * SPREAD * np.cos(angles), y + NEAR * SPREAD * np.sin(angles)
        axis.plot(*circle, color=figures.COLOURS[-1], lw=0.8)
    axis.plot(*look.points.T.numpy(), ".", ms=2, color=figures.COLOURS[0], alpha=0.4)
    axis.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xticks=(), yticks=())
    return figures.pixels(figure, DPI)


def _covered(look):
    return f"{look.modes} of {MODES} modes"


def _figure(name, look, said):
    alt = f"{name}, step {look.step}: the points cover {_covered(look)}"
    return figures.image_html(ring_picture(look), alt=alt, caption=said)


def ring_grid(runs: Runs) -> str:
    """Show the last look of every seed, a row for each setting."""
    shown = [
        _figure(f"{name}, seed {seed}", looks[-1], f"{name}, seed {seed}: {_covered(looks[-1])}")
        for name, seeds in runs.items()
        for seed, looks in enumerate(seeds)
    ]
    return grid(shown, max(map(len, runs.values())), "three")


def ring_film(name: str, looks: Sequence[RingLook]) -> str:
    """Show the looks of one run as a film."""
    frames = [_figure(name, look, f"step {look.step}: {_covered(look)}") for look in looks]
    return film(name, frames, least=120)


def ring_table(runs: Runs) -> str:
    """Show how many modes the last look of every seed covers, and their mean."""
    rows = []
    for name, seeds in runs.items():
        modes = [looks[-1].modes for looks in seeds]
        rows.append([name, *modes, f"{np.mean(modes):.1f}"])
    count = len(next(iter(runs.values()))[0][-1].points)
    head = ["setting", *(f"seed {k}" for k in range(len(rows[0]) - 2)), "mean"]
    return table(head, rows, caption=f"Modes that {count} points cover, of {MODES}.")

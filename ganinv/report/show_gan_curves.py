"""Curves of the trainings of small GANs: losses, scores, gradients, and what samples measure."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from ganinv import figures
from ganinv.analysis.gans import Seeds, telling
from ganinv.analysis.trainings import Trained
from ganinv.report.plots import Key, colour, line_keys, panel, panels
from ganinv.report.show_gans import MEASURES

DRAWN = ("fid", "kid", "recall", "diversity")
PARTS = (  # title, {key of the curves: label}, whether the scale is logarithmic
    ("losses", {"discriminator": "discriminator", "generator": "generator"}, False),
    ("mean scores", {"real": "of real images", "fake": "of fakes"}, False),
    (
        "norm of the gradient",
        {"discriminator_gradient": "discriminator", "generator_gradient": "generator"},
        True,
    ),
)


def training_curves(trained: Trained) -> str:
    """Draw losses, mean scores and gradient norms per step, side by side."""
    return panels(_with_legend(_training_panel(trained, *part), part[1].values()) for part in PARTS)


def _with_legend(shown: str, labels) -> str:
    """A panel with a legend of its own."""
    keys = [Key(label, colour(k)) for k, label in enumerate(labels)]
    return f"<div>{panels([shown], keys)}</div>"


def _training_panel(trained, title, names, is_log):
    steps = trained.curves["step"]

    def draw(axis: Axes) -> None:
        for k, key in enumerate(names):
            axis.plot(steps, trained.curves[key], color=colour(k), lw=1.2)
        axis.set(xlabel="step", ylabel=title)
        if is_log:
            figures.plain_log(axis)

    ends = [f"{label} ends at {trained.curves[key][-1]:.3g}" for key, label in names.items()]
    heading = f"{trained.name}: {title}"
    return panel(draw, alt=f"{heading}: {'; '.join(ends)}.", title=heading)


def measure_curves(groups: Sequence[Seeds], x: str = "step") -> str:
    """Draw each measure at the looks of trainings: the mean over seeds, and between which it lies.

    Precision and recall are left out where none can be told from 0.
    """
    names = telling(groups, [name for name in DRAWN if name in groups[0][0].last])
    styles = _styles(groups)
    keys = {group[0].name: style for group, style in zip(groups, styles, strict=True)}
    return panels([_measure_panel(groups, styles, name, x) for name in names], line_keys(keys))


def _measure_panel(groups, styles, name, x):
    measure = MEASURES[name]
    drawn = [
        (_over_looks(group, x).mean(0), _over_looks(group, name) * measure.scale)
        for group in groups
    ]

    def draw(axis: Axes) -> None:
        for (at, values), (line, style) in zip(drawn, styles, strict=True):
            axis.plot(at, values.mean(0), "o", ms=3, lw=1.4, color=line, ls=style)
            axis.fill_between(at, values.min(0), values.max(0), color=line, alpha=0.15, lw=0)
        axis.set(xlabel=x, ylabel=measure.label)
        if name == "kid" and all((values > 0).all() for _, values in drawn):
            figures.plain_log(axis)

    title = f"{measure.label} ({'higher' if measure.higher else 'lower'} is better)"
    ends = [
        f"{group[0].name} {values.mean(0)[-1]:.{measure.digits}f}"
        for group, (_, values) in zip(groups, drawn, strict=True)
        if values.size
    ]
    alt = f"{title} against {x}, at the end: {'; '.join(ends)}."
    return panel(draw, alt=alt, title=title)


def _over_looks(group, name):
    """A number at the looks after the start that all seeds have: (seeds, looks)."""
    rows = [[row[name] for row in trained.looks if row["step"]] for trained in group]
    return np.array([row[: min(map(len, rows))] for row in rows], dtype=float)


def _styles(groups):
    """A colour for each objective, dashed with spectral normalization."""
    params = [group[0].params for group in groups]
    objectives = list(dict.fromkeys(each["objective"] for each in params))
    return [
        (colour(objectives.index(each["objective"])), "--" if each["spectral_norm"] else "-")
        for each in params
    ]

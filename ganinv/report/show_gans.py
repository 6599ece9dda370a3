"""Images of the set, samples, curves and measures, for the notebooks on small GANs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganinv import figures
from ganinv.analysis.gans import Trained
from ganinv.measures.distributions import FEATURES
from ganinv.report.html import grid, table
from ganinv.training.gan.settings import GanParams


@dataclass(frozen=True)
class Measure:
    """A row of the table of what samples measure: shown times `scale`, with `digits` behind the
    point; `higher` where more is better."""

    label: str
    digits: int
    higher: bool
    scale: int = 1

    @property
    def heading(self) -> str:
        """The label with an arrow to the better side."""
        return f"{self.label} {'↑' if self.higher else '↓'}"

    def show(self, value: float) -> str:
        """Write a value."""
        return f"{self.scale * value:.{self.digits}f}"


MEASURES = {
    "fid": Measure("FID", 1, higher=False),
    "kid": Measure("KID × 1000", 1, higher=False, scale=1000),
    "precision": Measure("precision", 2, higher=True),
    "recall": Measure("recall", 2, higher=True),
    "diversity": Measure("diversity", 2, higher=True),
}
DRAWN = ("kid", "recall", "diversity")  # as curves
POINTS = 300  # of a curve: what more steps there are is averaged


def picture_grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Lay images uint8 (N, S, S, 3) in one picture, white where the last row has none."""
    size = images.shape[1]
    missing = np.full((-len(images) % columns, size, size, 3), 255, np.uint8)
    images = np.concatenate([images, missing])
    rows = images.reshape(-1, columns, size, size, 3).swapaxes(1, 2)
    return rows.reshape(-1, columns * size, 3)


def images_html(images: np.ndarray, columns: int, *, alt: str, caption: str = "") -> str:
    """Show images uint8 (N, S, S, 3) in a grid, at twice their size and sharp."""
    return _enlarged(picture_grid(np.asarray(images), columns), alt=alt, caption=caption)


def _enlarged(picture, *, alt, caption):
    doubled = picture.repeat(2, 0).repeat(2, 1)
    return figures.image_html(doubled, alt=alt, caption=caption)


def training_curves(trained: Trained) -> str:
    """Draw losses, mean scores and gradient norms per step, side by side."""
    figure = figures.new_figure(12, 3.6)
    axes = figure.subplots(1, 3)
    panels = (
        ("losses", {"discriminator": "discriminator", "generator": "generator"}, "linear"),
        ("mean scores", {"real": "of real images", "fake": "of fakes"}, "linear"),
        (
            "norm of the gradient",
            {"discriminator_gradient": "discriminator", "generator_gradient": "generator"},
            "log",
        ),
    )
    for axis, (title, names, scale) in zip(axes, panels, strict=True):
        for colour, (key, label) in zip(figures.COLOURS, names.items(), strict=False):
            axis.plot(*_thinned(trained.steps, key), color=colour, lw=1.2, label=label)
        axis.set(title=title, xlabel="step", yscale=scale)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.suptitle(figures.plain(trained.name), fontsize=12, fontweight="bold")
    return figures.figure_html(figure, alt=f"{trained.name}: losses, scores and gradients per step")


def _thinned(rows, key):
    """Steps and means of a value in at most `POINTS` runs of steps."""
    parts = np.array_split(np.arange(len(rows)), min(POINTS, len(rows)))
    means = [np.mean([rows[i][key] for i in part]) for part in parts]
    return [rows[part[-1]]["step"] for part in parts], means


def measure_curves(trainings: Sequence[Trained], x: str = "step") -> str:
    """Draw each measure at the looks of some trainings, a line for each."""
    figure = figures.new_figure(12, 3.4)
    names = [name for name in DRAWN if name in trainings[0].last]
    axes = np.atleast_1d(figure.subplots(1, len(names)))
    styles = _styles(trainings)
    for axis, name in zip(axes, names, strict=True):
        measure = MEASURES[name]
        for training, style in zip(trainings, styles, strict=True):
            rows = [row for row in training.looks if row["step"]]
            values = [row[name] * measure.scale for row in rows]
            axis.plot(
                [row[x] for row in rows],
                values,
                "o",
                ms=3,
                lw=1.4,
                **style,
                label=figures.plain(training.name),
            )
        better = "higher" if measure.higher else "lower"
        axis.set_title(f"{measure.label} ({better} is better)", fontsize=10)
        axis.set(xlabel=x, yscale="log" if name == "kid" and _positive(trainings) else "linear")
        axis.grid(alpha=0.3)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    return figures.figure_html(figure, alt=f"Measures of the samples against {x}")


def _positive(trainings):
    return all(row["kid"] > 0 for t in trainings for row in t.looks if row["step"])


def _styles(trainings):
    """A colour for each objective, dashed with spectral normalization."""
    objectives = list(dict.fromkeys(t.params["objective"] for t in trainings))
    return [
        dict(
            color=figures.COLOURS[objectives.index(t.params["objective"])],
            ls="--" if t.params["spectral_norm"] else "-",
        )
        for t in trainings
    ]


def progress(trained: Trained, side: int = 4) -> str:
    """Show the same z at every look: the upper left `side` x `side` samples of each grid."""
    across = trained.params["grid"]
    shown = []
    for step, picture in trained.pictures():
        size = picture.shape[1] // across
        corner = picture[: side * size, : side * size]
        shown.append(_enlarged(corner, alt=f"{trained.name}, step {step}", caption=f"step {step}"))
    return grid(shown[-8:], min(4, len(shown)))


def final_samples(trained: Trained, rows: int | None = None) -> str:
    """Show the last grid of samples, or its first `rows` rows."""
    _, picture = trained.pictures()[-1]
    size = picture.shape[1] // trained.params["grid"]
    shown = picture[: (rows or trained.params["grid"]) * size]
    return _enlarged(shown, alt=f"Samples of {trained.name}", caption=trained.name)


def looks_table(trained: Trained) -> str:
    """Show every look's measures."""
    keys = [name for name in MEASURES if name in trained.last]
    rows = [
        [row["step"], f"{row['seconds']:.0f}", *(MEASURES[key].show(row[key]) for key in keys)]
        for row in trained.looks
    ]
    return table(["step", "s", *(MEASURES[key].heading for key in keys)], rows)


def comparison_table(trainings: Sequence[Trained]) -> str:
    """Show the last look of every training, the best of each measure in bold, and what it cost."""
    keys = [name for name in MEASURES if name in trainings[0].last]
    rows, best = [], set()
    for training in trainings:
        rows.append(
            [
                training.name,
                *(MEASURES[key].show(training.last[key]) for key in keys),
                training.last["step"],
                f"{training.card['seconds'] / 60:.0f}",
                _trouble(training),
            ]
        )
    for column, key in enumerate(keys, 1):
        pick = max if MEASURES[key].higher else min
        values = [training.last[key] for training in trainings]
        best.add((values.index(pick(values)), column))
    headings = (MEASURES[key].heading for key in keys)
    head = ["objective", *headings, "generator steps", "min", "trouble"]
    return table(head, rows, best)


def _trouble(trained):
    kinds = dict.fromkeys(item["kind"] for item in trained.trouble)
    return ", ".join(kinds) or "none"


def neighbour_pairs(fakes: np.ndarray, reals: np.ndarray, columns: int = 8) -> str:
    """Show samples above, the nearest image of the set below each: uint8 (N, S, S, 3) both."""
    parts = []
    for start in range(0, len(fakes), columns):
        parts += [fakes[start : start + columns], reals[start : start + columns]]
    both = np.concatenate(parts)
    return images_html(
        both,
        columns,
        alt="Samples and their nearest training images",
        caption="odd rows: samples; even rows: the nearest image of the set",
    )


def steadiness_table(trainings: Sequence[Trained], spreads: Sequence[float]) -> str:
    """Show the figures behind the verdicts: unsteadiness, setbacks, nearest neighbours."""
    kid, recall, diversity = (MEASURES[name] for name in DRAWN)
    rows = [
        [
            t.name,
            f"{t.unsteadiness():.2f}",
            kid.show(t.setback()),
            recall.show(t.last["recall"]),
            diversity.show(t.last["diversity"]),
            f"{spread:.0%}",
        ]
        for t, spread in zip(trainings, spreads, strict=True)
    ]
    head = [
        "objective",
        "unsteadiness ↓",
        f"largest setback, {kid.heading}",
        recall.heading,
        diversity.heading,
        "different nearest neighbours ↑",
    ]
    return table(head, rows)


def plans_table(plans: Mapping[str, GanParams]) -> str:
    """Show the parameters in which planned trainings differ."""
    keys = (
        "objective",
        "spectral_norm",
        "D's normalization",
        "lr_discriminator",
        "lr_generator",
        "beta1",
        "beta2",
        "critic_steps",
        "gp_weight",
    )
    dumped = {name: params.model_dump() for name, params in plans.items()}
    dumped = {n: d | {"D's normalization": plans[n].norm} for n, d in dumped.items()}
    differing = [k for k in keys if len({str(d[k]) for d in dumped.values()}) > 1]
    rows = [[name, *(_plain(d[key]) for key in differing)] for name, d in dumped.items()]
    return table(["training", *differing], rows)


def _plain(value):
    return f"{value:g}" if isinstance(value, float) else value


def card_table(trained: Trained) -> str:
    """Show the model card of a training as a table: networks, images, rates, device."""
    card, params, about = trained.card, trained.params, trained.card["environment"]
    rows = [
        ("networks", f"{card['generator']}, width {params['width']}, z of {params['z_dim']}"),
        (
            "images",
            f"{card['images']['count']} of {card['images']['name']}, sha256 "
            f"{card['images']['sha256'][:16]}…",
        ),
        (
            "steps",
            f"{card['steps']} of {params['batch']} images, "
            f"{params['critic_steps']} of D for each of G",
        ),
        (
            "rates",
            f"G {params['lr_generator']:g}, D {params['lr_discriminator']:g}, betas "
            f"{params['beta1']:g} and {params['beta2']:g}",
        ),
        ("seed", params["seed"]),
        (
            "device",
            f"{about['device_name']} ({about['device']}), {about['threads']} threads, "
            f"{card['precision']}, torch {about['packages']['torch']}",
        ),
        ("date", about["date"]),
        ("features", card["features"]),
    ]
    return table(["", trained.name], rows)


def describe_measures(count: int) -> str:
    """Say, in Markdown, how samples are measured by `count` of them."""
    return (
        f"*How they are computed.* FID and KID compare {count} samples with as many real images on "
        f"{FEATURES}. Precision is the share of samples that lie among real images, recall the "
        "share of real images that lie among samples (Kynkäänniemi et al. 2019). Diversity is the "
        "mean distance between two samples by that between two real images, in the same features."
    )

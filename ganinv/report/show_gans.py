"""What the notebooks on small GANs show: images of the set, samples, curves, measures."""

import numpy as np

from ganinv import figures
from ganinv.analysis.gans import LOWER
from ganinv.report.html import grid, table

MEASURES = {
    "fid": "FID",
    "kid": "KID × 1000",
    "precision": "precision",
    "recall": "recall",
    "diversity": "diversity",
}
POINTS = 300  # of a curve: what more steps there are is averaged


def picture_grid(images, columns):
    """Images uint8 (N, S, S, 3) as one picture, white where the last row has none."""
    size = images.shape[1]
    missing = np.full((-len(images) % columns, size, size, 3), 255, np.uint8)
    images = np.concatenate([images, missing])
    rows = images.reshape(-1, columns, size, size, 3).swapaxes(1, 2)
    return rows.reshape(-1, columns * size, 3)


def images_html(images, columns, *, alt, caption=""):
    """Images uint8 (N, S, S, 3) in a grid, at twice their size and sharp."""
    return _enlarged(picture_grid(np.asarray(images), columns), alt=alt, caption=caption)


def _enlarged(picture, *, alt, caption):
    doubled = picture.repeat(2, 0).repeat(2, 1)
    return figures.image_html(doubled, alt=alt, caption=caption)


def training_curves(trained):
    """Losses, mean scores and gradient norms per step, side by side."""
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


def measure_curves(trainings, x="step"):
    """Each measure at the looks of some trainings, a line for each."""
    figure = figures.new_figure(12, 3.4)
    names = [name for name in ("kid", "recall", "diversity") if name in trainings[0].last]
    axes = np.atleast_1d(figure.subplots(1, len(names)))
    styles = _styles(trainings)
    for axis, name in zip(axes, names, strict=True):
        for training, style in zip(trainings, styles, strict=True):
            rows = [row for row in training.looks if row["step"]]
            values = [row[name] * (1000 if name == "kid" else 1) for row in rows]
            axis.plot(
                [row[x] for row in rows],
                values,
                "o",
                ms=3,
                lw=1.4,
                **style,
                label=figures.plain(training.name),
            )
        better = "lower" if name in LOWER else "higher"
        axis.set_title(f"{MEASURES[name]} ({better} is better)", fontsize=10)
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


def progress(trained, side=4):
    """The same z at every look: the upper left `side` x `side` samples of each grid."""
    across = trained.params["grid"]
    shown = []
    for step, picture in trained.pictures():
        size = picture.shape[1] // across
        corner = picture[: side * size, : side * size]
        shown.append(_enlarged(corner, alt=f"{trained.name}, step {step}", caption=f"step {step}"))
    return grid(shown[-8:], min(4, len(shown)))


def final_samples(trained, rows=None):
    """The last grid of samples, or its first `rows` rows."""
    _, picture = trained.pictures()[-1]
    size = picture.shape[1] // trained.params["grid"]
    shown = picture[: (rows or trained.params["grid"]) * size]
    return _enlarged(shown, alt=f"Samples of {trained.name}", caption=trained.name)


def looks_table(trained):
    """Every look's measures."""
    keys = [name for name in MEASURES if name in trained.last]
    rows = [
        [row["step"], f"{row['seconds']:.0f}", *(_shown(row, key) for key in keys)]
        for row in trained.looks
    ]
    return table(["step", "s", *map(_headed, keys)], rows)


def comparison_table(trainings):
    """The last look of every training, the best of each measure in bold, and what it cost."""
    keys = [name for name in MEASURES if name in trainings[0].last]
    rows, best = [], set()
    for training in trainings:
        rows.append(
            [
                training.name,
                *(_shown(training.last, key) for key in keys),
                training.last["step"],
                f"{training.card['seconds'] / 60:.0f}",
                _trouble(training),
            ]
        )
    for column, key in enumerate(keys, 1):
        pick = min if key in LOWER else max
        values = [training.last[key] for training in trainings]
        best.add((values.index(pick(values)), column))
    head = ["objective", *map(_headed, keys), "generator steps", "min", "trouble"]
    return table(head, rows, best)


def _headed(name):
    return f"{MEASURES[name]} {'↓' if name in LOWER else '↑'}"


def _shown(row, key):
    return f"{1000 * row[key]:.1f}" if key == "kid" else f"{row[key]:.{1 if key == 'fid' else 2}f}"


def _trouble(trained):
    kinds = dict.fromkeys(item["kind"] for item in trained.trouble)
    return ", ".join(kinds) or "none"


def neighbour_pairs(fakes, reals, columns=8):
    """Samples above, the nearest image of the set below each: uint8 (N, S, S, 3) both."""
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


def steadiness_table(trainings, spreads):
    """What the verdicts rest on: unsteadiness, setbacks, and how many images samples are near."""
    rows = [
        [
            t.name,
            f"{t.unsteadiness():.2f}",
            f"{1000 * t.setback():.1f}",
            f"{t.last['recall']:.2f}",
            f"{t.last['diversity']:.2f}",
            f"{spread:.0%}",
        ]
        for t, spread in zip(trainings, spreads, strict=True)
    ]
    head = [
        "objective",
        "unsteadiness ↓",
        "largest setback, KID × 1000 ↓",
        "recall ↑",
        "diversity ↑",
        "different nearest neighbours ↑",
    ]
    return table(head, rows)


def plans_table(plans):
    """Trainings that are planned {name: GanParams}: the parameters in which they differ."""
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


def card_table(trained):
    """What a training was made of and on, as a table."""
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

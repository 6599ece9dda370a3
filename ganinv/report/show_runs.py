"""What the report shows of runs: tables of metrics and parameters, pictures, curves, provenance.

Every function returns HTML that needs no other file, with every text in it escaped.
"""

import html
import math
from collections.abc import Sequence

import numpy as np

from ganinv import figures
from ganinv.analysis.finished import Experiment, common_images, value
from ganinv.analysis.verdicts import evaluations_to_reach
from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import ABSENT, grid, picture_html, table
from ganinv.runs.describe import describe, describe_metrics
from ganinv.runs.params import Params


def metrics_head() -> list[str]:
    """Name the metrics as heads of columns, with arrows to the better side."""
    return [f"{metric.heading} {metric.arrow}" for metric in METRICS.values()]


def best_row(values: Sequence[float | None], name: str) -> int | None:
    """Return the row that has the best of a metric's values; None where there are none."""
    there = [(value, -r) for r, value in enumerate(values) if value is not None]  # first of equals
    if not there:
        return None
    sign = 1 if METRICS[name].higher else -1
    return -max((sign * value, r) for value, r in there)[1]


def mean_table(experiments: Sequence[Experiment]) -> str:
    """Show mean ± standard deviation over the images that all finished, best in bold."""
    images = common_images(experiments)
    means = {name: [_over(e, images, name, np.mean) for e in experiments] for name in METRICS}
    rows = []
    for experiment in experiments:
        cells = [_mean_and_spread(experiment, images, name) for name in METRICS]
        seconds = _over(experiment, images, "seconds", np.mean)
        shown = ABSENT if seconds is None else f"{seconds:.0f}"
        rows.append([experiment.name, *cells, experiment.params.steps, shown])
    best = {(best_row(means[name], name), column) for column, name in enumerate(METRICS, 1)}
    return table(["mean ± std", *metrics_head(), "steps", "s per image"], rows, best)


def _mean_and_spread(experiment, images, name):
    mean, spread = (_over(experiment, images, name, f) for f in (np.mean, np.std))
    show = METRICS[name].show
    return ABSENT if mean is None else f"{show(mean)} ± {show(spread)}"


def _over(experiment, images, name, statistic):
    """A statistic over those images of which it was measured; None for a run older than it.

    What cannot be measured follows from the target, so it is missing from all experiments alike.
    """
    if any(name not in experiment.images[image] for image in images):
        return None
    found = [value(experiment, image, name) for image in images]
    values = [number for number in found if number is not None]
    return float(statistic(values)) if values else None


def image_table(experiments: Sequence[Experiment]) -> str:
    """Show every metric of every image under every experiment; each image's best in bold."""
    rows: list[list[object]] = []
    best: set[tuple[int, int]] = set()
    for image_id in common_images(experiments):
        for column, name in enumerate(METRICS, 2):
            row = best_row([value(e, image_id, name) for e in experiments], name)
            if row is not None:
                best.add((len(rows) + row, column))
        for experiment in experiments:
            entry = experiment.images[image_id]
            rows.append([entry["title"], experiment.name, *_cells(entry)])
    return table(["image", "experiment", *metrics_head(), "best step", "seconds"], rows, best)


def _cells(entry):
    values = [
        metric.show(entry[name]) if name in entry else ABSENT for name, metric in METRICS.items()
    ]
    return [*values, f"{entry['best_step']} of {entry['steps']}", f"{entry['seconds']:.0f}"]


def run_table(experiment: Experiment) -> str:
    """Show every metric of every image of one run."""
    rows = [[entry["title"], *_cells(entry)] for entry in experiment.images.values()]
    return table(["image", *metrics_head(), "best step", "seconds"], rows)


def params_table(params: Params) -> str:
    """Show a run's parameters: in a line, and all of them, with what they are, folded away."""
    rows = [
        (name, getattr(params, name), field.description)
        for name, field in type(params).model_fields.items()
        if name != "out"
    ]
    folded = table(["parameter", "value", "description"], rows)
    return (
        f"<p>{html.escape(describe(params))}</p>"
        f"<details><summary>All parameters</summary>{folded}</details>"
    )


def failed_list(experiments: Sequence[Experiment]) -> str:
    """List the images that failed, with their reasons; "" when there are none."""
    items = [
        f"<li>{html.escape(e.name)}: {html.escape(reason)}</li>"
        for e in experiments
        for reason in e.metrics["failed"].values()
    ]
    return f"<p>Failed:</p><ul>{''.join(items)}</ul>" if items else ""


def changes_table(experiments: Sequence[Experiment]) -> str:
    """Show the parameters in which the experiments differ."""
    names = [
        name
        for name in Params.model_fields
        if name != "out" and len({str(getattr(e.params, name)) for e in experiments}) > 1
    ]
    rows = [[e.name, *(getattr(e.params, name) for name in names)] for e in experiments]
    return table(["experiment", *names], rows)


def reconstructions(experiments: Sequence[Experiment], image_id: str) -> str:
    """Show target and reconstructions of one image, then the difference maps below them."""
    first = experiments[0]
    title = first.images[image_id]["title"]
    target = first.picture(image_id, "target")
    shown = [picture_html(target, f"{title}, target", "target")]
    maps = [
        "<figure><figcaption>Difference to the target: black is none, yellow half of the "
        "full range or more.</figcaption></figure>"
    ]
    for experiment in experiments:
        entry = experiment.images[image_id]
        caption = f"{experiment.name}: {describe_metrics(entry)}"
        result = experiment.picture(image_id, "reconstruction")
        shown.append(picture_html(result, f"{title}, {experiment.name}", caption))
        difference = experiment.picture(image_id, "difference")
        maps.append(
            picture_html(difference, f"{title}, difference of {experiment.name}", experiment.name)
        )
    columns = len(experiments) + 1
    return f"<h3>{html.escape(title)}</h3>" + grid(shown, columns) + grid(maps, columns)


def triptychs(experiment: Experiment) -> str:
    """Show target, reconstruction and difference of every image of one run, and its progress."""
    parts = []
    for image_id, entry in experiment.images.items():
        title = entry["title"]
        names = ("target", "reconstruction", "difference")
        shown = [
            picture_html(experiment.picture(image_id, name), f"{title}, {name}", name)
            for name in names
        ]
        parts.append(f"<h3>{html.escape(title)}</h3>" + grid(shown, 3, "three"))
        parts.append(f"<p>{html.escape(describe_metrics(entry))}</p>")
        if (experiment.folder / image_id / "progress_strip.png").is_file():
            strip = experiment.picture(image_id, "progress_strip")
            width = strip.shape[1] // 2  # frames are twice as large as they need to be here
            alt = f"{title}, progress of the search"
            parts.append(figures.image_html(strip, alt=alt, width=width, css="strip"))
    return "".join(parts)


AXES = {
    "step": "step",
    "evaluations": "generator evaluations (forward and backward)",
    "seconds": "seconds, the encoder's included",
}


def loss_curves(experiments: Sequence[Experiment], title: str, x: str = "step") -> str:
    """Draw the loss against steps, evaluations or seconds.

    Images have colours, experiments have line styles.
    """
    series = {}
    for experiment, style in zip(experiments, ("-", "--", ":", "-."), strict=False):
        for k, (image_id, entry) in enumerate(experiment.images.items()):
            history = experiment.history(image_id)
            name = (
                entry["title"] if len(experiments) == 1 else f"{entry['title']}, {experiment.name}"
            )
            series[f"{name} ({image_id})" if name in series else name] = (
                [row[x] for row in history],
                [row["loss"] for row in history],
                figures.COLOURS[k % len(figures.COLOURS)],
                style,
            )
    figure = figures.curves(series, xlabel=AXES[x], ylabel="loss", title=title)
    return figures.figure_html(figure, alt=title)


def reaching_table(new: Experiment, old: Experiment) -> str:
    """Show when each image's search under `new` reaches the final loss of `old`, in evaluations."""
    rows = []
    for image_id in common_images([new, old]):
        entry, before = new.images[image_id], old.images[image_id]
        goal = before["best_loss"]
        reached = evaluations_to_reach(new, image_id, goal)
        starts = [e.history(image_id)[0]["loss"] for e in (old, new)]
        rows.append(
            [
                entry["title"],
                *(f"{start:.3f}" for start in starts),
                f"{goal:.3f}",
                before["evaluations"],
                reached or f"not in {entry['evaluations']}",
                f"{entry['best_loss']:.3f}",
            ]
        )
    head = [
        "image",
        f"loss at {old.name}'s start",
        f"loss at {new.name}'s start",
        f"{old.name}'s final loss",
        "after evaluations",
        f"{new.name} reaches it after",
        f"{new.name}'s final loss",
    ]
    return table(head, rows)


def metric_lines(experiments: Sequence[Experiment]) -> str:
    """Draw each metric that was measured across the experiments, one line per image."""
    images = common_images(experiments)
    shown = [
        name
        for name in METRICS
        if any(value(e, image, name) is not None for e in experiments for image in images)
    ]
    rows = -(-len(shown) // 4) or 1  # six make two rows of three
    columns = -(-len(shown) // rows) or 1
    figure = figures.new_figure(max(2.75 * columns, 8.25), 3.1 * rows + 0.3)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    names = [e.name for e in experiments]
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis, key in zip(axes, shown, strict=False):
        metric = METRICS[key]
        for k, image_id in enumerate(images):
            found = [value(e, image_id, key) for e in experiments]
            values = [math.nan if x is None else x for x in found]  # nan leaves a gap
            title = experiments[0].images[image_id]["title"]
            colour = figures.COLOURS[k % len(figures.COLOURS)]
            axis.plot(names, values, "o-", color=colour, label=figures.plain(title))
        direction = "higher" if metric.higher else "lower"
        axis.set_title(f"{metric.heading}\n({direction} is better)", fontsize=10)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=9)
        axis.margins(x=0.15)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, loc="outside lower center", ncols=min(5, len(labels)), fontsize=9
        )
    return figures.figure_html(figure, alt="Each metric across the experiments, per image")


def overview(experiments: Sequence[Experiment], size: int = 256) -> np.ndarray:
    """Lay all in one picture uint8 (H, W, 3): a row per image, the target on its left."""
    rows = []
    for image_id in common_images(experiments):
        pictures = [experiments[0].picture(image_id, "target")]
        pictures += [e.picture(image_id, "reconstruction") for e in experiments]
        rows.append(np.concatenate([figures.shrink(p, size) for p in pictures], axis=1))
    labels = ["target", *(e.name for e in experiments)]
    return figures.captioned(np.concatenate(rows), labels, size)


def provenance(experiment: Experiment) -> str:
    """Show versions, device and weights of a run, as a table."""
    about = read_json(experiment.folder / "environment.json")
    weights = {name: sha256 for name, sha256 in about["weights"].items() if sha256}
    rows = [
        ("device", f"{about['device_name']} ({about['device']}), {about['threads']} threads"),
        ("search", f"{experiment.params.precision}, torch.compile {experiment.params.compile}"),
        ("seed", about["seed"]),
        ("date", about["date"]),
        ("commit", about["commit"] or "not a git checkout"),
        ("python", about["python"]),
        *((name, version) for name, version in about["packages"].items()),
        *((f"weights {name}", f"sha256 {sha256[:16]}…") for name, sha256 in weights.items()),
    ]
    summary = "Versions, device and weights"
    return f"<details><summary>{summary}</summary>{table(['', experiment.name], rows)}</details>"

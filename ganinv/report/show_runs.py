"""What the report's notebooks show: cards, tables, picture grids and curves, as HTML.

Every function returns a string that needs no other file, with every text in it escaped.
"""

import html

import numpy as np

from ganinv import figures
from ganinv.analysis.finished import common_images, value
from ganinv.analysis.verdicts import evaluations_to_reach
from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS
from ganinv.report.html import grid, picture_html, table
from ganinv.runs.describe import describe, describe_metrics
from ganinv.runs.params import Params


def metrics_head():
    return [f"{metric.heading} {metric.arrow}" for metric in METRICS.values()]


def mean_table(experiments):
    """Mean ± standard deviation over the images that all experiments finished, best in bold."""
    images = common_images(experiments)
    statistics = [[_over(e, images, f) for f in (np.mean, np.std)] for e in experiments]
    means = [mean for mean, _ in statistics]
    rows = []
    for experiment, (mean, std) in zip(experiments, statistics, strict=True):
        cells = (
            [f"{m.show(mean[n])} ± {m.show(std[n])}" for n, m in METRICS.items()]
            if mean
            else ["—"] * len(METRICS)
        )
        seconds = f"{mean['seconds']:.0f}" if mean else "—"
        rows.append([experiment.name, *cells, experiment.params.steps, seconds])
    best = {
        (_best_row([m.get(name) for m in means], name), column)
        for column, name in enumerate(METRICS, 1)
    }
    return table(["mean ± std", *metrics_head(), "steps", "s per image"], rows, best)


def _over(experiment, images, statistic):
    names = [*METRICS, "seconds"] if images else []
    return {n: float(statistic([value(experiment, i, n) for i in images])) for n in names}


def _best_row(values, name):
    rows = [r for r, value in enumerate(values) if value is not None]
    pick = max if METRICS[name].higher else min
    return pick(rows, key=lambda r: values[r]) if rows else None


def image_table(experiments):
    """Every metric of every image under every experiment; the best of each image in bold."""
    rows, best = [], set()
    for image_id in common_images(experiments):
        entries = [e.images[image_id] for e in experiments]
        for column, name in enumerate(METRICS, 2):
            row = _best_row([value(e, image_id, name) for e in experiments], name)
            best.add((len(rows) + row, column))
        for experiment, entry in zip(experiments, entries, strict=True):
            rows.append([entry["title"], experiment.name, *_cells(entry)])
    return table(["image", "experiment", *metrics_head(), "best step", "seconds"], rows, best)


def _cells(entry):
    values = [metric.show(entry[name]) for name, metric in METRICS.items()]
    return [*values, f"{entry['best_step']} of {entry['steps']}", f"{entry['seconds']:.0f}"]


def params_table(params):
    """A run's parameters: in a line, and all of them folded away."""
    rows = [(name, str(value)) for name, value in params.model_dump().items() if name != "out"]
    folded = f"<details><summary>All parameters</summary>{table(['parameter', 'value'], rows)}"
    return f"<p>{html.escape(describe(params))}</p>{folded}</details>"


def run_table(experiment):
    """Every metric of every image of one run."""
    rows = [[entry["title"], *_cells(entry)] for entry in experiment.images.values()]
    return table(["image", *metrics_head(), "best step", "seconds"], rows)


def failed_list(experiments):
    """The images that failed, with their reasons; "" when there are none."""
    items = [
        f"<li>{html.escape(e.name)}: {html.escape(reason)}</li>"
        for e in experiments
        for reason in e.metrics["failed"].values()
    ]
    return f"<p>Failed:</p><ul>{''.join(items)}</ul>" if items else ""


def changes_table(experiments):
    """The parameters in which the experiments differ."""
    skip = {"out"}
    names = [
        name
        for name in Params.model_fields
        if name not in skip and len({str(getattr(e.params, name)) for e in experiments}) > 1
    ]
    rows = [[e.name, *(getattr(e.params, name) for name in names)] for e in experiments]
    return table(["experiment", *names], rows)


def reconstructions(experiments, image_id):
    """Target and reconstructions of one image, then the difference maps below them."""
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


def triptychs(experiment):
    """Target, reconstruction and difference of every image of one run, and its progress."""
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


def loss_curves(experiments, title, x="step"):
    """Loss against steps, evaluations or seconds: a colour per image, a style per experiment."""
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


def reaching_table(new, old):
    """When each image's search under `new` reaches the final loss of `old`, in evaluations."""
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


def metric_lines(experiments):
    """Each metric across the experiments, one line per image."""
    figure = figures.new_figure(11, 3.4)
    axes = figure.subplots(1, len(METRICS))
    names = [e.name for e in experiments]
    for axis, metric in zip(axes, METRICS, strict=True):
        for k, image_id in enumerate(common_images(experiments)):
            values = [e.images[image_id][metric] for e in experiments]
            title = experiments[0].images[image_id]["title"]
            colour = figures.COLOURS[k % len(figures.COLOURS)]
            axis.plot(names, values, "o-", color=colour, label=figures.plain(title))
        direction = "higher" if METRICS[metric].higher else "lower"
        axis.set_title(f"{METRICS[metric].heading}\n({direction} is better)", fontsize=10)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=9)
        axis.margins(x=0.15)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, loc="outside lower center", ncols=min(5, len(labels)), fontsize=9
        )
    return figures.figure_html(figure, alt="Each metric across the experiments, per image")


def overview(experiments, size=256):
    """One picture (H, W, 3): a row per image, target and reconstructions side by side."""
    rows = []
    for image_id in common_images(experiments):
        pictures = [experiments[0].picture(image_id, "target")]
        pictures += [e.picture(image_id, "reconstruction") for e in experiments]
        rows.append(np.concatenate([figures.shrink(p, size) for p in pictures], axis=1))
    labels = ["target", *(e.name for e in experiments)]
    return figures.captioned(np.concatenate(rows), labels, size)


def provenance(experiment):
    """Versions, device and weights of a run, as a table."""
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

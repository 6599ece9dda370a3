"""What the report shows of runs: tables of metrics and parameters, pictures, curves, provenance.

Every function returns HTML that needs no other file, with every text in it escaped.
"""

import html
from collections.abc import Iterable, Sequence

import numpy as np

from ganinv import figures
from ganinv.analysis.finished import Experiment, common_images, value
from ganinv.analysis.verdicts import evaluations_to_reach
from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS
from ganinv.report.compare import film, results_viewer
from ganinv.report.html import grid, picture_html, table
from ganinv.report.told import ABSENT, SUMMARIES, Told, at, form_of, told
from ganinv.runs.describe import describe
from ganinv.runs.params import Params

MAPS = "Differences to the target: black is none, yellow half of the full range or more."


def metrics_head(names: Iterable[str] = METRICS) -> list[str]:
    """Name metrics as heads of columns, with arrows to the better side; by default all."""
    return [f"{METRICS[name].heading} {METRICS[name].arrow}" for name in names]


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
        source = _mean_at(experiment, "mean", "seconds", seconds)
        shown = ABSENT if seconds is None else _noted("{.0f}", [(source, seconds)])
        rows.append([experiment.name, *cells, experiment.params.steps, shown])
    best = {(best_row(means[name], name), column) for column, name in enumerate(METRICS, 1)}
    head = ["mean ± std", *metrics_head(), "steps", "s per image"]
    return table(head, rows, best, caption=f"Means over {count_images(len(images))}; best in bold.")


def count_images(count: int) -> str:
    """Write a number of photographs in words."""
    return "one photograph" if count == 1 else f"{count} photographs"


def _mean_and_spread(experiment, images, name):
    mean, spread = (_over(experiment, images, name, f) for f in (np.mean, np.std))
    if mean is None:
        return ABSENT
    form, found = form_of(name), [(_mean_at(experiment, "mean", name, mean), mean)]
    if len(images) > 1:  # one has no spread
        form = f"{form} ± {form}"
        found.append((_mean_at(experiment, "std", name, spread), spread))
    return _noted(form, found)


def _mean_at(experiment, statistic, name, value):
    """Where the page's own file has a mean or a spread; "" where that is of other images."""
    there = experiment.metrics[statistic].get(name)
    return at("", "experiments", experiment.name, statistic, name) if there == value else ""


def _noted(form, figures):
    """A text with its sources, or without any where one of them is not known."""
    text = told(form, *figures)
    return text if all(source for source, _ in figures) else str(text)


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
    groups: list[str] = []
    best: set[tuple[int, int]] = set()
    for image_id in common_images(experiments):
        for column, name in enumerate(METRICS, 1):
            row = best_row([value(e, image_id, name) for e in experiments], name)
            if row is not None:
                best.add((len(rows) + row, column))
        rows += [[e.name, *_cells(e, image_id)] for e in experiments]
        groups += [experiments[0].title(image_id)] * len(experiments)
    head = ["experiment", *metrics_head(), "best step", "seconds"]
    caption = "Every photograph under every experiment; the best of each photograph in bold."
    return table(head, rows, best, caption=caption, groups=groups)


def _cells(experiment: Experiment, image_id: str) -> list[Told | str]:
    """What one image came to, with its place in the run's summary, where that is published."""
    entry, run = experiment.images[image_id], experiment.folder.name
    here = at(f"{run}.json", "metrics", "images", image_id) if run in SUMMARIES else ""

    def cell(form, *names):
        return _noted(form, [(here and f"{here}/{name}", entry[name]) for name in names])

    values = [cell(form_of(name), name) if name in entry else ABSENT for name in METRICS]
    return [*values, cell("{} of {}", "best_step", "steps"), cell("{.0f}", "seconds")]


def run_table(experiment: Experiment) -> str:
    """Show every metric of every image of one run."""
    rows = [[e["title"], *_cells(experiment, key)] for key, e in experiment.images.items()]
    head = ["image", *metrics_head(), "best step", "seconds"]
    return table(head, rows, caption=f"{experiment.name}: every photograph's result.")


def params_table(params: Params) -> str:
    """Show a run's parameters: in a line, and all of them, with what they are, folded away."""
    rows = [
        (name, getattr(params, name), field.description)
        for name, field in type(params).model_fields.items()
        if name != "out"
    ]
    folded = table(
        ["parameter", "value", "description"], rows, caption="All parameters of the run."
    )
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
    caption = "The parameters in which the experiments differ."
    return table(["experiment", *names], rows, caption=caption)


def reconstructions(
    experiments: Sequence[Experiment], image_id: str, refined: Experiment | None = None
) -> str:
    """Show target and reconstructions of one image, and the difference maps below them.

    `refined` is shown after them, where it has the image.
    """
    also = [refined] if refined and image_id in refined.images else []
    title = experiments[0].images[image_id]["title"]
    maps = [
        picture_html(
            experiment.picture(image_id, "difference"),
            f"{title}, difference of {experiment.name}",
            experiment.name,
        )
        for experiment in experiments
    ]
    return (
        f"<h3>{html.escape(title)}</h3>{results_viewer(experiments, image_id, also=also)}"
        f"<p>{MAPS}</p>{grid(maps, max(len(maps), 3))}"
    )


def triptychs(experiment: Experiment) -> str:
    """Show target, reconstruction and difference of every image of one run, and its progress."""
    parts = []
    for image_id, entry in experiment.images.items():
        parts.append(f"<h3>{html.escape(entry['title'])}</h3>")
        parts.append(results_viewer([experiment], image_id, difference=True))
        if shown := film(experiment, image_id):
            parts += ["<p>The search, from its start to its result:</p>", shown]
    return "".join(parts)


def reaching_table(new: Experiment, old: Experiment) -> str:
    """Show when each image's search under `new` reaches the final loss of `old`, in evaluations.

    What is the same of every image is said below the table, once.
    """
    images = common_images([new, old])
    goals = {i: old.images[i]["best_loss"] for i in images}
    reached = {i: evaluations_to_reach(new, i, goals[i]) for i in images}
    starts = [{i: e.history(i)[0]["loss"] for i in images} for e in (old, new)]
    columns: dict[str, list[object]] = {
        f"{_short(old)}, start": [f"{starts[0][i]:.3f}" for i in images],
        f"{_short(new)}, start": [f"{starts[1][i]:.3f}" for i in images],
        f"{_short(old)}, end": [f"{goals[i]:.3f}" for i in images],
        f"{_short(new)}, end": [f"{new.images[i]['best_loss']:.3f}" for i in images],
    }
    if any(reached.values()):
        ends: list[object] = [
            reached[i] or f"not in {new.images[i]['evaluations']}" for i in images
        ]
        columns[f"{_short(new)} as low as {_short(old)} ends, after"] = ends
    budgets = [{e.images[i]["evaluations"] for i in images} for e in (old, new)]
    if len(budgets[0]) > 1:
        columns[f"{_short(old)}, evaluations"] = [old.images[i]["evaluations"] for i in images]
    rows = [[new.title(i), *cells] for i, *cells in zip(images, *columns.values(), strict=True)]
    names = "; ".join(f"{_short(e)} is {e.called}" for e in (old, new) if _short(e) != e.name)
    caption = f"Loss of the search, at its start and at its end{names and f': {names}'}."
    said = [_whether_reached(new, old, reached, budgets), _rounding([old, new], images)]
    return table(["image", *columns], rows, caption=caption) + "".join(
        f"<p>{html.escape(text)}</p>" for text in said if text
    )


def _short(experiment: Experiment) -> str:
    """A name that a column has room for."""
    return experiment.recipe or experiment.name


def _whether_reached(new, old, reached, budgets):
    """Say of how many images the search reaches the other's end, and what both may take."""
    there, count = [x for x in reached.values() if x], len(reached)
    own, theirs = (_range(numbers) for numbers in (budgets[1], budgets[0]))
    on = f" on {len(there) or 'none'} of {count_images(count)}" if count > 1 else ""
    if not there:
        return (
            f"Within its {own} evaluations of the generator {new.called} comes as low as "
            f"{old.called} ends{on or ' nowhere'}; {old.called} took {theirs}."
        )
    return (
        f"{new.called} comes as low as {old.called} ends{on}, after {_range(there)} evaluations of "
        f"the generator in place of {theirs}."
    )


def _range(numbers):
    least, most = min(numbers), max(numbers)
    return f"{least}" if least == most else f"{least} to {most}"


def _rounding(experiments, images):
    """Say why a loss that is a metric differs from it, where the search is not in full precision.

    It compares the images before they are rounded to 8 bits, too.
    """
    found = {}
    for e in experiments:
        metric = f"lpips_{e.params.lpips_net}"
        if e.params.loss == "lpips" and e.params.precision == "bf16" and metric in METRICS:
            ends = [(e.images[i]["best_loss"], value(e, i, metric)) for i in images]
            apart = [abs(loss - measured) for loss, measured in ends if measured is not None]
            found[METRICS[metric].label] = max([*apart, found.get(METRICS[metric].label, 0.0)])
    return " ".join(
        f"The search computes this loss in bf16; {label} is measured in float32, on the image "
        f"rounded to 8 bits. Here the two differ by at most {apart:.4f}."
        for label, apart in found.items()
    )


def overview(experiments: Sequence[Experiment], size: int = 256) -> np.ndarray:
    """Lay all in one picture uint8 (H, W, 3): a row per image, the target on its left."""
    rows = []
    for image_id in common_images(experiments):
        pictures = [experiments[0].picture(image_id, "target")]
        pictures += [e.picture(image_id, "reconstruction") for e in experiments]
        rows.append(np.concatenate([figures.shrink(p, size) for p in pictures], axis=1))
    labels = ["target", *(e.name for e in experiments)]
    return figures.captioned(np.concatenate(rows), labels, size)


def _about(experiment, about, name):
    """What a run's environment says, with its place in the summary, where that is published."""
    run, value = experiment.folder.name, about[name]
    if value is None or run not in SUMMARIES:
        return value
    return told("{}", (at(f"{run}.json", "environment", name), value))


def provenance(experiment: Experiment) -> str:
    """Show versions, device and weights of a run, as a table."""
    about = read_json(experiment.folder / "environment.json")
    weights = {name: sha256 for name, sha256 in about["weights"].items() if sha256}
    rows = [
        ("device", f"{about['device_name']} ({about['device']}), {about['threads']} threads"),
        ("search", f"{experiment.params.precision}, torch.compile {experiment.params.compile}"),
        ("seed", _about(experiment, about, "seed")),
        ("date", _about(experiment, about, "date")),
        ("commit", _about(experiment, about, "commit") or "not a git checkout"),
        ("python", about["python"]),
        *((name, version) for name, version in about["packages"].items()),
        *((f"weights {name}", f"sha256 {sha256[:16]}…") for name, sha256 in weights.items()),
    ]
    summary = "Versions, device and weights"
    shown = table(["what", experiment.name], rows, caption=f"{summary} of {experiment.name}.")
    return f"<details><summary>{summary}</summary>{shown}</details>"

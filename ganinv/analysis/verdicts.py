"""Verdicts on hypotheses, computed from the metrics of finished runs, and their summaries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.analysis.finished import Experiment, common_images, value
from ganinv.files import write_json
from ganinv.measures.reconstruction import METRICS


@dataclass(frozen=True)
class Verdict:
    """A hypothesis and on how many images, or other things that are `counted`, it held.

    `undecided` are those that speak neither for it nor against it.
    """

    claim: str
    held: int
    total: int
    detail: str
    counted: str = "images"
    undecided: int = 0

    @property
    def word(self) -> str:
        """The verdict in a few words."""
        if not self.total:
            return "not tested"
        if self.held == self.total:
            return "confirmed"
        if self.undecided == self.total:
            return "undecided"
        if not self.held and not self.undecided:
            return "refuted"
        return f"held on {self.held} of {self.total} {self.counted}"


def better_everywhere(new: Experiment, old: Experiment, metric: str) -> Verdict:
    """Judge «`new` is better than `old` in `metric` on every image»."""
    row = METRICS[metric]
    word = "above" if row.higher else "below"
    claim = f"{new.name} {word} {old.name} in {row.label}, on every image"
    pairs = _pairs(new, old, metric)
    if not pairs:
        return Verdict(claim, 0, 0, "no image was finished by both")
    change = [a - b for a, b in pairs]
    after, before = (float(np.mean(values)) for values in zip(*pairs, strict=True))
    unit = f" {row.unit}" if row.unit else ""
    detail = (
        f"mean {row.show(before)} → {row.show(after, unit=True)}; change per image "
        f"{min(change):+.{row.digits}f} to {max(change):+.{row.digits}f}{unit}"
    )
    return Verdict(claim, sum(row.better(a, b) for a, b in pairs), len(pairs), detail)


def about_as_good(new: Experiment, old: Experiment, metric: str, slack: float = 0.05) -> Verdict:
    """Judge «`new` is better than `old`, or worse by at most `slack`, on every image»."""
    base = better_everywhere(new, old, metric)
    row = METRICS[metric]
    steps = new.params.steps, old.params.steps
    fewer = f", with {steps[0]} steps in place of {steps[1]}" if steps[0] != steps[1] else ""
    claim = (
        f"{new.name} like {old.name} in {row.label} (at most {slack:.0%} worse) or better, on "
        f"every image{fewer}"
    )
    worst = 1 - slack if row.higher else 1 + slack
    held = sum(not row.better(b * worst, a) for a, b in _pairs(new, old, metric))
    return Verdict(claim, held, base.total, base.detail)


def _pairs(new, old, metric):
    """(new, old) of a metric for every image of which both have it."""
    pairs = [(value(new, i, metric), value(old, i, metric)) for i in common_images([new, old])]
    return [pair for pair in pairs if None not in pair]


def evaluations_to_reach(experiment: Experiment, image_id: str, loss: float) -> int | None:
    """Count the renderings before the search's loss was first `loss` or less; None if never."""
    for row in experiment.history(image_id):
        if row["loss"] <= loss:
            return row["evaluations"]
    return None


def loss_falls(experiment: Experiment, factor: float = 2.0) -> Verdict:
    """Judge «the search brings the loss down by `factor` on every image»."""
    shares = []
    for image_id, entry in experiment.images.items():
        history = experiment.history(image_id)
        shares.append(history[0]["loss"] / entry["best_loss"] if history else 1.0)
    claim = (
        f"{experiment.name}: the loss falls at least {factor:g}-fold from its start, on every image"
    )
    if not shares:
        return Verdict(claim, 0, 0, "no image was finished")
    detail = f"between {min(shares):.1f}-fold and {max(shares):.1f}-fold"
    return Verdict(claim, sum(share >= factor for share in shares), len(shares), detail)


def write_summary(experiment: Experiment, name: str, verdicts: Iterable[Verdict]) -> None:
    """Write summary.json beside a run: its metrics and verdicts, for the report and for tests.

    Crops are left out: they name folders of this machine, and summaries are published.
    """
    images = {
        key: {name: x for name, x in entry.items() if name != "crop"}
        for key, entry in experiment.images.items()
    }
    summary = {
        "experiment": name,
        "params": experiment.params.model_dump(exclude={"out"}),
        "metrics": experiment.metrics | {"images": images},
        "verdicts": listed(verdicts),
    }
    write_json(experiment.folder / "summary.json", summary)


def write_verdicts(
    path: str | Path, experiments: Sequence[Experiment], verdicts: Iterable[Verdict]
) -> None:
    """Write the comparison as JSON: mean and spread of each experiment, and the verdicts."""
    runs = {e.name: {key: e.metrics[key] for key in ("mean", "std", "failed")} for e in experiments}
    write_json(path, {"experiments": runs, "verdicts": listed(verdicts)})


def listed(verdicts: Iterable[Verdict]) -> list[dict[str, Any]]:
    """Turn verdicts into what JSON can hold."""
    return [
        {"claim": v.claim, "verdict": v.word, "held": v.held, "total": v.total, "detail": v.detail}
        for v in verdicts
    ]

"""What runs say beside each other: reading them back, verdicts on hypotheses, summaries.

`exhibits` shows the same as HTML.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganinv.analysis.finished import common_images, value
from ganinv.files import write_json
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.records import read_run


@dataclass(frozen=True)
class Verdict:
    """A hypothesis and on how many images, or what else is `counted`, it held."""

    claim: str
    held: int
    total: int
    detail: str
    counted: str = "images"

    @property
    def word(self):
        if not self.total:
            return "not tested"
        if self.held == self.total:
            return "confirmed"
        return "refuted" if not self.held else f"held on {self.held} of {self.total} {self.counted}"


def better_everywhere(new, old, metric):
    """The verdict on «`new` is better than `old` in `metric` on every image»."""
    word = "above" if METRICS[metric].higher else "below"
    claim = f"{new.name} {word} {old.name} in {METRICS[metric].label}, on every image"
    pairs = [(value(new, i, metric), value(old, i, metric)) for i in common_images([new, old])]
    if not pairs:
        return Verdict(claim, 0, 0, "no image was finished by both")
    change = [a - b for a, b in pairs]
    unit = " dB" if metric == "psnr" else ""
    digits = METRICS[metric].digits
    detail = (
        f"mean {np.mean([b for _, b in pairs]):.{digits}f} → "
        f"{np.mean([a for a, _ in pairs]):.{digits}f}{unit}; "
        f"change per image {min(change):+.{digits}f} to {max(change):+.{digits}f}{unit}"
    )
    return Verdict(claim, sum(METRICS[metric].better(a, b) for a, b in pairs), len(pairs), detail)


def about_as_good(new, old, metric, slack=0.05):
    """The verdict on «`new` is better than `old`, or worse by at most `slack`, on every image»."""
    base = better_everywhere(new, old, metric)
    label = METRICS[metric].label
    steps = new.params.steps, old.params.steps
    fewer = f", with {steps[0]} steps in place of {steps[1]}" if steps[0] != steps[1] else ""
    claim = (
        f"{new.name} like {old.name} in {label} (at most {slack:.0%} worse) or better, on every "
        f"image{fewer}"
    )
    sign = -1 if METRICS[metric].higher else 1
    held = sum(
        sign * value(new, i, metric) <= sign * value(old, i, metric) * (1 + sign * slack)
        for i in common_images([new, old])
    )
    return Verdict(claim, held, base.total, base.detail)


def evaluations_to_reach(experiment, image_id, loss):
    """How many times the search had rendered when its loss was first `loss` or less, or None."""
    for row in experiment.history(image_id):
        if row["loss"] <= loss:
            return row["evaluations"]
    return None


def loss_falls(experiment, factor=2.0):
    """The verdict on «the search brings the loss down by `factor` on every image»."""
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


def write_summary(folder, name, verdicts):
    """Write summary.json beside a run: its metrics and verdicts, for the report and for tests."""
    params, metrics = read_run(folder)
    summary = {"experiment": name, "params": params.model_dump(exclude={"out"}), "metrics": metrics}
    write_json(Path(folder) / "summary.json", summary | {"verdicts": listed(verdicts)})


def write_verdicts(path, experiments, verdicts):
    """Write the comparison as JSON: mean and spread of each experiment, and the verdicts."""
    runs = {e.name: {key: e.metrics[key] for key in ("mean", "std", "failed")} for e in experiments}
    write_json(path, {"experiments": runs, "verdicts": listed(verdicts)})


def listed(verdicts):
    """Verdicts as JSON can hold them."""
    return [
        {"claim": v.claim, "verdict": v.word, "held": v.held, "total": v.total, "detail": v.detail}
        for v in verdicts
    ]

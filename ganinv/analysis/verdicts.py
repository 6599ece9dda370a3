"""Verdicts on hypotheses, computed from the metrics of finished runs, and their summaries.

A claim is confirmed where it held on every image and the 95 % interval of the number that it is
judged by lies wholly on the side that is claimed; refuted where the interval lies wholly on the
other side, or the claim held on none; all else is not decided at these numbers. A claim that is
judged by several numbers needs all of them, and falls with one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.analysis.finished import Experiment, common_images, value
from ganinv.analysis.statistics import CONFIDENCE, Interval, compare, mean_interval
from ganinv.analysis.study import differing, of_photograph
from ganinv.files import write_json
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.environment import describe_machine, published_environment

CONFIRMED, REFUTED, NOT_DECIDED = "confirmed", "refuted", "not decided"
FEWEST = 3  # images, or other things counted, that can decide
NOTHING = "there is no number to judge it by"


@dataclass(frozen=True)
class Comparison:
    """A number over images that a claim wants above 0 (`wanted` 1), or below it (-1).

    `detail` says what it is, and `words` what it would be if the claim held.
    """

    interval: Interval
    wanted: int
    detail: str
    words: str = ""

    @property
    def side(self) -> int:
        """1 where the whole interval lies on the side that is wanted, -1 on the other, or 0."""
        return self.interval.sign * self.wanted


@dataclass(frozen=True)
class Verdict:
    """A hypothesis, the verdict on it in a word or two, and why: `detail` is one sentence.

    It held on `held` of `total` images, or other things that are `counted`.
    """

    claim: str
    word: str
    held: int
    total: int
    detail: str
    comparisons: tuple[Comparison, ...] = ()
    counted: str = "images"


def decide(
    claim: str,
    held: int,
    total: int,
    comparisons: Sequence[Comparison],
    *,
    counted: str = "images",
    over: str = "image",
    opening: str = "",
) -> Verdict:
    """Judge a claim by the count of images on which it held, and by intervals `over` them.

    `opening` begins the sentence in place of the count.
    """
    fewest = min((c.interval.count for c in comparisons), default=0)
    side = min((c.side for c in comparisons), default=0)
    if fewest < FEWEST:
        word = NOT_DECIDED
    elif side < 0 or (not held and not side and total >= FEWEST):
        word = REFUTED
    else:
        word = CONFIRMED if held == total and side > 0 else NOT_DECIDED
    things = over if total == 1 and counted == f"{over}s" else counted
    opening = opening or f"It held on {held} of {total} {things}"
    if fewest < FEWEST:
        few = (NOTHING, f"one {over} decides nothing", f"two {over}s decide nothing")[fewest]
        opening += f", and {few}"
    detail = f"{opening}: {'; '.join(c.detail for c in comparisons)}."
    return Verdict(claim, word, held, total, detail, tuple(comparisons), counted)


def joined(names: Iterable[str]) -> str:
    """Join names as a sentence lists them: "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def tell(interval: Interval, form: str, unit: str = "") -> str:
    """Write a mean change with its interval, each number in a format such as "+.2f"."""
    text = f"{interval.mean:{form}}{unit}"
    if math.isnan(interval.low):
        return text
    return f"{text}, {CONFIDENCE:.0%} interval {interval.low:{form}} to {interval.high:{form}}"


def better_everywhere(
    new: Experiment, old: Experiment, metric: str, study: Mapping[str, Any] | None = None
) -> Verdict:
    """Judge «`new` is better than `old` in `metric` on every image».

    Where `study`, read from a study.json, has two recipes of these names under the same settings,
    its photographs are judged in place of the runs' images.
    """
    row = METRICS[metric]
    word = "above" if row.higher else "below"
    claim = f"{new.called} {word} {old.called} in {row.label}, on every image"
    return judge_runs(claim, new, old, metric, study=study)


def about_as_good(
    new: Experiment,
    old: Experiment,
    metric: str,
    slack: float = 0.05,
    study: Mapping[str, Any] | None = None,
) -> Verdict:
    """Judge «`new` is better than `old`, or worse by at most `slack`, on every image».

    The interval is that of the difference from what is allowed. `study` is taken as by
    `better_everywhere`.
    """
    row = METRICS[metric]
    steps = new.params.steps, old.params.steps
    fewer = f", with {steps[0]} steps in place of {steps[1]}" if steps[0] != steps[1] else ""
    claim = (
        f"{new.called} like {old.called} in {row.label} (at most {slack:.0%} worse) or better, on "
        f"every image{fewer}"
    )
    factor = 1 - slack if row.higher else 1 + slack
    return judge_runs(claim, new, old, metric, factor, study)


def judge_runs(
    claim: str,
    new: Experiment,
    old: Experiment,
    metric: str,
    factor: float = 1.0,
    study: Mapping[str, Any] | None = None,
    also: str = "",
) -> Verdict:
    """Judge a claim that `new` is better in a metric than `factor` times `old`.

    Under another factor than 1 it may also be as good. `also` is added to what is told.
    """
    row = METRICS[metric]
    pairs, counted, opening = _pairs(new, old, metric), "images", ""
    studied, not_taken = _of_study(study, new, old, metric)
    if studied:
        a, b = studied
        pairs = [(float(np.mean(a[photo])), float(np.mean(b[photo]))) for photo in a]
        allowed = {photo: [factor * x for x in values] for photo, values in b.items()}
        interval, counted = compare(a, allowed, higher=row.higher).interval, "photographs"
    elif pairs:
        differences = [x - factor * y for x, y in pairs]
        interval = mean_interval([x for x in differences if math.isfinite(x)])
    else:
        return Verdict(claim, NOT_DECIDED, 0, 0, "No image was finished by both.")
    holds = [row.better(x, y) if factor == 1 else not row.better(y * factor, x) for x, y in pairs]
    held, total = sum(holds), len(holds)
    if studied:
        opening = f"Over {total} photographs of the study it held on {held}"
    after, before = (float(np.mean(values)) for values in zip(*pairs, strict=True))
    told = tell(interval, f"+.{row.digits}f", f" {row.unit}" if row.unit else "")
    against = (
        "change" if factor == 1 else f"{_share(before, after, factor, row)}; from what was allowed"
    )
    detail = f"mean {row.show(before)} → {row.show(after, unit=True)}, {against} {told}{also}"
    detail += not_taken
    comparison = Comparison(interval, 1 if row.higher else -1, detail)
    return decide(claim, held, total, [comparison], counted=counted, opening=opening)


def _share(before, after, factor, row):
    """Say how far a mean moved as a share of that before, and how far it might."""
    share = after / before if before else math.nan
    if not math.isfinite(share):
        return "of no bound"
    if (factor < 1) != row.higher:  # it is to move, not merely to stay near
        return f"{share:.0%} of it, where {factor:.0%} were allowed"
    side = "worse" if row.better(before, after) else "better"
    return f"{side} by {abs(share - 1):.0%} on average; {abs(factor - 1):.0%} were allowed"


def _of_study(study, new, old, metric):
    """((new, old) of the photographs that have both, or None; why a study is not taken, or "").

    Each is {photograph: a number for each restart}.
    """
    if not study or not {new.studied, old.studied} <= study["recipes"].keys():
        return None, ""
    for e in (new, old):
        if names := differing(study, e.studied, e.params):
            return (
                None,
                f"; the study's {e.studied} differs in {', '.join(names)} and judges nothing",
            )
    a, b = (of_photograph(study, e.studied, metric) for e in (new, old))
    both = [photo for photo in a if photo in b]
    return both and [{photo: x[photo] for photo in both} for x in (a, b)], ""


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
    name = experiment.called
    claim = f"{name}: the loss falls at least {factor:g}-fold from its start, on every image"
    if not shares:
        return Verdict(claim, NOT_DECIDED, 0, 0, "No image was finished.")
    found = mean_interval([math.log(share) for share in shares])
    mean, low, high = (math.exp(x) for x in (found.mean, found.low, found.high))
    folds = Interval(mean, low, high, found.count)
    detail = (
        f"in the geometric mean {tell(folds, '.1f', '-fold')}, on each between {min(shares):.1f}- "
        f"and {max(shares):.1f}-fold"
    )
    margin = Comparison(found.shift(-math.log(factor)), 1, detail)
    return decide(claim, sum(share >= factor for share in shares), len(shares), [margin])


def write_summary(
    experiment: Experiment, name: str, verdicts: Iterable[Verdict], seen: Iterable[str] = ()
) -> None:
    """Write summary.json beside a run: its metrics, verdicts and environment.

    `seen` are sentences on what the figures say.

    The report and tests read it. Crops are left out: they name folders of this machine, and
    summaries are published.
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
        "environment": published_environment(experiment.folder),
    }
    if told := list(seen):
        summary["seen"] = told
    write_json(experiment.folder / "summary.json", summary)


def write_verdicts(
    path: str | Path, experiments: Sequence[Experiment], verdicts: Iterable[Verdict]
) -> None:
    """Write the comparison as JSON: mean and spread of each experiment, and the verdicts."""
    runs = {
        e.name: {key: e.metrics[key] for key in ("mean", "std", "failed")}
        | {"environment": published_environment(e.folder)}
        for e in experiments
    }
    made = describe_machine("cpu")
    write_json(path, {"experiments": runs, "verdicts": listed(verdicts), "made": made})


def listed(verdicts: Iterable[Verdict]) -> list[dict[str, Any]]:
    """Turn verdicts into what JSON can hold."""
    return [
        {
            "claim": v.claim,
            "verdict": v.word,
            "held": v.held,
            "total": v.total,
            "counted": v.counted,
            "intervals": [asdict(c.interval) for c in v.comparisons],
            "detail": v.detail,
        }
        for v in verdicts
    ]

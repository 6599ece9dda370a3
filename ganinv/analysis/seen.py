"""What a finished run shows, in sentences: words and numbers alike are computed from the run.

Two metrics are set against each other: PSNR, which is about pixels, and LPIPS by AlexNet, which is
about features, and which no experiment minimizes. Two numbers that are shown alike are taken as
equal.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ganinv.analysis.finished import Experiment, common_images, finite_values, value
from ganinv.analysis.verdicts import joined
from ganinv.measures.identity import SAME_PERSON
from ganinv.measures.reconstruction import METRICS

PIXELS, FEATURES = "psnr", "lpips_alex"
DRIFT = 1.0  # dB of PSNR that a photograph loses while LPIPS gets better
NAMED, FIRST = 5, 3  # photographs that a sentence lists all; of more, the first
SHARES = {0.5: "Half", 0.9: "nine tenths"}


def what_we_see(
    experiment: Experiment, before: Experiment | None = None, factor: float = 2.0
) -> list[str]:
    """Say what a run shows, a paragraph each: results, change, failures, how fast the loss fell.

    `before` is the experiment that it is compared with, on the images that both finished. A search
    whose loss does not fall `factor`-fold is called a failure. Paragraphs that have nothing to say
    are left out.
    """
    paragraphs = [
        _results(experiment),
        _changes(experiment, before) if before else "",
        _failures(experiment, factor),
        _speed(experiment),
    ]
    return [text for text in paragraphs if text]


def worst_photograph(experiment: Experiment) -> tuple[str, str] | None:
    """Return the worst image's id and the metric that says so, LPIPS-alex where it was measured."""
    for metric in (FEATURES, PIXELS):
        if ranked := _ranked(experiment, metric):
            return ranked[-1], metric
    return None


def _results(experiment):
    images = list(experiment.images)
    if not images:
        return "No photograph was finished."
    if len(images) == 1:
        told = ", ".join(_with_name(experiment, images[0], metric) for metric in METRICS)
        return f"One photograph was inverted, {experiment.title(images[0])}: {told}."
    pixels, features = (_ranked(experiment, metric) for metric in (PIXELS, FEATURES))
    sentences = [_best_and_worst(experiment, pixels, PIXELS)]
    ends = [(ranked[0], ranked[-1]) for ranked in (pixels, features) if len(ranked) > 1]
    apart = not any(_alike(experiment, *x) for x in ((pixels, PIXELS), (features, FEATURES)))
    if len(ends) == 2 and ends[0] == ends[1] and apart:
        a, b = (_shown(experiment, name, FEATURES) for name in ends[1])
        sentences[0] += f", and in {METRICS[FEATURES].label} too ({a} and {b})"
    else:
        sentences.append(_best_and_worst(experiment, features, FEATURES))
    sentences.append(_order(experiment))
    return " ".join(f"{text}." for text in sentences if text)


def _best_and_worst(experiment, ranked, metric):
    if len(ranked) < 2:
        return ""
    label = METRICS[metric].label
    if _alike(experiment, ranked, metric):
        shown = _shown(experiment, ranked[0], metric)
        return f"In {label} {_all(len(ranked))} photographs came out alike ({shown})"
    best, worst = (
        f"{experiment.title(name)} {{}} ({_shown(experiment, name, metric)})"
        for name in (ranked[0], ranked[-1])
    )
    return f"In {label}, {best.format('came out best')} and {worst.format('worst')}"


def _alike(experiment, ranked, metric):
    return len({_shown(experiment, name, metric) for name in ranked}) == 1


def _order(experiment):
    """In how many pairs of photographs PSNR and LPIPS disagree on which is the better one."""
    told, against = 0, []
    for a, b in itertools.combinations(experiment.images, 2):
        sides = [_side(experiment, a, experiment, b, metric) for metric in (PIXELS, FEATURES)]
        told += all(sides)
        if sides[0] * sides[1] < 0:
            against.append((a, b) if sides[0] < 0 else (b, a))
    labels = " and ".join(METRICS[metric].label for metric in (PIXELS, FEATURES))
    if not told:
        return ""
    if not against:
        what = "the two photographs" if told == 1 else f"all {told} pairs of photographs"
        return f"{labels} agree on the order of {what}"
    # the pair that PSNR tells apart most clearly
    low, high = max(against, key=lambda pair: _gap(experiment, *pair))
    low_name, high_name = experiment.title(low), experiment.title(high)
    one, two = (
        f"{_shown(experiment, low, metric)} against {_shown(experiment, high, metric)}"
        for metric in (PIXELS, FEATURES)
    )
    what = "the two photographs" if told == 1 else f"{len(against)} of {told} pairs of photographs"
    return (
        f"{labels} disagree on the order of {what}: {METRICS[PIXELS].label} puts {low_name} below "
        f"{high_name} ({one}), {METRICS[FEATURES].label} puts it above ({two})"
    )


def _gap(experiment, low, high):
    gap = value(experiment, high, PIXELS) - value(experiment, low, PIXELS)
    return 0.0 if math.isnan(gap) else gap


@dataclass(frozen=True)
class _Change:
    """How one photograph's result differs: 1 is better, -1 worse, 0 as good or not measured."""

    name: str
    pixels: int
    features: int


def _changes(new, old):
    images = common_images([new, old])
    if not images:
        return f"No photograph was finished both here and by {old.called}."
    changes = [
        _Change(name, *(_side(new, name, old, name, metric) for metric in (PIXELS, FEATURES)))
        for name in images
    ]
    steps = (new.params.steps, old.params.steps)
    budget = f" with {steps[0]} steps in place of {steps[1]}" if steps[0] != steps[1] else ""
    told = [
        _tally(new, old, metric, [getattr(change, kind) for change in changes])
        for metric, kind in ((PIXELS, "pixels"), (FEATURES, "features"))
    ]
    sentences = [f"Against {old.called}{budget}: {'; '.join(told)}"]
    features = [c.name for c in changes if c.pixels < 0 < c.features]
    pixels = [c.name for c in changes if c.features < 0 < c.pixels]
    labels = METRICS[PIXELS].label, METRICS[FEATURES].label
    if features:
        sentences.append(
            f"The two disagree on {_moves(new, old, features)}: closer in features, and further "
            "off in pixels"
        )
    if pixels:
        sentences.append(
            f"{'They also' if features else 'The two'} disagree on {_moves(new, old, pixels)}: "
            "closer in pixels, and further off in features"
        )
    if not features and not pixels and any(c.pixels and c.features for c in changes):
        sentences.append(f"{labels[0]} and {labels[1]} nowhere contradict each other")
    sentences.append(_drift(new, old, features))
    return " ".join(f"{text}." for text in sentences if text)


def _drift(new, old, features):
    """Those photographs that lost much of PSNR for a better LPIPS."""
    lost = {name: value(old, name, PIXELS) - value(new, name, PIXELS) for name in features}
    drifted = [name for name, x in lost.items() if math.isfinite(x) and x >= DRIFT]
    if not drifted:
        return ""
    drifted.sort(key=lambda name: -lost[name])
    named = _list([f"{new.title(name)} ({-lost[name]:+.2f} dB)" for name in drifted])
    return f"By {DRIFT:g} dB of PSNR or more the search drifted from the pixels of {named}"


def _moves(new, old, images):
    return _list(
        [
            f"{new.title(name)} ("
            + ", ".join(
                f"{METRICS[m].label} {_shown(old, name, m)} → {_shown(new, name, m)}"
                for m in (PIXELS, FEATURES)
            )
            + ")"
            for name in images
        ]
    )


def _tally(new, old, metric, sides):
    """Say on how many photographs a metric got better or worse, and by how much in the mean."""
    row, images = METRICS[metric], common_images([new, old])
    there = [
        side
        for name, side in zip(images, sides, strict=True)
        if value(new, name, metric) is not None and value(old, name, metric) is not None
    ]
    if not there:
        return f"{row.label} was not measured"
    better, worse, count = there.count(1), there.count(-1), len(there)
    if count == 1:
        word = "better" if better else "worse" if worse else "as good"
        shown = [(_shown(e, name, metric)) for name in images for e in (old, new)]
        return (
            f"{row.label} is {word} ({shown[0]} → {shown[1]})"
            if len(images) == 1
            else (f"{row.label} is {word} on the one photograph that has it")
        )
    words = [(better, "better"), (worse, "worse"), (count - better - worse, "as good")]
    parts = [(n, word) for n, word in words if n]
    if len(parts) == 1:
        told = f"{parts[0][1]} on {_all(count)} photographs"
    else:
        told = _list([f"{word} on {n}" for n, word in parts]) + f" of {count} photographs"
    means = [finite_values(e, images, metric) for e in (old, new)]
    if len(means[0]) == len(means[1]) == count:
        change = float(np.mean(means[1]) - np.mean(means[0]))
        unit = f" {row.unit}" if row.unit else ""
        told += f" (mean {change:+.{row.digits}f}{unit})"
    return f"{row.label} is {told}"


def _failures(experiment, factor):
    sentences = []
    failed = len(experiment.metrics["failed"])
    if failed:
        noun = "photograph" if failed == 1 else "photographs"
        sentences.append(f"{failed} {noun} could not be inverted; the reasons are listed above")
    folds = {name: fold for name in experiment.images if (fold := _fold(experiment, name))}
    low = [name for name, fold in folds.items() if fold < factor]
    if low:
        named = _list([f"{experiment.title(name)} ({_down(folds[name])}-fold)" for name in low])
        sentences.append(
            f"The loss did not fall {factor:g}-fold on {named}: there the search failed, or had "
            "too few steps"
        )
    elif folds:
        ends = [_down(fold) for fold in (min(folds.values()), max(folds.values()))]
        told = ends[0] if ends[0] == ends[1] else f"{ends[0]}- to {ends[1]}"
        which = "no other search" if failed else "no search"
        sentences.append(f"The loss fell {told}-fold: {which} failed")
    sentences.append(_identities(experiment))
    return " ".join(f"{text}." for text in sentences if text)


def _identities(experiment):
    """Whether dlib takes the results for the persons that were photographed."""
    found = {name: value(experiment, name, "identity") for name in experiment.images}
    there = {name: x for name, x in found.items() if x is not None}
    if not there:
        return ""
    others = [name for name, x in there.items() if x >= SAME_PERSON]
    limit = f"identity {SAME_PERSON:g} or more"
    if others:
        named = _list(
            [
                f"{experiment.title(name)} ({_shown(experiment, name, 'identity')})"
                for name in others
            ]
        )
        return f"Another person's face came out of {named}: {limit}"
    if len(there) == 1:
        (name,) = there
        shown = _shown(experiment, name, "identity")
        return f"The face of {experiment.title(name)} passes for the same person (identity {shown})"
    worst = max(there, key=lambda name: there[name])
    return (
        f"{_all(len(there)).capitalize()} faces that were measured pass for the same person "
        f"(identity at most {_shown(experiment, worst, 'identity')})"
    )


def _speed(experiment):
    """After how many steps half of the loss's fall was reached, and nine tenths of it."""
    reached = {share: [] for share in SHARES}
    most = 0
    for name in experiment.images:
        history = _search(experiment, name)
        losses = [row["loss"] for row in history]
        if not losses or not min(losses) < losses[0]:
            continue
        most = max(most, history[-1]["step"])
        for share, steps in reached.items():
            goal = losses[0] - share * (losses[0] - min(losses))
            # 1e-9: the goal of the last part is not to be missed by a rounding
            steps.append(next(r["step"] for r in history if r["loss"] <= goal + 1e-9 * losses[0]))
    if not most:
        return "No step of the search brought the loss below its start."
    half, most_of_it = (
        f"{word} of the fall of the loss" if share == 0.5 else word
        for share, word in SHARES.items()
    )
    half_at, most_at = (_steps(reached[share]) for share in SHARES)
    return f"{half} was reached at step {half_at} of {most}, {most_of_it} at step {most_at}."


def _steps(steps):
    if min(steps) == max(steps):
        return f"{steps[0]}"
    return f"{np.median(steps):g} (median; {min(steps)} to {max(steps)} over photographs)"


def _ranked(experiment, metric):
    """Images that have a metric, the best first."""
    there = [name for name in experiment.images if value(experiment, name, metric) is not None]
    sign = -1 if METRICS[metric].higher else 1
    return sorted(there, key=lambda name: sign * value(experiment, name, metric))


def _side(e1, a, e2, b, metric):
    """1 where image a under e1 is better than b under e2, -1 where worse, 0 where shown alike."""
    x, y = value(e1, a, metric), value(e2, b, metric)
    if x is None or y is None or _shown(e1, a, metric) == _shown(e2, b, metric):
        return 0
    return 1 if METRICS[metric].better(x, y) else -1


def _shown(experiment, name, metric):
    return METRICS[metric].show(value(experiment, name, metric), unit=True)


def _with_name(experiment, name, metric):
    shown = (
        "not measured"
        if value(experiment, name, metric) is None
        else _shown(experiment, name, metric)
    )
    return f"{METRICS[metric].label} {shown}"


def _search(experiment, name):
    """The rows of the search for the code; a refinement has another loss."""
    return [row for row in experiment.history(name) if row.get("phase") != "refine"]


def _fold(experiment, name):
    """How many times the loss fell from its start; None without steps."""
    losses = [row["loss"] for row in _search(experiment, name)]
    if not losses or not losses[0] > 0:
        return None
    return losses[0] / min(losses) if min(losses) > 0 else math.inf


def _all(count):
    return "both" if count == 2 else f"all {count}"


def _down(fold):
    """A fold in two places, never rounded up: 1.999 is not shown as 2."""
    return "∞" if math.isinf(fold) else f"{math.floor(fold * 100) / 100:.2f}"


def _list(items: Sequence[str]) -> str:
    """Join all in a sentence; of many the first few, and a count of the others."""
    if len(items) > NAMED:
        items = [*items[:FIRST], f"{len(items) - FIRST} more"]
    return joined(items)

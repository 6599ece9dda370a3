"""One sentence of advice, computed from the results of experiments."""

import math
from collections.abc import Sequence

import numpy as np

from ganinv.analysis.finished import Experiment, common_images, finite_values
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.describe import describe_seconds

JUDGE = "lpips_alex"  # which no experiment minimizes
ALIKE = 1.05  # times the best that still counts as good as the best
QUICKER = 0.67  # of the best's seconds that make an experiment as good the better choice


def mean_of(experiment: Experiment, images: Sequence[str], name: str) -> float:
    """Average a metric, or seconds, over images; NaN where none has it."""
    found = finite_values(experiment, images, name)
    return float(np.mean(found)) if found else math.nan


def choose(experiments: Sequence[Experiment], images: Sequence[str]) -> Experiment | None:
    """Choose the best in LPIPS-alex, or a much quicker one that is as good; None without any."""
    judged = {e.folder: mean_of(e, images, JUDGE) for e in experiments}
    known = [e for e in experiments if math.isfinite(judged[e.folder])]
    if not known:
        return None
    best = min(known, key=lambda e: judged[e.folder])
    alike = [e for e in known if judged[e.folder] <= ALIKE * judged[best.folder]]
    quickest = min(alike, key=lambda e: mean_of(e, images, "seconds"))
    saves = mean_of(quickest, images, "seconds") <= QUICKER * mean_of(best, images, "seconds")
    return quickest if saves else best


def advise(experiments: Sequence[Experiment], beyond: Experiment | None = None) -> str:
    """Say in a sentence which experiment to use, and why; "" where nothing was finished by all.

    `beyond` is a refined run: it is named where it is nearer to the photographs than the choice,
    on those that both have.
    """
    images = common_images(experiments)
    chosen = choose(experiments, images)
    if chosen is None:
        return ""
    metric, others = METRICS[JUDGE], [e for e in experiments if e.folder != chosen.folder]
    own = mean_of(chosen, images, JUDGE)
    seconds = describe_seconds(mean_of(chosen, images, "seconds"))
    text = f"Use {chosen.called}, because its {metric.label}, which no search minimizes, is "
    if others:
        next_best = min(others, key=lambda e: _or_infinite(mean_of(e, images, JUDGE)))
        theirs = mean_of(next_best, images, JUDGE)
        longer = describe_seconds(mean_of(next_best, images, "seconds"))
        rank = "the lowest" if own < theirs else "as good as the lowest"
        text += (
            f"{rank} ({metric.show(own)} in {seconds} a photograph; {next_best.called}: "
            f"{metric.show(theirs)} in {longer})"
        )
    else:
        text += f"{metric.show(own)} after {seconds} a photograph"
    return f"{text}{_and_beyond(chosen, beyond)}."


def _or_infinite(number: float) -> float:
    return number if math.isfinite(number) else math.inf


def _and_beyond(chosen: Experiment, beyond: Experiment | None) -> str:
    shared = common_images([chosen, beyond]) if beyond else []
    if not beyond or not shared:
        return ""
    before, after = (mean_of(e, shared, JUDGE) for e in (chosen, beyond))
    if not after < before:
        return ""
    show, many = METRICS[JUDGE].show, len(shared) > 1
    on = f"the same {len(shared)} photographs" if many else beyond.title(shared[0])
    return (
        "; and go beyond the code where it shall be the very photograph, because a feature map "
        f"beside the code brings {show(before)} to {show(after)} on {on}, at the "
        "price of edits that follow it less well"
    )

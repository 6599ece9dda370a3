"""What to use, chosen from results: those of a report's experiments, of studies, and of edits."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganinv.analysis.edited import Study
from ganinv.analysis.finished import Experiment, finite_values
from ganinv.analysis.statistics import Interval, mean_interval
from ganinv.measures.reconstruction import METRICS

JUDGE = "lpips_alex"  # which no experiment minimizes
LIKENESS = "identity"  # which nothing minimizes
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


def code_means(refined: Experiment, images: Sequence[str]) -> tuple[float, float] | None:
    """Average LPIPS-alex of refined results' own codes, and of the results; None without codes."""
    codes = [refined.images[i].get("code", {}).get(JUDGE) for i in images]
    if not codes or None in codes:
        return None
    return float(np.mean(codes)), mean_of(refined, images, JUDGE)


def nearest_refined(study: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (the refined recipe nearest in identity, the code that it was compared with).

    None where no refined recipe is nearer than a code by the whole interval.
    """
    recipes = study["recipes"]
    refined = {name for name, recipe in recipes.items() if _refines(recipe)}
    pairs = [
        (one["a"], one["b"])
        for one in study["comparisons"]
        if one["metric"] == LIKENESS and one["a"] in refined and one["b"] not in refined
        if _is_better(one)
    ]
    return min(pairs, key=lambda pair: recipes[pair[0]]["mean"][LIKENESS], default=None)


def nearest_code(study: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (the code's recipe lowest in LPIPS-alex, that of LPIPS alone that it is better than).

    None where the lowest is not shown to be better than one of LPIPS alone.
    """
    codes = {name: r for name, r in study["recipes"].items() if not _refines(r)}
    pairs = [
        (one["a"], one["b"])
        for one in study["comparisons"]
        if one["metric"] == JUDGE and {one["a"], one["b"]} <= codes.keys() and _is_better(one)
        if _loss(codes[one["b"]]) == "lpips" and _loss(codes[one["a"]]) != "lpips"
    ]
    return min(pairs, key=lambda pair: codes[pair[0]]["mean"][JUDGE], default=None)


def compared(study: Mapping[str, Any], a: str, b: str, metric: str) -> int | None:
    """Return where a comparison stands in a study, None where there is none."""
    places = [
        place
        for place, one in enumerate(study["comparisons"])
        if (one["a"], one["b"], one["metric"]) == (a, b, metric)
    ]
    return places[0] if places else None


def _refines(recipe: Mapping[str, Any]) -> bool:
    return (recipe["params"] or {}).get("refine", "none") != "none"


def _loss(recipe: Mapping[str, Any]) -> Any:
    return (recipe["params"] or {}).get("loss")


def _is_better(one: Mapping[str, Any]) -> bool:
    """Whether the whole interval of a comparison lies on a's side."""
    bounds = one["low"], one["high"]
    if None in bounds:
        return False
    return bounds[0] > 0 if METRICS[one["metric"]].higher else bounds[1] < 0


@dataclass(frozen=True)
class Cleanest:
    """The code whose edits move their attribute most alone, and the long search's beside it.

    `own` and `theirs` are the means of own change over that of others, `lead` their difference over
    photographs, `identity` how far the code's face is from the photographed one.
    """

    name: str
    other: str
    own: float
    theirs: float
    lead: Interval
    wins: int
    identity: float


def cleanest_code(summary: Mapping[str, Any]) -> Cleanest | None:
    """Find it in the summary of the study of edits; None where its lead is not decided.

    The other is the code nearest to its photographs, whose advice it would be.
    """
    rows = [_with_nan(row) for row in summary["edits"]]
    images = list(dict.fromkeys(row["image"] for row in rows))
    study = Study(images, [], [], [], rows)
    codes = [name for name in summary["experiments"] if _is_code(rows, name)]
    means = {name: study.measured(name, "selectivity") for name in codes}
    lpips = {name: _mean_entry(summary, study, name, JUDGE) for name in codes}
    known = [n for n in codes if not np.isnan(means[n]).all() and math.isfinite(lpips[n])]
    if len(known) < 2:
        return None
    best = max(known, key=lambda name: float(np.nanmean(means[name])))
    nearest = min((n for n in known if n != best), key=lambda name: lpips[name])
    each = means[best] - means[nearest]
    lead = mean_interval(each)
    if lead.sign <= 0:
        return None
    there = ~np.isnan(each)
    own, theirs = (float(means[name][there].mean()) for name in (best, nearest))
    identity = _mean_entry(summary, study, best, LIKENESS)
    return Cleanest(best, nearest, own, theirs, lead, int((each > 0).sum()), identity)


def _with_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it was before JSON, which has null for what could not be measured."""
    return {name: math.nan if value is None else value for name, value in row.items()}


def _is_code(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether a kind of result is a code alone: of those no ghosting is measured."""
    own = [row["ghosting"] for row in rows if row["variant"] == name]
    return bool(own) and all(math.isnan(x) for x in own)


def _mean_entry(summary: Mapping[str, Any], study: Study, name: str, metric: str) -> float:
    entries = summary["experiments"][name]["images"]
    found = [x for i in study.images if (x := entries.get(i, {}).get(metric)) is not None]
    return float(np.mean(found)) if found else math.nan

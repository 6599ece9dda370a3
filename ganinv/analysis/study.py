"""What the rows of a study come to: means, spreads, paired comparisons, and what a start is worth.

study.json holds `title`, `about`, `photographs`, `restarts`, `recipes` (their means, intervals and
spreads), `comparisons` (paired over photographs), `head_starts` and `runs`, the rows that all else
is computed from.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.analysis.statistics import compare, mean_interval, spreads
from ganinv.analysis.study_format import check_study
from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS
from ganinv.numerics import NUMERICS
from ganinv.runs.describe import describe
from ganinv.runs.environment import commit
from ganinv.runs.params import Params
from ganinv.runs.records import SETTINGS, is_measured
from ganinv.runs.study import Plan, Row

Values = dict[str, list[float]]  # of a metric: by photograph, a number for each restart
# what a machine, or a restart, may change without making another recipe of it
BESIDE = {"seed", "init_spread", "snapshot_every", "device", "precision", "compile"}
CHECKPOINTS = (0, 10, 25, 50, 100, 150, 200, 250)  # steps at which head starts are told


def summarize(plan: Plan) -> dict[str, Any]:
    """Make of a study's rows what study.json holds.

    Photographs count once all recipes have all their restarts on them; of others the rows are kept.
    """
    rows = plan.rows()
    photographs = whole_photographs(plan)
    counted = [row for row in rows if row["photograph"] in photographs]
    by_recipe = {name: [row for row in counted if row["recipe"] == name] for name in plan.recipes}
    recipes = {
        name: _describe_recipe(recipe, by_recipe[name]) | {"weights": plan.weights.get(name, {})}
        for name, recipe in plan.recipes.items()
    }
    comparisons = [
        one for a, b in pairs_of(plan) for one in compare_rows(a, by_recipe[a], b, by_recipe[b])
    ]
    return {
        "title": plan.study.title,
        "about": plan.study.about,
        "photographs": photographs,
        "restarts": plan.study.restarts,
        "spread": plan.study.spread,
        "recipes": recipes,
        "comparisons": comparisons,
        "head_starts": [
            head_start(a, by_recipe[a], b, by_recipe[b]) for a, b in plan.study.head_starts
        ],
        "failed": plan.failed,
        "missing": sum(len(plan.missing(*run)) for run in plan.runs()),
        "numerics": NUMERICS,
        "commit": commit(),
        "machines": sorted({row["machine"] for row in counted}),
        "runs": rows,
    }


def whole_photographs(plan: Plan) -> list[str]:
    """List the photographs that every recipe has all its restarts of."""
    left = {photo.id for run in plan.runs() for photo in plan.missing(*run)} | plan.failed.keys()
    return [photo.id for photo in plan.photos if photo.id not in left]


def pairs_of(plan: Plan) -> list[tuple[str, str]]:
    """List the pairs of recipes that are compared: those asked for, or each with those before."""
    if plan.study.pairs:
        return [(a, b) for a, b in plan.study.pairs]
    names = list(plan.recipes)
    return [(a, b) for place, a in enumerate(names) for b in names[:place]]


def values_of(rows: Iterable[Row], metric: str) -> Values:
    """Sort a metric of a recipe's rows by photograph; what was not measured is left out."""
    values: Values = {}
    for row in rows:
        if is_measured(row.get(metric)):
            values.setdefault(row["photograph"], []).append(float(row[metric]))
    return values


def _describe_recipe(recipe: Any, rows: Sequence[Row]) -> dict[str, Any]:
    mean, interval, spread = {}, {}, {}
    for metric in (*METRICS, "seconds"):
        values = values_of(rows, metric)
        if values:
            found = mean_interval(float(np.mean(x)) for x in values.values())
            mean[metric] = found.mean
            interval[metric] = [_or_none(found.low), _or_none(found.high)]
            over = spreads(values)
            spread[metric] = {
                "photographs": _or_none(over.photographs),
                "restarts": _or_none(over.restarts),
            }
    return {
        "title": recipe.title,
        "about": recipe.about,
        "what": describe(recipe.params),
        "params": settings_of(recipe.params),
        "steps": recipe.params.all_steps,
        "restarts": recipe.restarts,
        "mean": mean,
        "interval": interval,
        "spread": spread,
    }


def settings_of(params: Params) -> dict[str, Any]:
    """Return the parameters that a recipe is known by; of weights the name, not where they lie."""
    values = params.deciding(SETTINGS - BESIDE)
    weights = {name: values[name] and Path(values[name]).stem for name in ("generator", "encoder")}
    return values | weights


def differing(study: Mapping[str, Any], recipe: str, params: Params) -> list[str]:
    """List in what a recipe of a study differs from a run of the same name; [] in nothing.

    `auto` is the same as what it became. Of a study that does not tell its parameters it is the
    steps alone that can be compared.
    """
    there, here = study["recipes"][recipe], settings_of(params)
    known = there.get("params")
    if not isinstance(known, dict):
        return [] if there["steps"] == params.all_steps else ["steps"]
    names = sorted(
        name
        for name in here.keys() | known.keys()
        if here.get(name) != known.get(name) and "auto" not in (here.get(name), known.get(name))
    )
    return names + ([] if study["numerics"] == NUMERICS else ["numerics"])


def compare_rows(
    a: str, rows_a: Sequence[Row], b: str, rows_b: Sequence[Row]
) -> list[dict[str, Any]]:
    """Compare two recipes in every metric, paired over photographs: differences are a - b."""
    found = []
    for name, metric in METRICS.items():
        values = values_of(rows_a, name), values_of(rows_b, name)
        paired = compare(*values, higher=metric.higher)
        if paired.n:
            numbers = ("difference", "low", "high", "p", "sign_p")
            row = {key: _or_none(getattr(paired, key)) for key in numbers}
            row |= {"wins": paired.wins, "n": paired.n}
            found.append({"a": a, "b": b, "metric": name} | row)
    return found


def _or_none(number: float) -> float | None:
    """A number as JSON can hold it."""
    return float(number) if math.isfinite(number) else None


def head_start(a: str, rows_a: Sequence[Row], b: str, rows_b: Sequence[Row]) -> dict[str, Any]:
    """Tell what the start of `a` is worth in steps of `b`, which differs in its start alone.

    At a checkpoint s, a's lowest loss so far is looked for in b's curve of the same photograph and
    restart: the head start is b's first step with a loss as low, less s, or less the last step
    before s that a's curve has. Where b never gets there it has no number and is counted as
    `never`. The median over photographs and restarts is told.
    """
    curves_b = {(row["photograph"], row["restart"]): row["curve"] for row in rows_b}
    found = []
    for step in CHECKPOINTS:
        ahead: list[float] = []
        for row in rows_a:
            other = curves_b.get((row["photograph"], row["restart"]), [])
            lowest = lowest_until(row["curve"], step)
            if other and lowest is not None:
                reached = first_as_low(other, lowest)
                last = max(int(at) - 1 for at, _ in row["curve"] if at - 1 <= step)
                ahead.append(math.inf if reached is None else reached - last)
        if ahead:
            never = sum(math.isinf(x) for x in ahead)
            middle = float(np.median(ahead))
            share = dict(never=never, n=len(ahead))
            found.append({"step": step, "ahead": _or_none(middle)} | share)
    return {"a": a, "b": b, "checkpoints": found}


def lowest_until(curve: Sequence[Sequence[float]], step: int) -> float | None:
    """Return the lowest loss after `step` steps; None where the curve does not reach so far.

    A curve's first point is the loss of the start, of which no step has been taken.
    """
    if not curve or curve[-1][0] - 1 < step:
        return None
    return min(loss for at, loss in curve if at - 1 <= step)


def first_as_low(curve: Sequence[Sequence[float]], loss: float) -> int | None:
    """Return after how many steps a curve is first as low as `loss`; None if never."""
    return next((int(at) - 1 for at, value in curve if value <= loss), None)


def of_photograph(study: Mapping[str, Any], recipe: str, metric: str) -> Values:
    """Return a recipe's numbers of the photographs that count, from what study.json holds."""
    rows = (
        row
        for row in study["runs"]
        if row["recipe"] == recipe and row["photograph"] in study["photographs"]
    )
    return values_of(rows, metric)


def read_study(path: str | Path) -> dict[str, Any] | None:
    """Read a study.json; None where there is none, or no photograph of it counts yet.

    Raises ValueError for a damaged one.
    """
    if not str(path) or not Path(path).is_file():
        return None
    try:
        study = read_json(Path(path))
        check_study(study)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no study.json, or a damaged one: {error}") from None
    return study if study["photographs"] else None


def part_of(study: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """Return the part of a study that is on these recipes alone, None where it lacks one.

    `place` is where a comparison stands among all.
    """
    if not set(names) <= study["recipes"].keys():
        return None
    recipes = {name: study["recipes"][name] for name in names}
    runs = [row for row in study["runs"] if row["recipe"] in recipes]
    pairs = {
        key: [
            one | {"place": place}
            for place, one in enumerate(study[key])
            if {one["a"], one["b"]} <= recipes.keys()
        ]
        for key in ("comparisons", "head_starts")
    }
    return {**study, "recipes": recipes, "runs": runs, **pairs, "missing": 0}

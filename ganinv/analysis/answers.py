"""What a study answers: of each pair of recipes, by which measures the first is better, or worse.

A measure is better, or worse, where the whole interval of its paired difference lies on that side,
over three photographs or more. A measure that one of the two alone minimizes says little of it:
it flatters, and is told apart. So is one whose interval holds 0 while a test over photographs, or
the sign test, would not have it so by chance: one photograph may lie far from the others.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganinv.analysis.statistics import Interval, compare, compare_restarts
from ganinv.analysis.study import of_photograph
from ganinv.losses.terms import loss_weights
from ganinv.measures.reconstruction import METRICS

Study = Mapping[str, Any]
FEWEST = 3  # photographs that decide
CHANCE = 0.05  # under which a test says that it was none
MEASURED = {  # by terms of losses, the measures that they are, or nearly
    "l2": "psnr",
    "l2_full": "psnr",
    "lpips_vgg": "lpips_vgg",
    "lpips_alex": "lpips_alex",
}
BETTER, WORSE, BOTH, OPEN = "better", "worse", "better and worse", "not decided"


@dataclass(frozen=True)
class Compared:
    """A measure of a pair: its comparison, where that stands in study.json, and how it came out.

    `sign` is 1 where the first is better, -1 where it is worse, 0 where that is not decided.
    """

    place: int
    one: Mapping[str, Any]
    sign: int

    @property
    def metric(self) -> str:
        """The measure's name."""
        return str(self.one["metric"])

    @property
    def is_disputed(self) -> bool:
        """Whether the interval decides nothing, and a test would."""
        tests = [p for p in (self.one["p"], self.one.get("sign_p")) if p is not None]
        many = self.one["n"] >= FEWEST
        return many and not self.sign and any(p < CHANCE for p in tests)


@dataclass(frozen=True)
class Answer:
    """A pair of recipes, by name, its measures, and those that one of the two alone minimizes."""

    a: str
    b: str
    measures: list[Compared] = field(default_factory=list)
    flattered: dict[str, list[str]] = field(default_factory=dict)  # measures, by recipe

    @property
    def word(self) -> str:
        """What came of it, by the measures that flatter none of the two."""
        flattering = {name for names in self.flattered.values() for name in names}
        signs = {one.sign for one in self.measures if one.metric not in flattering}
        if {1, -1} <= signs:
            return BOTH
        return BETTER if 1 in signs else WORSE if -1 in signs else OPEN


@dataclass(frozen=True)
class Farthest:
    """The photograph whose difference lies farthest from the others' median.

    `alone` says that without it the interval would leave out 0. `value` is a less b.
    """

    photograph: str
    value: float
    alone: bool


def answers(study: Study) -> list[Answer]:
    """List what a study found of each of its pairs, in their order."""
    found: dict[tuple[str, str], Answer] = {}
    for number, one in enumerate(study["comparisons"]):
        pair = one["a"], one["b"]
        if pair not in found:
            found[pair] = Answer(*pair, flattered=_flattered(study, *pair))
        found[pair].measures.append(Compared(one.get("place", number), one, _sign(one)))
    return list(found.values())


def _sign(one: Mapping[str, Any]) -> int:
    low, high = (math.nan if one[x] is None else one[x] for x in ("low", "high"))
    sign = Interval(one["difference"], low, high, one["n"]).sign if one["n"] >= FEWEST else 0
    return sign if METRICS[one["metric"]].higher else -sign


def _flattered(study: Study, a: str, b: str) -> dict[str, list[str]]:
    of_a, of_b = (minimized_by(study["recipes"][name]) for name in (a, b))
    alone = {a: of_a - of_b, b: of_b - of_a}
    return {name: [m for m in METRICS if m in of] for name, of in alone.items() if of}


def minimized_by(recipe: Mapping[str, Any]) -> set[str]:
    """The measures that a recipe minimizes, by its parameters; none where it takes no step.

    None either of what a study does not tell, or a damaged file has in its place.
    """
    params = recipe.get("params") or {}
    refined = params.get("refine", "none") != "none"
    losses = [params.get("loss") if params.get("steps", 1) else None]
    losses.append(params.get("refine_loss") if refined else None)
    terms = {term for loss in losses for term in _terms(loss)}
    if "lpips" in terms:
        terms.add(f"lpips_{params.get('lpips_net', 'vgg')}")
    return {MEASURED[term] for term in terms & MEASURED.keys()}


def _terms(loss: Any) -> Iterable[str]:
    """The terms of a loss that count; none of what a damaged file may have in its place."""
    return loss_weights(loss) if isinstance(loss, str | dict) else ()


def farthest(study: Study, a: str, b: str, metric: str) -> Farthest | None:
    """Find the photograph on which two recipes differ least like on the others; None of under 3."""
    of_a, of_b = (of_photograph(study, name, metric) for name in (a, b))
    each = {p: float(np.mean(of_a[p]) - np.mean(of_b[p])) for p in of_a if p in of_b}
    if len(each) < FEWEST:
        return None
    middle = float(np.median(list(each.values())))
    name = max(each, key=lambda photograph: abs(each[photograph] - middle))
    others = {p: values for p, values in of_a.items() if p != name}
    rest = compare(others, of_b, higher=METRICS[metric].higher)
    return Farthest(name, each[name], bool(rest.interval.sign))


def restarts_differ(study: Study, a: str, b: str, metric: str) -> float:
    """Return the p of a test whether restarts lie as far apart under both recipes; NaN of none."""
    return compare_restarts(*(of_photograph(study, name, metric) for name in (a, b)))


def split_machines(study: Study) -> dict[str, list[str]]:
    """Tell by recipe how it was run, where seconds do not compare; {} where they do.

    They do where every photograph was searched by all recipes on one machine, with as many threads,
    compiled alike. What a row does not tell is like what another does not tell.
    """
    by_photograph: dict[str, dict[str, set[str]]] = {}
    by_recipe: dict[str, set[str]] = {}
    for row in study["runs"]:
        if row["photograph"] in study["photographs"] and row["recipe"] in study["recipes"]:
            how = _describe_setup(row)
            here = by_photograph.setdefault(row["photograph"], {})
            here.setdefault(row["recipe"], set()).add(how)
            by_recipe.setdefault(row["recipe"], set()).add(how)
    if all(len({*map(frozenset, here.values())}) == 1 for here in by_photograph.values()):
        return {}
    return {name: sorted(by_recipe[name]) for name in study["recipes"] if name in by_recipe}


def _describe_setup(row: Mapping[str, Any]) -> str:
    """Name a row's machine, and what else decides how long it takes, as far as it is noted."""
    parts = [str(row["machine"])]
    if row.get("threads") is not None:
        parts.append(f"{row['threads']} thread{'' if row['threads'] == 1 else 's'}")
    if row.get("compile") is not None:
        parts.append("compiled" if row["compile"] == "on" else "not compiled")
    if row.get("precision") is not None:
        parts.append(str(row["precision"]))
    return ", ".join(parts)

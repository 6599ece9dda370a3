"""Trainings of small GANs side by side: how steady they were, and what they leave out.

Every objective is trained with several seeds. A claim that one is better than another is judged by
the differences of a figure, seed by seed: it holds where Student's interval for their mean lies on
the better side of 0, it fails where it lies on the other, and is not decided where it holds 0.

Unsteadiness is the spread of the logarithm of the generator's gradient norm, a setback the largest
rise of KID above the lowest before it; both over the second half of the steps, since before
everything moves. Samples that leave out part of the set are told by recall (see
`measures.distributions`) and by how many different training images are the nearest to one of them.

Precision and recall are shares of a number of images. From `LEAST` images on such a share can be
told from 0: a count of k has the standard error of its root, and k - 1.96 sqrt(k) is above 0 from
4 on. Where the mean over the seeds is below that for all that are compared, it decides nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganinv.analysis.statistics import Interval, mean_interval
from ganinv.analysis.trainings import Trained
from ganinv.analysis.verdicts import Verdict, listed
from ganinv.errors import ParamsError
from ganinv.files import write_json
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.paths import params_folder
from ganinv.training.gan.settings import GanParams

TWO_TIME_SCALES = 3  # D's rate by G's
SHARES = ("precision", "recall")
LEAST = 4  # images of a share that can be told from 0
SUMMARIZED = ("fid", "kid", "precision", "recall", "diversity")
Seeds = Sequence[Trained]  # trainings that differ in their seed alone
Figure = Callable[[Trained], float]


def plan(
    objectives: Iterable[str],
    spectral: Sequence[bool],
    seeds: Sequence[int],
    out: str | Path,
    changes: Mapping[str, Any],
) -> dict[str, list[GanParams]]:
    """Plan trainings for each objective and choice of spectral normalization: {name: one a seed}.

    Each has the rates of its file params/gan_*.yaml, and `changes`, but that those with a gradient
    penalty (WGAN-GP) alone take `critic_steps`; where these are one, D's rate is three times G's
    instead (two time scales, Heusel et al. 2017, arXiv 1706.08500, table 1). Raises ParamsError
    where nothing would be trained or measured, since then there is nothing to compare.
    """
    if not (changes["steps"] and changes["measure_count"] and seeds):
        raise ParamsError("a comparison needs seeds, and steps and measure_count above 0")
    changes = dict(changes)
    critic_steps = changes.pop("critic_steps")
    plans = {}
    for objective in objectives:
        row = OBJECTIVES[objective]
        file = params_folder() / row.params
        for normed in spectral:
            name = row.label + (" + SN" if normed else "")
            own = {"objective": objective, "spectral_norm": normed}
            params = GanParams.load(file, (), **{"log_every": 0} | changes | own)
            if row.penalized:
                params = params.model_copy(update={"critic_steps": critic_steps})
                if critic_steps == 1:
                    rate = TWO_TIME_SCALES * params.lr_generator
                    params = params.model_copy(update={"lr_discriminator": rate})
            plans[name] = [
                params.replace(seed=seed, out=f"{out}/{training_slug(name, seed)}")
                for seed in seeds
            ]
    return plans


def training_slug(name: str, seed: int) -> str:
    """Make the name of a training's folder, as "hinge_sn_0"."""
    return re.sub(r"\W+", "_", f"{name.lower()} {seed}")


# --- figures --------------------------------------------------------------------------------------


def over_seeds(trainings: Seeds, figure: Figure) -> Interval:
    """Average a figure over the seeds, with its interval."""
    return mean_interval(figure(t) for t in trainings)


def at_the_end(name: str) -> Figure:
    """Make the function that reads a measure of the last look."""
    return lambda trained: trained.last[name]


def least_share(trained: Trained) -> float:
    """Return the least precision or recall of a training that can be told from 0."""
    return LEAST / trained.measured


def can_be_told(trainings: Seeds, name: str) -> bool:
    """Tell whether a measure's mean over the seeds can be told from 0, as any but a share can."""
    if name not in SHARES:
        return True
    return over_seeds(trainings, at_the_end(name)).mean >= least_share(trainings[0])


def telling(groups: Iterable[Seeds], names: Iterable[str]) -> list[str]:
    """List the measures that can be told from 0 for one of the groups, at least."""
    groups = list(groups)
    return [name for name in names if any(can_be_told(group, name) for group in groups)]


def best_of(groups: Iterable[Seeds]) -> Seeds:
    """Return the trainings with the lowest mean FID."""
    return min(groups, key=lambda group: over_seeds(group, at_the_end("fid")).mean)


# --- verdicts -------------------------------------------------------------------------------------


def verdicts(groups: Sequence[Seeds]) -> list[Verdict]:
    """Judge all that the trainings allow: claims on WGAN-GP need it and another objective."""
    plain = {_objective(group) for group in groups if not _is_normed(group)}
    found = []
    if "wgan-gp" in plain and len(plain) > 1:
        found += [stability_verdict(groups), collapse_verdict(groups)]
    return [*found, spectral_verdict(groups)]


def stability_verdict(groups: Sequence[Seeds], objective: str = "wgan-gp") -> Verdict:
    """Judge «WGAN-GP trains more stably» against each other plain objective."""
    ours, others = _split(groups, objective)
    lower: list[Figure] = [lambda t: -t.unsteadiness, lambda t: -t.setback()]
    detail = "; ".join(
        f"{group[0].name}: {over_seeds(group, lambda t: t.unsteadiness).show(2)}, "
        f"{over_seeds(group, lambda t: 1000 * t.setback()).show(1)}"
        for group in (ours, *others)
    )
    return _judge(
        f"{ours[0].name}, with its own rates, trains more stably: its generator's gradient varies "
        "less and its KID falls back less than that of each other objective",
        [[_sign(ours, other, figure) for figure in lower] for other in others],
        f"unsteadiness, largest setback: {detail}",
    )


def collapse_verdict(groups: Sequence[Seeds], objective: str = "wgan-gp") -> Verdict:
    """Judge «WGAN-GP collapses less» against each other plain objective."""
    ours, others = _split(groups, objective)
    named: dict[str, Figure] = {"different nearest neighbours": lambda t: t.neighbours}
    if telling([ours, *others], ["recall"]):
        named = {"recall": at_the_end("recall")} | named
    detail = "; ".join(
        f"{group[0].name}: "
        + ", ".join(over_seeds(group, figure).show(2) for figure in named.values())
        for group in (ours, *others)
    )
    return _judge(
        f"{ours[0].name}, with its own rates, collapses less: more {' and more '.join(named)} "
        "than each other objective",
        [[_sign(ours, other, figure) for figure in named.values()] for other in others],
        f"{', '.join(named)}: {detail}",
    )


def spectral_verdict(groups: Sequence[Seeds]) -> Verdict:
    """Judge «spectral normalization lowers KID», objective by objective."""
    plain = {_objective(group): group for group in groups if not _is_normed(group)}
    pairs = [
        (plain[_objective(group)], group)
        for group in groups
        if _is_normed(group) and _objective(group) in plain
    ]

    def kid(trained):
        return 1000 * trained.last["kid"]

    detail = "; ".join(
        f"{a[0].name}: {over_seeds(a, kid).show(1)} → {over_seeds(b, kid).show(1)}"
        for a, b in pairs
    )
    return _judge(
        "spectral normalization, in place of batch or layer normalization of D, lowers KID",
        [[-_sign(b, a, kid)] for a, b in pairs],
        f"KID × 1000: {detail}",
    )


def _judge(claim, signs, detail):
    """The verdict of {1, 0, -1} for each figure of each objective: held where all are 1."""
    held = sum(all(sign > 0 for sign in row) for row in signs)
    failed = sum(any(sign < 0 for sign in row) for row in signs)
    undecided = len(signs) - held - failed
    return Verdict(claim, held, len(signs), detail, "objectives", undecided)


def _sign(ours, others, figure):
    """1 where ours is larger by the interval of the differences, seed by seed, -1 where smaller."""
    theirs = {t.params["seed"]: figure(t) for t in others}
    pairs = [(figure(t), theirs[t.params["seed"]]) for t in ours if t.params["seed"] in theirs]
    return mean_interval(a - b for a, b in pairs).sign


def _objective(group):
    return group[0].params["objective"]


def _is_normed(group):
    return group[0].params["spectral_norm"]


def _split(groups, objective):
    plain = [group for group in groups if not _is_normed(group)]
    ours = next(group for group in plain if _objective(group) == objective)
    return ours, [group for group in plain if group is not ours]


def write_summary(
    path: str | Path, groups: Sequence[Seeds], verdicts: Iterable[Verdict] = ()
) -> None:
    """Write trainings and verdicts as JSON, for the report and for tests.

    `last` are the measures of the last look: mean, interval, and the value of each seed. `best`
    names the trainings with the lowest mean FID, None where that was not measured.
    """
    found = {
        group[0].name: {
            "params": group[0].params,
            "seeds": [t.params["seed"] for t in group],
            "last": {n: _described(group, n) for n in SUMMARIZED if n in group[0].last},
            "trouble": [list(t.trouble) for t in group],
            "steps": [t.last["step"] for t in group],
            "seconds": [t.last["seconds"] for t in group],
        }
        for group in groups
    }
    best = best_of(groups)[0].name if all("fid" in g[0].last for g in groups) else None
    write_json(path, {"trainings": found, "best": best, "verdicts": listed(verdicts)})


def _described(group, name):
    interval = over_seeds(group, at_the_end(name))
    values = [t.last[name] for t in group]
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "values": values}

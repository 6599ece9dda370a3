"""Trainings of small GANs side by side: how steady they were, and what they leave out.

Every objective is trained with several seeds. A claim that one is better than another is judged by
the differences of a figure, seed by seed, and Student's interval for their mean (see `verdicts`).

Unsteadiness is the spread of the logarithm of the generator's gradient norm, a setback the largest
rise of KID above the lowest before it; both over the second half of the steps, since before
everything moves. Samples that leave out part of the set are told by recall (see
`measures.distributions`) and by how many different training images are the nearest to one of them.

Precision and recall are shares of a number of images. From `LEAST` images on such a share can be
told from 0: a count of k has the standard error of its root, and k - 1.96 sqrt(k) is above 0 from
4 on. Where the mean over the seeds is below that for all that are compared, it decides nothing.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.analysis.neighbours import Neighbours
from ganinv.analysis.statistics import Interval, mean_interval
from ganinv.analysis.trainings import Trained
from ganinv.analysis.verdicts import NOT_DECIDED, Comparison, Verdict, decide, listed, tell
from ganinv.errors import ParamsError
from ganinv.files import write_json
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.paths import params_folder
from ganinv.runs.environment import COMMAND, describe_machine
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
    """Judge all that the trainings allow: claims on WGAN-GP need it and another objective.

    Trainings are compared seed by seed, so that single ones decide nothing.
    """
    trainings = [t for group in groups for t in group]
    plain = {t.params["objective"] for t in trainings if not t.params["spectral_norm"]}
    found = []
    if "wgan-gp" in plain and len(plain) > 1:
        found += [stability_verdict(trainings), collapse_verdict(trainings)]
    return [*found, spectral_verdict(trainings)]


def stability_verdict(trainings: Sequence[Trained], objective: str = "wgan-gp") -> Verdict:
    """Judge «WGAN-GP trains more stably» against each other plain objective."""
    label = OBJECTIVES[objective].label
    return _judge(
        f"{label}, with its own rates, trains more stably: its generator's gradient varies "
        "less and its KID falls back less than that of each other objective",
        _rivals(trainings, objective),
        {
            "unsteadiness": (lambda t: t.unsteadiness, ".2f"),
            "largest setback × 1000": (lambda t: 1000 * t.setback(), ".1f"),
        },
        -1,
    )


def collapse_verdict(trainings: Sequence[Trained], objective: str = "wgan-gp") -> Verdict:
    """Judge «WGAN-GP collapses less» against each other plain objective.

    Recall has no say where it cannot be told from 0.
    """
    label = OBJECTIVES[objective].label
    figures: dict[str, tuple[Figure, str]] = {
        "recall": (at_the_end("recall"), ".2f"),
        "different nearest neighbours": (lambda t: t.neighbours, ".0%"),
    }
    plain = defaultdict(list)
    for t in trainings:
        if not t.params["spectral_norm"]:
            plain[t.name].append(t)
    if not telling(plain.values(), ["recall"]):
        del figures["recall"]
    told = " and the number of ".join(figures)
    return _judge(
        f"{label}, with its own rates, collapses less: {told} are at least those of each other "
        "objective",
        _rivals(trainings, objective),
        figures,
        1,
    )


def spectral_verdict(trainings: Sequence[Trained]) -> Verdict:
    """Judge «spectral normalization lowers KID», objective by objective."""
    plain = {_kind(t): t for t in trainings if not t.params["spectral_norm"]}
    pairs = [
        (t, plain[_kind(t)]) for t in trainings if t.params["spectral_norm"] and _kind(t) in plain
    ]
    claim = "spectral normalization, in place of batch or layer normalization of D, lowers KID"
    return _judge(claim, pairs, {"KID × 1000": (lambda t: 1000 * t.last["kid"], ".1f")}, -1)


def _kind(t):
    return t.params["objective"], t.params["seed"]


def _rivals(trainings, objective):
    """Each plain training of an objective with each other plain one of the same seed."""
    plain = [t for t in trainings if not t.params["spectral_norm"]]
    ours = [t for t in plain if t.params["objective"] == objective]
    others = [t for t in plain if t.params["objective"] != objective]
    return [(a, b) for a in ours for b in others if a.params["seed"] == b.params["seed"]]


def _judge(claim, pairs, figures, wanted):
    """A verdict on pairs of trainings, the first of which should lie on the `wanted` side.

    It holds for a pair where every figure does, {name: (how to read it, format)}, or is equal.
    Intervals are over the seeds of each pair of names.
    """
    if not pairs:
        return Verdict(claim, NOT_DECIDED, 0, 0, "Nothing was trained that could be compared.")
    changes = defaultdict(list)  # {(figure, name, other name): one number for each seed}
    held, comparisons = 0, []
    for a, b in pairs:
        found = {name: read(a) - read(b) for name, (read, _) in figures.items()}
        held += all(wanted * x >= 0 for x in found.values())
        for name, x in found.items():
            changes[name, a.name, b.name].append(x)
    for (name, first, second), values in changes.items():
        read, form = figures[name]
        ours, theirs = (
            float(np.mean([read(pair[side]) for pair in pairs if _names(pair) == (first, second)]))
            for side in (0, 1)
        )
        interval = mean_interval(values)
        detail = f"{name}, {second} → {first}: {theirs:{form}} → {ours:{form}}"
        if len(values) > 1:
            detail += f", change {tell(interval, f'+{form}')}"
        comparisons.append(Comparison(interval, wanted, detail))
    return decide(claim, held, len(pairs), comparisons, counted="pairs of trainings", over="seed")


def _names(pair):
    return tuple(t.name for t in pair)


def write_summary(
    path: str | Path,
    groups: Sequence[Seeds],
    verdicts: Iterable[Verdict] = (),
    *,
    neighbours: Neighbours | None = None,
    ring: Mapping[str, Sequence[int]] | None = None,
) -> None:
    """Write trainings and verdicts as JSON, for the report and for tests.

    `last` are the measures of the last look: mean, interval, and the value of each seed. `best`
    names the trainings with the lowest mean FID, None where that was not measured. `neighbours` are
    those of the samples of one training, where they were found; `ring` is {setting: the modes that
    each seed covered on the ring of Gaussians}.
    """
    found = {
        group[0].name: {
            "params": group[0].params,
            "seeds": [t.params["seed"] for t in group],
            "last": {n: _described(group, n) for n in SUMMARIZED if n in group[0].last},
            "trouble": [list(t.trouble) for t in group],
            "steps": [t.last["step"] for t in group],
            "seconds": [t.last["seconds"] for t in group],
            "environments": [_environment(t) for t in group],
        }
        for group in groups
    }
    best = best_of(groups)[0].name if all("fid" in g[0].last for g in groups) else None
    summary: dict[str, Any] = {
        "trainings": found,
        "best": best,
        "verdicts": listed(verdicts),
        "made": describe_machine("cpu"),
    }
    if neighbours:
        summary["neighbours"] = neighbours.summary()
    if ring:
        summary["modes covered"] = {name: list(modes) for name, modes in ring.items()}
    write_json(path, summary)


def _environment(trained):
    about = trained.card.get("environment", {})
    return {name: value for name, value in about.items() if name != COMMAND}


def _described(group, name):
    interval = over_seeds(group, at_the_end(name))
    values = [t.last[name] for t in group]
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "values": values}

"""Trainings of small GANs side by side: how steady they were, and what they leave out.

Unsteadiness is the spread of the logarithm of the generator's gradient norm, a setback the largest
rise of KID above the lowest before it; both over the second half of the steps, since before
everything moves. Samples that leave out part of the set are told by recall (see
`measures.distributions`) and by how many different training images are the nearest to one of them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv.analysis.statistics import mean_interval
from ganinv.analysis.verdicts import NOT_DECIDED, Comparison, Verdict, decide, listed, tell
from ganinv.errors import ParamsError
from ganinv.files import read_json, write_json
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import read_png
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.measures.distributions import nearest, set_features
from ganinv.paths import params_folder
from ganinv.seeds import image_rng
from ganinv.training.checkpoint import read_history
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.trouble import tell_trouble

TWO_TIME_SCALES = 3  # D's rate by G's
LATE = 0.5  # of the steps


class Trained:
    """A finished training: its folder, name, parameters, history and looks at its samples."""

    def __init__(self, folder: str | Path, name: str):
        self.folder, self.name = Path(folder), name
        self.card = read_json(self.folder / "card.json")
        self.params = self.card["params"]
        self.history = read_history(self.folder)
        self.steps = [row for row in self.history if "discriminator" in row]
        self.looks = [row for row in self.history if "spread" in row]
        self.trouble = tell_trouble(self.history, self.params["objective"])

    @property
    def last(self) -> dict[str, Any]:
        """The last look."""
        return self.looks[-1]

    def pictures(self) -> list[tuple[int, np.ndarray]]:
        """Read the grids of the same z, one per look: [(step, uint8 (H, W, 3))]."""
        paths = sorted((self.folder / "samples").glob("step_*.png"))
        return [(int(path.stem.removeprefix("step_")), read_png(path)) for path in paths]

    def unsteadiness(self) -> float:
        """Compute the spread of the logarithm of G's gradient norm, in the later steps."""
        norms = [row["generator_gradient"] for row in self.steps]
        late = np.asarray(norms[int(LATE * len(norms)) :], dtype=float)
        return float(np.log(np.maximum(late, 1e-12)).std()) if len(late) else float("nan")

    def setback(self) -> float:
        """Find the largest rise of KID above the lowest before it, at looks of the later steps."""
        looks = [row for row in self.looks if "kid" in row]
        late = [row["kid"] for row in looks if row["step"] >= LATE * looks[-1]["step"]]
        lowest = np.minimum.accumulate(late)
        return float((np.asarray(late) - lowest).max())


def plan(
    objectives: Iterable[str],
    spectral: Sequence[bool],
    out: str | Path,
    changes: Mapping[str, Any],
) -> dict[str, GanParams]:
    """Plan one training for each objective and choice of spectral normalization: {name: GanParams}.

    Each has the rates of its file params/gan_*.yaml, and `changes`, but that those with a gradient
    penalty (WGAN-GP) alone take `critic_steps`; where these are one, D's rate is three times G's
    instead (two time scales, Heusel et al. 2017, arXiv 1706.08500, table 1). Raises ParamsError
    where nothing would be trained or measured, since then there is nothing to compare.
    """
    if not (changes["steps"] and changes["measure_count"]):
        raise ParamsError("a comparison needs steps and measure_count above 0")
    changes = dict(changes)
    critic_steps = changes.pop("critic_steps")
    plans = {}
    for objective in objectives:
        row = OBJECTIVES[objective]
        file = params_folder() / row.params
        for normed in spectral:
            name = row.label + (" + SN" if normed else "")
            own = {"objective": objective, "spectral_norm": normed, "out": f"{out}/{_slug(name)}"}
            params = GanParams.load(file, (), **{"log_every": 0} | changes | own)
            if row.penalized:
                params = params.model_copy(update={"critic_steps": critic_steps})
                if critic_steps == 1:
                    rate = TWO_TIME_SCALES * params.lr_generator
                    params = params.model_copy(update={"lr_discriminator": rate})
            plans[name] = params
    return plans


def _slug(name):
    return re.sub(r"\W+", "_", name.lower())


def draw_samples(trained: Trained, count: int, device: str = "cpu") -> np.ndarray:
    """Draw `count` images of a trained generator with its seed: uint8 (N, S, S, 3)."""
    generator = load_generator(trained.folder / "generator.safetensors", device)
    rng = image_rng(trained.params["seed"], "samples")
    z = torch.randn(count, generator.z_dim, generator=rng).to(device)
    with torch.no_grad():
        images = torch.cat([generator.synthesis(generator.mapping(part)) for part in z.split(64)])
    return np.stack([to_uint8(image) for image in images])


def different_neighbours(
    samples: np.ndarray, known: Tensor, device: str = "cpu"
) -> tuple[float, Tensor]:
    """Count the different images that are the nearest to a sample, by the number of samples.

    The share lies in (0, 1]. Samples are uint8 (N, S, S, 3), `known` the features of the images,
    as `set_features` gives them. Also returns the index of each sample's nearest image.
    """
    index, _ = nearest(known, set_features(samples, device))
    return len(set(index.tolist())) / len(index), index


def verdicts(trainings: Sequence[Trained], spreads: Sequence[float]) -> list[Verdict]:
    """Judge all that the trainings allow: claims on WGAN-GP need it and another objective.

    Trainings are compared seed by seed, so that single ones decide nothing.
    """
    plain = {t.params["objective"] for t in trainings if not t.params["spectral_norm"]}
    found = []
    if "wgan-gp" in plain and len(plain) > 1:
        found += [stability_verdict(trainings), collapse_verdict(trainings, spreads)]
    return [*found, spectral_verdict(trainings)]


def stability_verdict(trainings: Sequence[Trained], objective: str = "wgan-gp") -> Verdict:
    """Judge «WGAN-GP trains more stably» against each other plain objective."""
    label = OBJECTIVES[objective].label
    return _judge(
        f"{label}, with its own rates, trains more stably: its generator's gradient varies "
        "less and its KID falls back less than that of each other objective",
        _rivals(trainings, objective),
        {
            "unsteadiness": (Trained.unsteadiness, ".2f"),
            "largest setback × 1000": (lambda t: 1000 * t.setback(), ".1f"),
        },
        -1,
    )


def collapse_verdict(
    trainings: Sequence[Trained], spreads: Sequence[float], objective: str = "wgan-gp"
) -> Verdict:
    """Judge «WGAN-GP collapses less» against each other plain objective."""
    label = OBJECTIVES[objective].label
    shares = {id(t): spread for t, spread in zip(trainings, spreads, strict=True)}
    return _judge(
        f"{label}, with its own rates, collapses less: recall and the number of different "
        "nearest neighbours are at least those of each other objective",
        _rivals(trainings, objective),
        {
            "recall": (lambda t: t.last["recall"], ".2f"),
            "different nearest neighbours": (lambda t: shares[id(t)], ".0%"),
        },
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
    path: str | Path, trainings: Iterable[Trained], verdicts: Iterable[Verdict] = ()
) -> None:
    """Write trainings and verdicts as JSON, for the report and for tests."""
    found = {
        t.name: {
            "params": t.params,
            "last": t.last,
            "trouble": t.trouble,
            "seconds": t.card["seconds"],
        }
        for t in trainings
    }
    write_json(path, {"trainings": found, "verdicts": listed(verdicts)})

"""What the code is good for: codes of several kinds, edited along the same directions.

Each photograph is inverted in several ways, from codes in W to refined ones, and each code is moved
along named directions. Beside what it reproduces is measured how far an edit moves its attribute,
how much the others move along, and how much of the person is lost: the trade-off between
distortion and editability of Tov et al. (2021, arXiv 2102.02766, section 3) and of In-Domain GAN
Inversion (Zhu et al. 2020, arXiv 2004.00049).
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from pydantic import Field, field_validator

from ganinv.analysis.beyond import refining
from ganinv.analysis.finished import Experiment, make_experiment
from ganinv.compute.device import resolve_device
from ganinv.compute.render import render_result
from ganinv.editing.attributes import ATTRIBUTES
from ganinv.editing.directions import Direction, directions, find_direction
from ganinv.editing.edits import Looked
from ganinv.editing.effects import TRUNCATION
from ganinv.editing.named import cards_of
from ganinv.errors import ParamsError
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.inversion.params import UNREFINED
from ganinv.runs.params import Params
from ganinv.runs.plan import prepare

MANY = 30  # drawn faces: the standard deviation of as many is known to 13 %
IN_DOMAIN = "indomain"  # the parameters of eq. 4, a file of params/
KEPT = (  # of the study's parameters, in its in-domain search too
    *("generator", "images", "align", "face", "encoder", "device", "compile", "precision", "seed"),
    *("log_every", "snapshot_every"),
)


class EditingParams(Params):
    """What the study takes: a run's parameters, those of its short codes, and its own."""

    directions: list[str] = Field(
        ["yaw", "smile", "mouth", "brightness", "eyes"],
        min_length=1,
        description="named directions, or others as `ganinv edit` takes them, such as pca:0",
    )
    strengths: list[float] = Field(
        [-2.0, -1.0, 0.0, 1.0, 2.0],
        description="of the edits, in standard deviations of W along the direction",
    )
    w_steps: int = Field(300, ge=0, description="steps of the search in W")
    long_steps: int = Field(600, ge=0, description="steps of the long codes")
    indomain_steps: int = Field(100, ge=0, description="steps of the in-domain search")
    draws: int = Field(
        50,
        ge=2,
        description="faces drawn for the attributes' standard deviations, where no file of named "
        "directions tells them",
    )

    @field_validator("strengths")
    @classmethod
    def _something_moves(cls, value: list[float]) -> list[float]:
        if not any(value) or not all(map(math.isfinite, value)):
            raise ValueError("give finite numbers, and one at least that is not 0")
        return value


def short_name(params: Params) -> str:
    """Return the name of the short codes, which the refined ones begin from."""
    return f"{params.space.upper()} short"


def long_name(params: Params) -> str:
    """Return the name of the long codes."""
    return f"{params.space.upper()} long"


def plan(params: EditingParams, generator: Generator) -> tuple[dict[str, Params], list[str]]:
    """Plan the study's runs below `params.out`: ({name: parameters}, what is not made, and why).

    Codes come first, from those that stay near W to those that leave it; what refines the short
    ones comes last. Raises ParamsError where the generator cannot have those.
    """
    short, codes = _plan_codes(params)
    runs, sentences = {}, []
    for name, planned in codes.items():
        try:
            prepare(planned, generator)
        except ParamsError as error:
            if planned is short:
                raise
            sentences.append(f"{name} is left out: {error}")
        else:
            runs[name] = planned
    offered = generator.feature_shapes()
    at = short.refine_resolution if short.refine_resolution in offered else max(offered)
    for kind in ("features", "weights"):
        changes = dict(init=short.out, refine_resolution=at, out=f"{params.out}/{kind}")
        runs[f"{short_name(params)} + {kind}"] = refining(_of_a_run(params), kind, **changes)
    return runs, sentences


def _of_a_run(params: EditingParams) -> Params:
    """The parameters of a run among the study's."""
    return Params.make(params.model_dump(include=set(Params.model_fields)))


def _plan_codes(params: EditingParams) -> tuple[Params, dict[str, Params]]:
    """The short codes' run, and all of codes by name."""
    values = _of_a_run(params).model_dump()
    values |= UNREFINED

    def run(folder: str, **changes: Any) -> Params:
        return Params.make(values | dict(out=f"{params.out}/{folder}") | changes)

    shared = {name: values[name] for name in KEPT}
    shared |= dict(steps=params.indomain_steps, space=params.space)
    short = run("short")
    codes = {
        "W": run("w", space="w", steps=params.w_steps),
        "Encoder": run("encoder", init="encoder", label=None, steps=0),
        "In-domain": Params.load(IN_DOMAIN, **shared, out=f"{params.out}/indomain"),
        short_name(params): short,
        long_name(params): run("long", steps=params.long_steps),
    }
    return short, codes


def make_all(params: EditingParams, *, fresh: bool = False) -> tuple[list[Experiment], list[str]]:
    """Run what is not finished yet of the study, and read it back: (runs, what is not made).

    Raises ParamsError as `plan` and `run_experiment` do.
    """
    runs, sentences = plan(params, load_generator(params.generator))
    made = [make_experiment(planned, name, fresh=fresh) for name, planned in runs.items()]
    return made, sentences


def load_for_study(params: Params) -> Generator:
    """Load the study's generator onto its device."""
    return load_generator(params.generator, resolve_device(params.device))


def choose_directions(
    generator: Generator, names: Sequence[str]
) -> tuple[list[Direction], list[str]]:
    """Find the directions of the study: (directions, sentences on those that are not there).

    Attributes that the generator has no named direction for are left out. Where none is left, the
    first principal components of W take their place. Raises ParamsError for a name that is none.
    """
    known = directions(generator)
    found, missing = [], []
    for name in names:
        if name in ATTRIBUTES and name not in known:
            missing.append(name)
        else:
            found.append(known[name] if name in known else find_direction(generator, name))
    named = generator.name or "this generator"
    sentences = []
    if missing:
        sentences.append(f"{named} has no named direction for {', '.join(missing)}.")
    if not found:
        found = [find_direction(generator, f"pca:{k}") for k in range(len(names))]
        sentences.append(
            "Principal components of W take their place; each counts by the attribute that it "
            "moves most."
        )
    return found, sentences


@torch.no_grad()
def attribute_deviations(
    generator: Generator, draws: int, seed: int = 0, look: type[Looked] = Looked
) -> tuple[dict[str, float], str]:
    """Return each attribute's standard deviation over the generator's faces, and whence it is.

    From the card of its named directions, or else measured on faces that are drawn; {} where these
    show no faces. `look` is called as `Looked`.
    """
    for path, card in cards_of(generator):
        if "deviations" in card:
            known = {n: float(x) for n, x in card["deviations"].items() if n in ATTRIBUTES and x}
            return known, f"over the {card.get('samples')} faces of {path.name}"
    rng = torch.Generator().manual_seed(seed)
    measured = []
    for _ in range(draws):
        image = render_result(generator, generator.draw(rng, TRUNCATION))
        attributes = look(image).measure(image)["attributes"]
        measured += [] if attributes is None else [attributes]
    if len(measured) < 2:
        return {}, f"{len(measured)} of {draws} drawn pictures show a face"
    names = measured[0]
    spread = {n: float(np.std([row[n] for row in measured], ddof=1)) for n in names}
    few = ", which is few" if len(measured) < MANY else ""
    return {n: x for n, x in spread.items() if x > 0}, f"over {len(measured)} drawn faces{few}"


def describe_deviations(deviations: dict[str, float], whence: str) -> str:
    """Say in a sentence what attributes are counted in."""
    if not deviations:
        return (
            f"Attributes cannot be measured: {whence}. What follows from them is left empty, and "
            "nothing is judged by it."
        )
    return f"Attributes are counted in their standard deviations, {whence}."


def list_sentences(sentences: Iterable[str]) -> str:
    """Join sentences as lines of Markdown, "" for none."""
    return "\n".join(f"- {text}" for text in sentences)

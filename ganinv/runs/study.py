"""A study: recipes x photographs x restarts, each an ordinary run, and a row of figures of each.

    OUT/RECIPE/RESTART/   the run of a recipe's restart, on all photographs

A restart moves the start by a share of w_std in a direction of its own. Photographs come in blocks,
so that a study that is cut short has all recipes on the first of them. Runs are resumed and shared
between processes as any run is; rows of an earlier study stand for runs that need not be there.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

from ganinv.compute.device import resolve_device
from ganinv.errors import ParamsError, shorten
from ganinv.files import read_json
from ganinv.generators.load import load_generator
from ganinv.inversion.search import REFINE
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.describe import describe_seconds
from ganinv.runs.environment import commit, describe_machine
from ganinv.runs.experiment import marks_of, run_experiment
from ganinv.runs.inputs import Photo, find_photos
from ganinv.runs.names import ENVIRONMENT
from ganinv.runs.params import Params
from ganinv.runs.plan import prepare, settings_key, settle, weights_used
from ganinv.runs.record_files import is_finished, read_record
from ganinv.runs.records import is_measured
from ganinv.runs.starts import starts_of
from ganinv.runs.study_params import Recipe, StudyParams, recipes_of

Row = dict[str, Any]
FINE = 50  # steps of which each has its loss in a row; of the later ones every fifth has
MARKS = ("image_sha256", "align", "face", "init_sha256")  # of a photograph, in its record
KEPT = ("seconds", "steps", "numerics", "settings", *MARKS)


@dataclass
class Plan:
    """The runs of a study, and the rows that are known: those of an earlier study, then its own."""

    study: StudyParams
    recipes: dict[str, Recipe]
    photos: list[Photo]
    keys: dict[tuple[str, int], str] = field(default_factory=dict)  # of the settings of each run
    weights: dict[str, dict[str, str]] = field(default_factory=dict)  # of each recipe, by name
    known: dict[tuple[str, int, str], Row] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # photographs, and why

    def runs(self) -> Iterator[tuple[Recipe, int, list[Photo]]]:
        """Go through all runs in their order, each with the photographs of a block."""
        size = self.study.block
        for first in range(0, len(self.photos), size):
            block = self.photos[first : first + size]
            for number in range(1, max(r.restarts for r in self.recipes.values()) + 1):
                for recipe in self.recipes.values():
                    if number <= recipe.restarts:
                        yield recipe, number, block

    def missing(self, recipe: Recipe, number: int, photos: Sequence[Photo]) -> list[Photo]:
        """List the photographs that have no row yet, and may get one."""
        return [
            photo
            for photo in photos
            if (recipe.name, number, photo.id) not in self.known and photo.id not in self.failed
        ]

    def rows(self) -> list[Row]:
        """List the rows by recipe, restart and photograph."""
        keys = (
            (recipe.name, number, photo.id)
            for recipe in self.recipes.values()
            for number in range(1, recipe.restarts + 1)
            for photo in self.photos
        )
        return [self.known[key] for key in keys if key in self.known]

    def seconds_left(self) -> float | None:
        """Estimate the seconds of what is missing, by what each recipe took; None while unknown."""
        taken: dict[str, list[float]] = {}
        for row in self.known.values():
            taken.setdefault(row["recipe"], []).append(row["seconds"])
        means = {name: sum(seconds) / len(seconds) for name, seconds in taken.items()}
        speeds = [means[name] / (self.recipes[name].params.all_steps or 1) for name in means]
        if not speeds:
            return None
        pace = sum(speeds) / len(speeds)  # seconds a step, for recipes that nothing is known of
        return sum(
            len(self.missing(recipe, number, block))
            * means.get(recipe.name, pace * recipe.params.all_steps)
            for recipe, number, block in self.runs()
        )


def plan_study(study: StudyParams, say: Callable[[str], None] = print) -> Plan:
    """Check a study, find its photographs, and take the rows that are there.

    They are those of the earlier studies that it names, and of its own runs on disk.

    Raises ParamsError for recipes or images that cannot be used, WeightsError for weights missing.
    """
    recipes = recipes_of(study)
    plan = Plan(study, recipes, find_photos(study.images, study.align))
    earlier = [row for path in study.kept for row in _read_kept(path, say)]
    for recipe in recipes.values():
        try:
            keys, plan.weights[recipe.name] = _keys(recipe, study)
            plan.keys |= keys
        except ParamsError as error:
            raise ParamsError(f"recipe {recipe.name}: {error}") from None
    photos = {photo.id: photo for photo in plan.photos}
    for row in earlier:
        recipe, number, photograph = place = (row["recipe"], row["restart"], row["photograph"])
        asked = photograph in photos and row["settings"] == plan.keys.get((recipe, number))
        if asked and _is_of(row, plan, recipes[recipe], photos[photograph]):
            plan.known[place] = row
    if plan.known:
        say(f"{len(plan.known)} results are taken from {', '.join(study.kept)}")
    for run in plan.runs():
        gather_rows(plan, *run)
    return plan


def _keys(recipe: Recipe, study: StudyParams) -> tuple[dict[tuple[str, int], str], dict[str, str]]:
    """The settings' keys of a recipe's restarts, by (recipe, number), and its weights' SHA-256."""
    params = recipe.restart(1, study)
    generator = _generator(params.generator, str(resolve_device(params.device)))
    settled = settle(params, generator)
    weights = weights_used(generator, prepare(settled, generator))
    keys = {
        (recipe.name, number): settings_key(settled.replace(seed=number), weights)
        for number in range(1, recipe.restarts + 1)
    }
    return keys, weights


_generator = functools.lru_cache(maxsize=1)(load_generator)


def _is_of(entry: Mapping[str, Any], plan: Plan, recipe: Recipe, photo: Photo) -> bool:
    """Whether an entry, or a row, is that of a photograph as it is now, and of its start."""
    marks = marks_of(recipe.params, starts_of(recipe.params, plan.photos), photo)
    return bool(marks) and all(entry.get(name) == marks.get(name) for name in MARKS)


def _read_kept(path: str, say: Callable[[str], None]) -> list[Row]:
    """The rows of an earlier study, those that are whole; none where its file is not there."""
    if not Path(path).is_file():
        say(f"notice: there is no {path} to take results from")
        return []
    try:
        rows = read_json(Path(path))["runs"]
        return [row for row in rows if is_row(row)]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ParamsError(f"kept: {path} is no study.json: {shorten(str(error))}") from None


def is_row(row: object) -> bool:
    """Tell whether something read from a study.json is a row, in all that is computed from it."""
    texts = ("recipe", "photograph", "settings", "image_sha256", "machine")
    return (
        isinstance(row, dict)
        and all(isinstance(row.get(name), str) for name in texts)
        and isinstance(row.get("commit"), (str, NoneType))
        and type(row.get("restart")) is int
        and isinstance(row.get("align"), bool)
        and all(is_measured(row.get(name)) for name in ("seconds", "steps"))
        and all(row.get(name) is None or is_measured(row[name]) for name in METRICS)
        and isinstance(row.get("curve"), list)
        and all(_is_point(point) for point in row["curve"])
    )


def _is_point(point: object) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(is_measured, point))


def run_study(
    study: StudyParams,
    *,
    say: Callable[[str], None] = print,
    run: Callable[..., Any] = run_experiment,
) -> Plan:
    """Do what is missing of a study, and return its plan with all rows.

    The same call again goes on. A photograph that fails in one recipe is left out of all, with its
    reason in the plan's `failed`. `run` is called as `run_experiment`.
    """
    plan = plan_study(study, say)
    for recipe, number, block in plan.runs():
        params = recipe.restart(number, study)
        gather_rows(plan, recipe, number, block)
        missing = plan.missing(recipe, number, block)
        if not missing:
            continue
        left = plan.seconds_left()
        more = "" if left is None else f", about {describe_seconds(left)} left"
        photos = ", ".join(photo.id for photo in missing)
        say(f"{recipe.title}, restart {number} of {recipe.restarts}: {photos}{more}")
        done = run(params, only={photo.id for photo in missing}, say=_whispered(say))
        plan.failed |= done.failed
        gather_rows(plan, recipe, number, missing)
    return plan


def _whispered(say: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on what a run says of trouble; its progress is the study's to tell."""

    def tell(text: str) -> None:
        if text.startswith(("warning", "notice")):
            say(text)

    return tell


def gather_rows(plan: Plan, recipe: Recipe, number: int, photos: Sequence[Photo]) -> None:
    """Take the rows of a restart's finished results, those under its settings, from its records."""
    folder = Path(recipe.restart(number, plan.study).out)
    key = plan.keys[recipe.name, number]
    for photo in plan.missing(recipe, number, photos):
        entry = read_record(folder, photo.id)
        if not is_finished(entry) or entry is None:
            continue
        if entry.get("settings") == key and _is_of(entry, plan, recipe, photo):
            place = (recipe.name, number, photo.id)
            if is_row(row := _row(place, entry, folder)):  # a record may be damaged
                plan.known[place] = row


def _row(place: tuple[str, int, str], entry: Mapping[str, Any], folder: Path) -> Row:
    """What is kept of a result: its figures, what it was made with, and how its loss fell."""
    recipe, restart, photograph = place
    made = _made_with(folder)
    row: Row = dict(recipe=recipe, restart=restart, photograph=photograph)
    row |= {name: entry.get(name) for name in (*METRICS, *KEPT)}
    return row | made | {"curve": _curve(folder / photograph / "history.json")}


def _made_with(folder: Path) -> dict[str, Any]:
    """What a run was made with, as it noted: commit, machine, threads, and how it computed."""
    try:
        noted = read_json(folder / ENVIRONMENT)
        made = {"commit": noted["commit"], "machine": str(noted["device_name"])}
        made |= {"threads": noted.get("threads")}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        made = {"commit": commit(), "machine": describe_machine("cpu")["device"]}
    with contextlib.suppress(ParamsError):
        params = Params.read(folder / "params.yaml")
        made |= {name: params.get(name) for name in ("compile", "precision")}
    return made


def _curve(path: Path) -> list[list[float]]:
    """[step, loss] of a search, at its first steps and every fifth after; [] where unknown."""
    try:
        history = [row for row in read_json(path) if row.get("phase") != REFINE]
        return [
            [row["step"], float(f"{row['loss']:.5g}")]
            for row in history
            if row["step"] <= FINE or row["step"] % 5 == 0
        ]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return []

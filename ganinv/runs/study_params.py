"""The parameters of a study, and its recipes: each a run's parameters under a name.

Nothing here imports torch, so that a wrong name is said at once.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from ganinv.compute.names import DEVICE, check_device
from ganinv.errors import ParamsError, shorten
from ganinv.params import PATH, Strict, find_params, placed_file
from ganinv.runs.params import Params

OWN = ("params", "title", "about", "restarts")  # what a recipe says beside parameters
STARTS_ALONE = {"init", "init_any", "label", "encoder"}  # by which recipes of a head start differ
LOOKS = {"out", "seed", "init_spread", "images", "keep", "log_every", "snapshot_every"}
BESIDE = ("study.json", "study.html", "summary.json", "notebooks")  # what lies beside the recipes


class StudyParams(Strict):
    """What a study takes."""

    title: str = Field(
        "Recipes, over many photographs",
        min_length=1,
        max_length=100,
        description="the heading of its page",
    )
    about: str = Field("", max_length=400, description="what it asks, said below the heading")
    images: list[str] = Field(
        ["samples"], min_length=1, json_schema_extra=PATH, description="as a run takes them"
    )
    align: bool = Field(True, description="as a run takes it")
    recipes: dict[str, dict[str, Any]] = Field(
        {
            "w-l2": {"params": "exp01", "title": "W, L2"},
            "w+-l2": {"params": "exp02", "title": "W+, L2"},
        },
        min_length=1,
        description="by name: params, a file of parameters or one of ours, any parameters beside "
        "it, title, about (what it is, in words), and restarts, where not as many as the study's",
    )
    pairs: list[list[str]] = Field(
        [], description="recipes to be compared, as [a, b]; without any, each with each before it"
    )
    head_starts: list[list[str]] = Field(
        [],
        description="recipes that differ in their start alone, as [a, b]: how many steps of b the "
        "start of a is worth",
    )
    restarts: int = Field(2, ge=1, description="of each recipe on each photograph")
    spread: float = Field(
        0.01,
        ge=0,
        allow_inf_nan=False,
        description="how far a restart moves the start, as a share of w_std",
    )
    block: int = Field(4, ge=1, description="photographs that all recipes do before the next")
    kept: list[str] = Field(
        [],
        json_schema_extra=PATH,
        description="study.json of an earlier study, or of several: what they hold under the same "
        "settings, of the same photographs, is not done again",
    )
    device: str = Field("auto", json_schema_extra=DEVICE, description="as a run takes it")
    out: str = Field(
        "runs/study", json_schema_extra=PATH, description="the folder for runs and results"
    )

    _device_is_one = field_validator("device")(check_device)

    @field_validator("kept", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value or []

    @field_validator("recipes")
    @classmethod
    def _names_are_folders(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, given in value.items():
            if name.lower() in BESIDE:
                raise ValueError(f"{name} is the name of what a study writes; give another")
            if not re.fullmatch(r"\w[\w.+-]{0,60}", name):
                shown = shorten(repr(name))
                raise ValueError(f"{shown} names a folder: give letters, digits, and . + - _")
            count = given.get("restarts", 1)
            if type(count) is not int or count < 1:
                raise ValueError(f"{name}: restarts must be 1 or more; got {shorten(repr(count))}")
        if len({name.lower() for name in value}) < len(value):
            raise ValueError("two names differ in case alone, which folders may not; give others")
        return value

    @model_validator(mode="after")
    def _pairs_are_of_recipes(self) -> "StudyParams":
        for name, pairs in (("pairs", self.pairs), ("head_starts", self.head_starts)):
            for pair in pairs:
                if len({*pair}) != 2 or len(pair) != 2 or not set(pair) <= self.recipes.keys():
                    known = ", ".join(self.recipes)
                    shown = shorten(repr(pair))
                    raise ValueError(f"{name}: {shown} are not two of the recipes {known}")
        return self

    @classmethod
    def read(cls, path: str | Path) -> dict[str, Any]:
        """Read a file's values as any parameters, with the paths of its recipes from its folder."""
        values = super().read(path)
        recipes = values.get("recipes")
        if isinstance(recipes, dict):
            folder = find_params(path).parent
            placed = {name: _placed(given, folder) for name, given in recipes.items()}
            values["recipes"] = placed
        return values


def _placed(given: Any, folder: Path) -> Any:
    """A recipe of a file in `folder`, with its paths seen from here."""
    if not isinstance(given, dict):
        return given
    placed = Params.placed({key: x for key, x in given.items() if key not in OWN}, folder)
    own = {key: given[key] for key in OWN if key in given}
    if "params" in own:
        own["params"] = placed_file(own["params"], folder)
    return own | placed


@dataclass(frozen=True)
class Recipe:
    """A recipe of a study: its name, what people call it, and how often it is restarted.

    `about` says what it is in words, "" where its parameters are all that tells it.
    """

    name: str
    title: str
    params: Params
    restarts: int
    about: str = ""

    def restart(self, number: int, study: StudyParams) -> Params:
        """Return the parameters of a restart, counted from 1."""
        return self.params.replace(
            seed=number, init_spread=study.spread, out=f"{study.out}/{self.name}/{number}"
        )


def recipes_of(study: StudyParams) -> dict[str, Recipe]:
    """Read a study's recipes, by name. Raises ParamsError, which names the recipe."""
    shared = dict(images=study.images, align=study.align, face="largest", device=study.device)
    shared |= dict(log_every=0, snapshot_every=0)
    found = {}
    for name, given in study.recipes.items():
        own = {key: given[key] for key in OWN if given.get(key) is not None}
        values = {key: value for key, value in given.items() if key not in OWN}
        try:
            if taken := values.keys() & (shared.keys() | {"seed", "init_spread", "out"}):
                raise ParamsError(f"{', '.join(sorted(taken))}: the study's, not a recipe's")
            if not all(isinstance(own.get(key, ""), str) for key in ("params", "title", "about")):
                raise ParamsError("params, title and about are texts; put them in quotes")
            read = Params.read(own["params"]) if "params" in own else {}
            params = Params.make(read | values | shared)
        except ParamsError as error:
            raise ParamsError(f"recipe {name}: {error}") from None
        title, count = own.get("title") or name, own.get("restarts", study.restarts)
        drawn = study.spread or params.init == "random" or params.noise_injection
        if count > 1 and not drawn and not params.refine_locality:
            raise ParamsError(
                f"recipe {name}: with spread: 0 its {count} restarts would be one search, done "
                f"{count} times; set restarts: 1, or a spread above 0"
            )
        found[name] = Recipe(name, title, params, count, own.get("about", ""))
    titles = [recipe.title for recipe in found.values()]
    if twice := sorted({title for title in titles if titles.count(title) > 1}):
        raise ParamsError(f"recipes: {shorten(repr(twice[0]))} is the title of two; give others")
    for a, b in study.head_starts:
        _check_start_differs(found[a], found[b])
    return found


def _check_start_differs(a: Recipe, b: Recipe) -> None:
    """Raise ParamsError for recipes whose losses cannot be told against each other's steps."""
    one, other = a.params.model_dump(), b.params.model_dump()
    differs = [x for x in one if one[x] != other[x] and x not in STARTS_ALONE | LOOKS]
    if differs:
        raise ParamsError(
            f"head_starts: {a.name} and {b.name} differ in {', '.join(differs)} too, but are to "
            "differ in their start alone; compare them under pairs"
        )

"""What a study.json has to hold, to be shown and to judge.

A file may be old, cut off, or written by hand. So all that is read from it is checked here, at
once, and what shows or judges a study need not ask again.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganinv.errors import shorten
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.records import LARGEST
from ganinv.runs.study import is_row

Number = Annotated[float, Field(allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Bounds = Annotated[list[Number | None], Field(min_length=2, max_length=2)]
Count = Annotated[int, Field(ge=0, le=2**31)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Recipe(_Part):
    title: str
    about: str = ""
    what: str = ""
    params: dict[str, Any] | None = None
    weights: dict[str, str] = {}
    steps: Count
    restarts: Count
    mean: dict[str, Number]
    interval: dict[str, Bounds]
    spread: dict[str, dict[str, Number | None]]


class _Comparison(_Part):
    a: str
    b: str
    metric: str
    difference: Number
    low: Number | None
    high: Number | None
    p: Number | None
    sign_p: Number | None = None
    wins: Count
    n: Count


class _Checkpoint(_Part):
    step: Count
    ahead: Number | None
    never: Count
    n: Count


class _HeadStart(_Part):
    a: str
    b: str
    checkpoints: list[_Checkpoint]


class _Study(_Part):
    title: str = ""
    about: str = ""
    photographs: list[str]
    spread: Number
    recipes: dict[str, _Recipe]
    comparisons: list[_Comparison]
    head_starts: list[_HeadStart]
    failed: dict[str, str]
    missing: Count
    numerics: Count
    machines: list[str]
    runs: list[dict[str, Any]]


def check_study(study: object) -> None:
    """Raise ValueError, which names the place, for what is no study.json, or a damaged one."""
    try:
        found = _Study.model_validate(study)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "all of it"
        raise ValueError(shorten(f"{place}: {fault['msg']}", 200)) from None
    for name, recipe in found.recipes.items():
        if lacking := recipe.mean.keys() - recipe.interval.keys():
            raise ValueError(f"recipes.{shorten(name)}.interval: lacks {', '.join(lacking)}")
    pairs = [{one.a, one.b} for one in found.comparisons]
    pairs += [{one.a, one.b} for one in found.head_starts]
    if not all(pair <= found.recipes.keys() for pair in pairs):
        raise ValueError("a comparison, or a head start, is of a recipe that it does not have")
    if not all(one.metric in METRICS for one in found.comparisons):
        raise ValueError("a comparison is in a metric that there is not")
    if not all(map(is_row, found.runs)):
        raise ValueError("runs: a row is not whole")

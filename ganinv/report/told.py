"""Texts that say which figures of which JSON files they show.

A `Told` is a text, the form that makes it, and pointers (RFC 6901, in a URI's fragment) to what
fills the form. `html.table` and others write both into the page, as `data-as` and `data-from`, and
`published` fills the form again from the files beside the page. READMEs are held to their figures
by the same forms.

A form is a text with a field for each pointer, `{SPEC}`: Python's format specification, with

    0.001*.1f   a factor before it         .2f|∞    what null is shown as, – where not said
    Aa          the first letter capital   words    a number in words, up to twenty
    Words       the same as a beginning    text     as it is, several words

A list, or an object, counts its members. "A / B" is the quotient of two pointers, "A - B" their
difference, and "A & B" the mean of two or more, which is taken first. A pointer without a file's
name is into the page's own file: exp03.json of exp03.html.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ganinv.files import read_json
from ganinv.measures.reconstruction import METRICS

ABSENT = "–"  # in place of a number that there is not
FIELD = re.compile(r"\{([^{}]*)\}")
UNITS = "none one two three four five six seven eight nine ten eleven twelve"
TEENS = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
WORDS = f"{UNITS} {TEENS}".split()
COMPUTED: dict[str, Callable[[list[Any]], Any]] = {
    " / ": lambda values: operator.truediv(*values),
    " - ": lambda values: operator.sub(*values),
    " & ": lambda values: sum(values) / len(values),
}
OWN = {"index.html": "comparison.json", "gan/index.html": "gan/gan_objectives.json"}
SUMMARIES = ("exp01", "exp02", "exp03", "exp04")  # runs whose summary lies beside the pages
EVIDENCE = ("beyond", "editing")  # pages that are judged over more photographs than the report has


class Told(str):
    """A text that the figures at `sources` make when they fill `form`."""

    form: str
    sources: tuple[str, ...]


def told(form: str, *figures: tuple[str, Any]) -> Told:
    """Fill a form with figures, (pointer, value) each, and keep where they come from."""
    text = Told(fill(form, [value for _, value in figures]))
    text.form, text.sources = form, tuple(pointer for pointer, _ in figures)
    return text


def told_interval(
    mean: tuple[str, float], bounds: Iterable[tuple[str, float | None]], spec: str
) -> Told:
    """Write a mean and its interval, (pointer, value) each, as `Interval.show` does."""
    bounds = list(bounds)
    if any(value is None or math.isnan(value) for _, value in bounds):
        return told(f"{{{spec}}}", mean)
    return told(f"{{{spec}}} ({{{spec}}} to {{{spec}}})", mean, *bounds)


def at(file: str, *keys: object) -> str:
    """Write a pointer into a JSON file: `exp03.json#/metrics/mean/psnr`; file "" is the own one."""
    steps = (str(key).replace("~", "~0").replace("/", "~1") for key in keys)
    return file + "#" + "".join("/" + quote(step, safe="~+,=()") for step in steps)


def form_of(name: str, unit: bool = False) -> str:
    """The form that shows a metric, as its `show` does."""
    metric = METRICS[name]
    behind = f" {metric.unit}" if unit and metric.unit else ""
    return f"{{.{metric.digits}f|{metric.show(None)}}}{behind}"


def fill(form: str, values: Iterable[Any]) -> str:
    """Fill a form. Raises ValueError where the values are too few, too many or of another kind."""
    left = list(values)

    def take(field: re.Match) -> str:
        if not left:
            raise ValueError(f"“{form}” has more fields than figures")
        return _show(field[1].removeprefix(":"), left.pop(0))

    text = FIELD.sub(take, form)
    if left:
        raise ValueError(f"“{form}” has fewer fields than figures")
    return text


def _show(spec, value):
    spec, _, absent = spec.partition("|")
    factor, star, rest = spec.partition("*")
    value = len(value) if isinstance(value, list | dict) else value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return absent or ABSENT
    if spec == "text":
        return str(value)
    if spec == "Aa":
        return str(value).capitalize()
    try:
        if spec.lower() == "words":
            count = operator.index(value)
            text = WORDS[count] if 0 <= count < len(WORDS) else str(count)
            return text.capitalize() if spec == "Words" else text
        return format(float(factor) * value if star else value, rest if star else spec)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{json.dumps(value)} cannot be shown as {spec}: {error}") from None


def own_file(page: str) -> str:
    """Name the JSON file of a page, both as seen from the folder of the report."""
    return OWN.get(page, page.removesuffix(".html") + ".json")


def reader(folder: Path, page: str = "") -> Callable[[str], Any]:
    """Return what looks pointers up, seen from a page of `folder` ("" for the folder itself).

    It raises ValueError, in a sentence, for a file that is not there, a pointer to nothing, and
    figures that cannot be divided or averaged.
    """
    files: dict[Path, Any] = {}

    def look_up(pointer: str) -> Any:
        for sign, compute in COMPUTED.items():
            if sign in pointer:
                values = [look_up(part) for part in pointer.split(sign)]
                try:
                    return compute(values)
                except (TypeError, ValueError, ZeroDivisionError) as error:
                    raise ValueError(f"{pointer} cannot be computed: {error}") from None
        name, _, fragment = pointer.partition("#")
        beside = (folder / page).parent if page else folder
        path = beside / name if name else folder / own_file(page)
        if path not in files:
            try:
                files[path] = read_json(path)
            except (OSError, ValueError) as error:
                reason = "is not there" if isinstance(error, FileNotFoundError) else str(error)
                raise ValueError(f"{name or path.name} {reason}") from None
        return follow(files[path], fragment, name or path.name)

    return look_up


def follow(found: Any, fragment: str, name: str) -> Any:
    """Follow the steps of a pointer. Raises ValueError where they lead to nothing."""
    for step in fragment.split("/")[1:]:
        key = unquote(step).replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (LookupError, TypeError, ValueError):
            raise ValueError(f"{name} holds nothing at #{fragment}") from None
    return found

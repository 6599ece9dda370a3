"""ganinv params: every parameter with its default, range and text; the presets."""

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from ganinv.cli.shared import tell
from ganinv.core_yaml import dump_value, read_yaml
from ganinv.errors import ParamsError, printable
from ganinv.params import Strict, find_params, is_list, our_files, unknown_name, words_of
from ganinv.runs.params import Params
from ganinv.runs.study_params import StudyParams
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.gan.settings import GanParams

MODELS: dict[str, type[Strict]] = {
    "invert": Params,
    "train-encoder": EncoderParams,
    "train-gan": GanParams,
    "study": StudyParams,
}
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
UNIONS = (Union, UnionType)


def complete_name(incomplete: str) -> list[str]:
    """Complete the name of a parameter."""
    return [name for name in Params.model_fields if name.startswith(incomplete)]


def params(
    name: Annotated[
        str | None, typer.Argument(help="one parameter; else all", autocompletion=complete_name)
    ] = None,
    of: Annotated[
        Literal["invert", "train-encoder", "train-gan", "study"], typer.Option(help="the command")
    ] = "invert",
    presets: Annotated[
        bool, typer.Option("--presets", help="list our parameter files, which --params takes")
    ] = False,
) -> None:
    """List the parameters of a command, which --set and YAML files take, or the presets."""
    if presets:
        for stem, path in our_files().items():
            tell(f"{stem}  (for {_command(path)})\n    {first_comment(path)}")
        return
    model = MODELS[of]
    if name is None:
        for each, field in model.model_fields.items():
            tell(_describe(each, field))
        return
    if name in MODELS:
        raise ParamsError(f"{name} is a command; ganinv params --of {name} lists its parameters")
    for command in dict.fromkeys([of, *MODELS]):
        fields = MODELS[command].model_fields
        known = next((x for x in fields if x.lower() == name.lower()), None)
        if known:
            where = "" if command == of else f"(of {command})\n"
            tell(where + _describe(known, fields[known]))
            return
    raise ParamsError(_about_file(name) or unknown_name(name, model.model_fields, "parameter"))


def _about_file(name: str) -> str:
    """What to say where a parameter is named like a file of parameters, "" where none is."""
    try:
        path = find_params(name)
    except ParamsError:
        return ""
    if not path.is_file():
        return ""
    shown = printable(name)
    return (
        f"{shown} is no parameter but a file of them: its values are in {printable(path)}, "
        f"--params {shown} takes them, and ganinv params --presets lists such files"
    )


def _command(path: Path) -> str:
    """The command whose parameters a file names; some are a notebook's."""
    names = read_yaml(path).keys()
    takers = (command for command, model in MODELS.items() if names <= model.model_fields.keys())
    return next(takers, "a notebook")


def _describe(name: str, field: FieldInfo) -> str:
    default = "(no default)" if field.is_required() else _write(field.default)
    return f"{name}: {default}\n    {describe_range(field)}\n    {field.description}"


def _write(value: Any) -> str:
    """A value as --set and a YAML file take it, in a line."""
    if isinstance(value, float):
        return f"{value:g}"
    return dump_value(value)


def first_comment(path: Path) -> str:
    """Return the first sentence of the comment that a parameter file begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    text = " ".join(line.lstrip("# ").strip() for line in comment)
    return re.split(r"(?<=[\w)])\. (?=[A-Z])", text, maxsplit=1)[0].rstrip(".") + "."


def describe_range(field: FieldInfo) -> str:
    """Say in one phrase what a parameter may be: its words, kinds of values, and their bounds."""
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    kinds = get_args(field.annotation) if get_origin(field.annotation) in UNIONS else ()
    kinds = kinds or (field.annotation,)
    words = [str(word) for word in words_of(field)] + ["null"] * (type(None) in kinds)
    others = [text for text in _kinds(field, kinds, extra) if text]
    if not others:
        return f"one of {', '.join(words)}"
    bounds = [text for item in field.metadata for text in _bounds(item)]
    return ", ".join([_either([*words, *others]), *bounds])


def _kinds(field: FieldInfo, kinds: Iterable[Any], extra: Mapping[str, Any]) -> list[str]:
    """The kinds of values that a parameter takes, its words aside."""
    if "also" in extra:
        return [str(extra["also"])]
    if is_list(field):
        return ["a list of names and paths" if extra.get("path") else _list(kinds)]
    found: dict[Any, str] = {dict: "{name: weight, …}" if extra.get("names") else "a mapping"}
    if extra.get("path"):
        found[str] = "a path" if extra.get("names") else "a name or a path"
    elif extra.get("names"):
        found[str] = ""  # the words are all
    found = {**KINDS, **found}
    return [found.get(get_origin(kind) or kind, "") for kind in kinds]


def _list(kinds: Iterable[Any]) -> str:
    lists = [kind for kind in kinds if get_origin(kind) is list]
    return "a list of lists" if get_origin(get_args(lists[0])[0]) is list else "a list"


def _either(options: list[str]) -> str:
    """Options in words: a, b, or c."""
    flat = " or ".join(options).split(" or ")
    if len(flat) < 3:
        return " or ".join(flat)
    return f"{', '.join(flat[:-1])}, or {flat[-1]}"


def _bounds(item: Any) -> list[str]:
    words = {"ge": "{} or more", "gt": "above {}", "le": "{} or less", "lt": "below {}"}
    found = [(text, getattr(item, key, None)) for key, text in words.items()]
    return [
        text.format(value if isinstance(value, int) else f"{value:g}")
        for text, value in found
        if value is not None
    ]

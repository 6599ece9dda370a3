"""ganinv params: every parameter with its default, range and text; the presets."""

import itertools
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from ganinv.cli.shared import tell
from ganinv.core_yaml import dump_yaml, read_yaml
from ganinv.errors import ParamsError
from ganinv.params import Strict, is_list, our_files, unknown_name
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
    for command in dict.fromkeys([of, *MODELS]):
        fields = MODELS[command].model_fields
        known = next((x for x in fields if x.lower() == name.lower()), None)
        if known:
            where = "" if command == of else f"(of {command})\n"
            tell(where + _describe(known, fields[known]))
            return
    raise ParamsError(unknown_name(name, MODELS[of].model_fields, "parameter"))


def _command(path: Path) -> str:
    """The command whose parameters a file names; some are a notebook's."""
    names = read_yaml(path).keys()
    takers = (command for command, model in MODELS.items() if names <= model.model_fields.keys())
    return next(takers, "a notebook")


def _describe(name: str, field: FieldInfo) -> str:
    default = "(no default)" if field.is_required() else _write(field.default)
    return f"{name}: {default}\n    {describe_range(field)}\n    {field.description}"


def _write(value: Any) -> str:
    """A value as YAML has it, in a line."""
    if isinstance(value, float):
        return f"{value:g}"
    return dump_yaml({"x": value}).partition(":")[2].strip().replace("\n", " ")


def first_comment(path: Path) -> str:
    """Return the first sentence of the comment that a parameter file begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = itertools.takewhile(lambda line: line.startswith("#"), lines)
    text = " ".join(line.lstrip("# ").strip() for line in comment)
    return re.split(r"(?<=[\w)])\. (?=[A-Z])", text, maxsplit=1)[0].rstrip(".") + "."


def describe_range(field: FieldInfo) -> str:
    """Say what a parameter may be: its words, or a kind of number and its bounds."""
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(get_args(field.annotation))
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    names = extra.get("names")
    kinds = [k for k in (get_args(field.annotation) or (field.annotation,)) if k is not type(None)]
    if names:
        also = ", or a path" if extra.get("path") else ""
        also += ", or {name: weight, …}" if any(get_origin(k) is dict for k in kinds) else ""
        return "one of " + ", ".join(map(str, names)) + also  # type: ignore[arg-type]
    if is_list(field):
        return "a list of names and paths" if extra.get("path") else "a list"
    if get_origin(field.annotation) is dict:
        return "a mapping"
    if extra.get("path"):
        return "a name or a path"
    bounds = [text for item in field.metadata for text in _bounds(item)]
    return ", ".join([" or ".join(map(_kind, kinds)), *bounds])


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(get_args(kind))
    return KINDS.get(kind, "text")


def _bounds(item: Any) -> list[str]:
    words = {"ge": "{} or more", "gt": "above {}", "le": "{} or less", "lt": "below {}"}
    found = [(text, getattr(item, key, None)) for key, text in words.items()]
    return [text.format(f"{value:g}") for text, value in found if value is not None]

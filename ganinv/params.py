"""Typed parameters: the same flat names in YAML, in a notebook's parameters cell and in `--set`.

YAML is read by its 1.2 core rules, because under 1.1 (PyYAML's default) `on` is a boolean and
`1e-3` is a string. A name that does not exist, a value of the wrong type and a key given twice
are errors before anything runs. Every set of parameters is a subclass of `Strict`, beside the code
that it belongs to; nothing here or there imports torch, so that a wrong value is told at once.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from ganinv.errors import ParamsError

DEVICES = r"^(auto|cpu|cuda(:\d+)?)$"


class Strict(BaseModel):
    """The base of every set of parameters: frozen, typed strictly, unknown names refused.

    A field's description is its documentation, in help texts and in the report.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _whole_numbers_are_floats(cls, value: Any, info: Any) -> Any:
        kind = cls.model_fields[info.field_name].annotation
        return float(value) if kind is float and type(value) is int else value

    @classmethod
    def make(cls, values: Mapping[str, Any]) -> Self:
        """Build from a dict. Raises ParamsError, with a line for each fault."""
        try:
            return cls(**{str(name): value for name, value in values.items()})
        except ValidationError as error:
            raise ParamsError("\n".join(_explain(e, cls) for e in error.errors())) from None

    @classmethod
    def load(
        cls, path: str | Path | None = None, overrides: Iterable[str] | None = None, **changes: Any
    ) -> Self:
        """Build from a YAML file (or none), then `key=value` strings, then keyword changes.

        Raises ParamsError for a file that cannot be read, an unknown name or a wrong type.
        """
        values = read_yaml(path) if path is not None else {}
        for item in overrides or ():
            key, sep, text = item.partition("=")
            if not sep:
                raise ParamsError(f"--set takes key=value; got {item!r}")
            values[key.strip()] = parse_yaml(text, f"--set {item}")
        return cls.make(values | changes)

    @classmethod
    def collect(
        cls,
        namespace: Mapping[str, Any],
        path: str | Path | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Self:
        """Build from a notebook's globals: the parameters among its names, over those of a file.

        `more` are parameters that its cell does not name. Raises ParamsError as `load` does, and
        for a name that is nearly a parameter's.
        """
        named = {name: namespace[name] for name in cls.model_fields if name in namespace}
        for name, value in namespace.items():
            plain = isinstance(value, (str, int, float, list, dict))
            if plain and name not in named and _near(name, cls.model_fields):
                raise ParamsError(unknown_name(name, cls.model_fields, "parameter"))
        return cls.load(path, **named | dict(more or {}))

    def replace(self, **changes: Any) -> Self:
        """Return a checked copy with some parameters changed; itself where nothing changes."""
        return self.make(self.model_dump() | changes) if changes else self


def _explain(error, model):
    name = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return unknown_name(name, model.model_fields, "parameter")
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:  # about several parameters at once
        return message
    return f"{name}: {message} (got {error['input']!r})"


def _near(name: str, known: Iterable[str]) -> bool:
    return not name.startswith("_") and bool(difflib.get_close_matches(name, known, 1, cutoff=0.8))


def unknown_name(name: str, known: Iterable[str], what: str) -> str:
    """Return the sentence for a name that does not exist, with the nearest that do."""
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    return f"no {what} named {name!r}; {hint}"


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping from a file. Raises ParamsError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"cannot read the parameters {path}: {error}") from None
    values = parse_yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: expected lines of `name: value`")
    return values


def parse_yaml(text: str, where: str) -> Any:
    """Read YAML by its 1.2 core rules. Raises ParamsError, which names `where`."""
    try:
        return yaml.load(text, _CoreLoader)
    except yaml.YAMLError as error:
        raise ParamsError(f"{where}: not valid YAML: {error}") from None


def dump_yaml(values: Mapping[str, Any]) -> str:
    """Write a mapping so that `read_yaml` gives it back."""
    return yaml.dump(values, Dumper=_CoreDumper, sort_keys=False, allow_unicode=True)


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2 core scalars, and no key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key!r} is given twice{node.start_mark}")
        return super().construct_mapping(node, deep)


class _CoreDumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 readers would take for something else."""


_CORE = {  # what plain scalars are, after YAML 1.2, chapter 10.3
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
_CoreLoader.yaml_implicit_resolvers = {}
for _kind, (_pattern, _first) in _CORE.items():
    for _yaml in (_CoreLoader, _CoreDumper):
        _yaml.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}",
            re.compile(rf"^(?:{_pattern})$"),
            [c.strip("\0") for c in _first],
        )


def _int(loader, node):
    return int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))


def _text(dumper, value):
    # PyYAML writes these bare, and reads them as ends of lines
    style = '"' if any(c in value for c in "\x85\u2028\u2029\ufeff") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _int)


_CoreDumper.add_representer(str, _text)

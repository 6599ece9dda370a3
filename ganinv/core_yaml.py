"""YAML by its 1.2 core rules, from files that may be anything.

Under 1.1, PyYAML's default, `on` is a boolean and `1e-3` is a string. A key given twice is an
error, and so are aliases, by which a short text fills memory.
"""

import math
import os
import re
import stat
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ganinv.errors import ParamsError, shorten

MAX_BYTES = 2_000_000  # of a file; a run may name twenty thousand photographs
MAX_VALUES = 25_000  # in a file, lists and mappings counted as well
MAX_DEPTH = 20  # of lists and mappings in each other
LONGEST = 500  # characters of a message
LARGEST = 2**1000  # whole number; larger ones are no floats, and Python does not write them out


def unreadable(path: str | Path, reason: object) -> ParamsError:
    """Return the error of a file that cannot be read."""
    return ParamsError(f"cannot read the parameters {shorten(str(path))}: {reason}")


def read_yaml(path: str | Path, texts: Iterable[str] = ()) -> dict[str, Any]:
    """Read a YAML mapping from a file. Raises ParamsError.

    The values of `texts` are text as it stands, also where it looks like a number.
    """
    try:
        opened = str(path).startswith(("/dev/", "/proc/"))  # by a shell, as in <(make-params)
        if not opened and stat.S_ISFIFO(os.stat(path).st_mode):  # it may never be written to
            raise unreadable(path, "it is a pipe, and no file")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise unreadable(path, "it is no text in UTF-8") from None
    except OSError as error:
        raise unreadable(path, error.strerror or error) from None
    if len(data) > MAX_BYTES:
        raise ParamsError(f"{path} has over {MAX_BYTES // 10**6} MB: no file of parameters")
    values = parse_yaml(text, str(path), texts)
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: expected lines of `name: value`")
    return values


def parse_yaml(text: str, where: str, texts: Iterable[str] = ()) -> Any:
    """Read YAML by its 1.2 core rules, without aliases. Raises ParamsError, which names `where`.

    `texts` are keys whose values are text, as `read_yaml` says.
    """
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value in texts:
                    _take_as_text(value)
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ParamsError(f"{where}: not valid YAML: {shorten(str(error), LONGEST)}") from None
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # of values that an explicit tag, !!bool for one, does not fit
        reason = shorten(str(error))
        raise ParamsError(f"{where}: not valid YAML: a value has a wrong form ({reason})") from None
    except RecursionError:
        raise ParamsError(f"{where}: not valid YAML: it is nested too deeply") from None


def _take_as_text(node: yaml.Node) -> None:
    """Make plain numbers and booleans text, in a list too."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _take_as_text(item)
    elif isinstance(node, yaml.ScalarNode) and not node.tag.endswith(":null"):
        node.tag = "tag:yaml.org,2002:str"


def dump_yaml(values: Mapping[str, Any]) -> str:
    """Write a mapping so that `read_yaml` gives it back."""
    return yaml.dump(values, Dumper=_CoreDumper, sort_keys=False, allow_unicode=True)


def dump_value(value: Any) -> str:
    """Write one value in a line, as `parse_yaml` reads it, in a mapping or a list too."""
    text = yaml.dump(
        value,
        Dumper=_CoreDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=True,
        width=math.inf,
    )
    return text.removesuffix("\n").removesuffix("\n...")


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2 core scalars, no key twice, and no aliases, by which a short text fills memory."""

    values = depth = 0

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"aliases (*name) are not read{self.peek_event().start_mark}")
        self.values += 1
        self.depth += 1
        if self.values > MAX_VALUES:
            raise yaml.YAMLError(f"it holds over {MAX_VALUES} values")
        if self.depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested too deeply{self.peek_event().start_mark}")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.YAMLError(f"a list or mapping cannot be a name{key_node.start_mark}")
            if key in seen:
                raise yaml.YAMLError(f"{key!r} is given twice{node.start_mark}")
            seen.add(key)
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
    number = int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))
    if abs(number) >= LARGEST:
        raise yaml.YAMLError(f"{shorten(node.value, 40)} is too large a number{node.start_mark}")
    return number


def _text(dumper, value):
    # PyYAML writes these bare, and reads them as ends of lines
    style = '"' if any(c in value for c in "\x85\u2028\u2029\ufeff") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _int)
for _tag in ("timestamp", "binary", "omap", "pairs", "set"):  # of YAML 1.1
    _CoreLoader.yaml_constructors.pop(f"tag:yaml.org,2002:{_tag}")


_CoreDumper.add_representer(str, _text)

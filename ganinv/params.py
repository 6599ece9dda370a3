"""Typed parameters: the same flat names in YAML, in a notebook's parameters cell and in `--set`.

YAML is read by its 1.2 core rules (`core_yaml`). A name that does not exist, a value of the wrong
type and a key given twice are errors before anything runs. Every set of parameters is a subclass of
`Strict`, beside the code that it belongs to; nothing here or there imports torch, so that a wrong
value is told at once.
"""

import difflib
import os
import re
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from ganinv.core_yaml import parse_yaml, read_yaml, unreadable
from ganinv.errors import ParamsError, printable, shorten
from ganinv.files import full_path, split_part
from ganinv.paths import params_folder, presets_folder

MAX_FAULTS = 10  # that a message lists
PATH: dict[str, Any] = {"path": True}  # json_schema_extra of a field that may hold a path
FOLDER = PATH | {"folder": True}  # or one of a folder
LATER: dict[str, Any] = {"later": True}  # of a field younger than results: see `Strict.deciding`


class Strict(BaseModel):
    """The base of every set of parameters: frozen, typed strictly, unknown names refused.

    A field's description is its documentation, in help texts and in the report. One marked by
    `json_schema_extra=PATH` may hold paths: `~` is expanded, and a number is a name there. Words of
    a fixed list, those of a Literal or of `json_schema_extra={"names": …}`, are taken in any case;
    what a field takes besides is told under "also", what people write for a word under "synonyms".
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _as_people_write_it(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: cls._spell(name, value) for name, value in values.items()}

    @classmethod
    def _spell(cls, name: str, value: Any) -> Any:
        field = cls.model_fields.get(name)
        if field is None:
            return value
        if field.annotation is float and type(value) is int:
            return float(value)
        words = words_of(field)
        if _is_path(field):
            if isinstance(value, str) and os.path.lexists(value):
                words = ()  # a file may be named like a word
            value = [_path(x) for x in value] if isinstance(value, list) else _path(value)
        return _spelled(value, words)

    @field_validator("*")
    @classmethod
    def _no_path_is_empty(cls, value: Any, info: Any) -> Any:
        named = [value] if isinstance(value, str) else value
        if _is_path(cls.model_fields[info.field_name]) and isinstance(named, list):
            if not all(name.strip() for name in named):
                raise ValueError("an empty name; give a name or a path (an unset variable?)")
            if any("\0" in name for name in named):
                raise ValueError("a name holds a null character, which no path can")
            for name in named:
                if user := unknown_home(name):
                    said = f"there is no user {shorten(user)}, whose home folder"
                    raise ValueError(f"{said} {shorten(name)} asks for")
        return value

    @classmethod
    def make(cls, values: Mapping[str, Any]) -> Self:
        """Build from a dict. Raises ParamsError, with a line for each fault."""
        try:
            return cls(**{printable(name): value for name, value in values.items()})
        except ValidationError as error:
            faults = error.errors()
            lines = [_explain(fault, cls) for fault in faults[:MAX_FAULTS]]
            if len(faults) > MAX_FAULTS:
                lines.append(f"and {len(faults) - MAX_FAULTS} faults more")
            raise ParamsError("\n".join(lines)) from None

    @classmethod
    def load(
        cls, path: str | Path | None = None, overrides: Iterable[str] | None = None, **changes: Any
    ) -> Self:
        """Build from a YAML file (or none), then `key=value` strings, then keyword changes.

        `path` may be the name of a file in params/ or params/presets/, without its suffix. Paths in
        a file are looked for from its folder too; see `_placed`. Raises ParamsError for a file that
        cannot be read, an unknown name or a wrong type.
        """
        values = cls.read(path) if path is not None else {}
        for item in overrides or ():
            key, sep, text = item.partition("=")
            if not sep:
                raise ParamsError(f"--set takes key=value; got {shorten(repr(item))}")
            values[key.strip()] = cls._parse(key.strip(), text, f"--set {shorten(item)}")
        return cls.make(values | changes)

    @classmethod
    def read(cls, path: str | Path) -> dict[str, Any]:
        """Read a file's values, unchecked, as `load` takes them. Raises ParamsError."""
        file = find_params(path)
        values = read_yaml(file, texts=[n for n, f in cls.model_fields.items() if _is_path(f)])
        return cls.placed(values, file.parent)

    @classmethod
    def placed(cls, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Return values that a file in `folder` gives, unchecked, with paths seen from here."""
        paths = {n: cls._place(n, x, folder) for n, x in values.items() if cls._holds_paths(n)}
        return {**values, **paths}

    @classmethod
    def _holds_paths(cls, name: str) -> bool:
        return name in cls.model_fields and _is_path(cls.model_fields[name])

    @classmethod
    def _place(cls, name: str, value: Any, folder: Path) -> Any:
        """The paths of a file in `folder`; words that a parameter knows are none."""
        if isinstance(value, list):
            return [cls._place(name, item, folder) for item in value]
        if value in (*words_of(cls.model_fields[name]), "samples"):
            return value
        field = cls.model_fields[name]
        if _extra(field, "folder"):
            return _placed(value, folder, _is_start)
        return _placed(value, folder, os.path.exists if is_list(field) else os.path.isfile)

    @classmethod
    def _parse(cls, name: str, text: str, where: str) -> Any:
        """The value of `--set`: a text is taken as it stands, unless in quotes; else it is YAML."""
        field = cls.model_fields.get(name)
        plain = text.strip()
        if field is None:
            return parse_yaml(text, where)
        names = _is_path(field) and is_list(field) and plain[:1] != "["
        if not (names or _is_text(field)) or plain[:1] in ("'", '"'):
            return parse_yaml(text, where)
        if type(None) in get_args(field.annotation) and plain in ("null", "~"):
            return None
        return [plain] if names else plain

    @classmethod
    def collect(
        cls,
        namespace: Mapping[str, Any],
        path: str | Path | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Self:
        """Build from a notebook's globals: the parameters among its names, over those of a file.

        `more` are parameters that its cell does not name. Raises ParamsError as `load` does, for a
        name that is nearly a parameter's, and for one given two values.
        """
        named = {name: namespace[name] for name in cls.model_fields if name in namespace}
        for name, value in namespace.items():
            plain = isinstance(value, (str, int, float, list, dict))
            if plain and name not in named and _near(name, cls.model_fields):
                raise ParamsError(unknown_name(name, cls.model_fields, "parameter"))
        for name, value in (more or {}).items():
            if name in named and named[name] != value:
                raise ParamsError(
                    f"{name} is given twice: by itself and among the changes; leave one of them out"
                )
        return cls.load(path, **named | dict(more or {}))

    def deciding(self, names: Container[str]) -> dict[str, Any]:
        """Return those of the parameters that results are known by, by name.

        One marked LATER counts where it is not at its default: results from before it was there
        are then still those of the same parameters.
        """
        return {
            name: value
            for name, value in self.model_dump().items()
            if name in names
            and not (
                _extra(field := type(self).model_fields[name], "later") and value == field.default
            )
        }

    def replace(self, **changes: Any) -> Self:
        """Return a checked copy with some parameters changed; itself where nothing changes."""
        return self.make(self.model_dump() | changes) if changes else self


def _extra(field: FieldInfo, name: str) -> Any:
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None


def _is_path(field: FieldInfo) -> bool:
    return bool(_extra(field, "path"))


def is_list(field: FieldInfo) -> bool:
    """Tell whether a field takes a list, null aside."""
    kinds = (field.annotation, *get_args(field.annotation))
    return any(get_origin(kind) is list for kind in kinds)


def _is_text(field: FieldInfo) -> bool:
    """Whether a field takes text and nothing else, null aside."""
    origin = get_origin(field.annotation)
    if origin in (Union, UnionType):
        return {*get_args(field.annotation)} == {str, type(None)}
    return origin is Literal or field.annotation is str


def words_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the words that a field knows: those of a Literal, or of its list of names."""
    if get_origin(field.annotation) is Literal:
        return get_args(field.annotation)
    literals = [x for x in get_args(field.annotation) if get_origin(x) is Literal]
    return (*(_extra(field, "names") or ()), *(word for x in literals for word in get_args(x)))


def _spelled(value: Any, words: tuple[str, ...]) -> Any:
    """A word, or the keys of a mapping, as the list has them, whatever their case."""
    if isinstance(value, dict):
        return {_spelled(key, words): item for key, item in value.items()}
    if not isinstance(value, str) or value in words:
        return value
    return next((word for word in words if word.lower() == value.strip().lower()), value)


def _path(value: Any) -> Any:
    """A path as given: `~` is the home folder, and a number is a name like any other."""
    if type(value) in (int, float):
        value = str(value)
    return full_path(value) if isinstance(value, str) else value


def unknown_home(path: str) -> str:
    """Return the user whose home folder `path` begins with, if there is no such user; else ""."""
    first = path.partition("/")[0]
    if not first.startswith("~") or os.path.lexists(path):
        return ""
    return first[1:] if os.path.expanduser(first) == first else ""


def _placed(value: Any, folder: Path, is_there: Callable[[str], bool]) -> Any:
    """A path that a file in `folder` names: one that begins with a dot is meant from there.

    Others are meant from the working directory, and from `folder` where nothing is found there.
    """
    if not isinstance(value, str) or not value or os.path.isabs(value) or value[0] == "~":
        return value
    near = os.path.normpath(folder / value)
    if value in (".", "..") or value.startswith(("./", "../", ".\\", "..\\")):
        return near if os.path.exists(near) or is_there(near) else value
    here = os.path.exists(value) or is_there(value)
    return near if is_there(near) and not here else value


def placed_file(value: Any, folder: Path) -> Any:
    """Return a path of a file, or the name of one of ours, as a file in `folder` gives it."""
    return _placed(value, folder, os.path.isfile)


def _is_start(path: str) -> bool:
    """Whether a path, or FILE:NAME, is there."""
    return os.path.exists(split_part(path)[0])


def _explain(error, model):
    name = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return unknown_name(name, model.model_fields, "parameter")
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:  # about several parameters at once
        return message
    meant = _meant(error["input"], model.model_fields.get(name))
    return f"{shorten(name)}: {message} (got {shorten(repr(error['input']))}){meant}"


def _meant(value: Any, field: FieldInfo | None) -> str:
    """The word of a field that a value, or a key of it, was to be: "; did you mean w+?", or ""."""
    if field is None:
        return ""
    words, synonyms = words_of(field), _extra(field, "synonyms") or {}
    given = value if isinstance(value, (dict, list)) else [value]
    wrong = [x for x in given if isinstance(x, str) and x not in words]
    near = [known for text in wrong for known in nearest(text, words, synonyms)[:1]]
    return f"; did you mean {' and '.join(dict.fromkeys(near))}?" if near else ""


def _near(name: str, known: Iterable[str]) -> bool:
    return not name.startswith("_") and bool(difflib.get_close_matches(name, known, 1, cutoff=0.8))


def nearest(
    name: str, known: Iterable[str], synonyms: Mapping[str, str | None] | None = None
) -> list[str]:
    """Return the names, two at most, that a wrong one was probably to be; the likeliest first.

    Case, spaces, dashes and underlines do not count, and a sign is its word: `w_plus` is w+. One
    that differs in nothing else, or has `name` among its synonyms, {synonym: name}, is the only; a
    synonym of None means none of them.
    """
    known = list(known)
    meant = {_plain(other): word for other, word in (synonyms or {}).items()}
    plain = _plain(name[:100])
    same = [word for word in known if plain in (_plain(word), word)]
    if same or plain in meant:
        return same[:2] or [word for word in (meant[plain],) if word is not None]
    by_plain = {_plain(word): word for word in reversed(known)}
    found = difflib.get_close_matches(plain, by_plain, n=2, cutoff=0.6)
    return [by_plain[word] for word in found]


def did_you_mean(
    name: str, known: Iterable[str], synonyms: Mapping[str, str | None] | None = None
) -> str:
    """Ask for the names that `nearest` finds: "did you mean w+?"; "" where there is none."""
    near = nearest(name, known, synonyms)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold().replace("+", "plus")) or name


def unknown_name(name: str, known: Iterable[str], what: str) -> str:
    """Return the sentence for a name that does not exist, with the nearest that do."""
    known = list(known)
    hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
    return f"no {what} named {shorten(repr(name))}; {shorten(printable(hint), 2000)}"


def find_params(path: str | Path) -> Path:
    """Find a parameter file: a path, or the name of one of ours, such as fast or nvidia-w.

    Raises ParamsError, with the nearest names, where there is neither.
    """
    if not str(path).strip():
        raise ParamsError("the name of the parameter file is empty (an unset variable?)")
    given = Path(full_path(path))
    try:
        found = given.exists()
    except OSError as error:  # a name too long, a folder on the way that may not be read
        raise unreadable(path, error.strerror or error) from None
    if found:
        return given
    ours = our_files()
    # as the documentation writes it, in whatever folder the command runs
    if given.parent in (Path("params"), Path("params/presets")) and given.stem in ours:
        return ours[given.stem]
    if given.parent == Path() and given.suffix in ("", ".yaml"):
        name = _spelled(given.stem, tuple(ours))
        if name in ours:
            return ours[name]
        missing = f"there is no file {shorten(str(path))}, and "
        raise ParamsError(missing + unknown_name(name, ours, "preset"))
    raise unreadable(path, "there is no such file")


def our_files() -> dict[str, Path]:
    """List the parameter files that come with the project, those of params/presets/ last."""
    folders = params_folder(), presets_folder()
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}

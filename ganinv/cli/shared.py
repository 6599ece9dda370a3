"""What several commands share: options, and how things are told."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganinv.compute.names import check_device
from ganinv.errors import BadArgumentsError, printable
from ganinv.files import full_path
from ganinv.params import our_files, unknown_home
from ganinv.runs.params import Params
from ganinv.weights.find import find_file

if TYPE_CHECKING:
    from ganinv.editing.sources import Code
    from ganinv.generators.base import Generator


def describe(name: str) -> str:
    """Return the description of a run's parameter, which is its option's help text."""
    return Params.model_fields[name].description or ""


def a_path(text: str | Path) -> Path:
    """Read a path of the command line: `~` is the home folder, and an empty one is refused."""
    if not str(text).strip():
        raise typer.BadParameter("an empty name; give a path (an unset variable?)")
    if "\0" in str(text):
        raise typer.BadParameter("it holds a null character, which no path can")
    if user := unknown_home(str(text)):
        raise typer.BadParameter(f"there is no user {printable(user)}")
    return Path(full_path(text))


def a_run(text: str | Path) -> Path:
    """Read the path of a run's folder, refused where it is none: before torch is imported."""
    folder = a_path(text)
    try:
        if not folder.is_dir():
            raise BadArgumentsError(f"{folder} holds no run: there is no such folder")
        if not any((folder / name).is_file() for name in ("params.yaml", "metrics.json")):
            raise BadArgumentsError(f"{folder} holds no run (no params.yaml in it)")
    except OSError as error:
        raise BadArgumentsError(f"{folder} cannot be read: {error.strerror or error}") from None
    return folder


def check_device_option(name: str) -> str:
    """Check a device's name, before torch is imported. Raises BadArgumentsError."""
    try:
        return check_device(name)
    except ValueError as error:
        raise BadArgumentsError(f"--device {printable(name)}: {error}") from None


def check_generator(name: str | None) -> None:
    """Check the name of a generator, where one is given, before torch is imported.

    Raises WeightsError for one that is not there.
    """
    if name is not None:
        find_file(name)


def load_codes(
    codes: "list[Code]", named: str | None, device: str
) -> "tuple[Generator, list[Code]]":
    """Load the generator that latents belong to; return it, and them laid onto its rows."""
    from ganinv.compute.device import resolve_device
    from ganinv.editing.sources import load_for

    return load_for(codes, named, resolve_device(device))


def complete_params(incomplete: str) -> list[str]:
    """Complete the names of our parameter files; the shell completes paths."""
    return [name for name in our_files() if name.startswith(incomplete)]


def complete_set(incomplete: str) -> list[str]:
    """Complete the names of parameters before `=`."""
    return [f"{name}=" for name in Params.model_fields if name.startswith(incomplete)]


Device = Annotated[str | None, typer.Option(help=describe("device"))]
ParamsFile = Annotated[
    str | None,
    typer.Option(
        "--params",
        help="a YAML file, or the name of one of ours, such as fast (`ganinv params --presets`)",
        autocompletion=complete_params,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="key=value, any parameter (`ganinv params`); repeatable",
        autocompletion=complete_set,
    ),
]
GeneratorOption = Annotated[
    str | None, typer.Option("--generator", help="else the one that the latents belong to")
]
DeviceOption = Annotated[str, typer.Option("--device", help=describe("device"))]
LayersOption = Annotated[
    str | None,
    typer.Option("--layers", help="all, rows such as 0-7, coarse, middle, fine; else its own"),
]
FeaturesOption = Annotated[
    Literal["carry", "stay", "drop"],
    typer.Option("--features", help="what becomes of refined features: moved along, left, or none"),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")]


def tell(text: object) -> None:
    """Print lines that cannot act on a terminal."""
    print(_lines(text), flush=True)


def complain(error: Exception | str, code: int) -> int:
    """Tell an error on stderr; return the exit status that goes with it."""
    print(f"ganinv: {_lines(error)}", file=sys.stderr, flush=True)
    return code


def _lines(text: object) -> str:
    return "\n".join(map(printable, str(text).split("\n")))

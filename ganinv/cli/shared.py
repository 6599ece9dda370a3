"""What several commands share: options, and how a failure is told."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ganinv.runs.params import Params


def describe(name: str) -> str:
    """Return the description of a run's parameter, which is its option's help text."""
    return Params.model_fields[name].description or ""


Device = Annotated[str | None, typer.Option(help=describe("device"))]
ParamsFile = Annotated[Path | None, typer.Option("--params", help="a YAML file, as in params/")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, any parameter; repeatable")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")]


def complain(error: Exception | str, code: int) -> int:
    """Tell an error on stderr; return the exit status that goes with it."""
    print(f"ganinv: {error}", file=sys.stderr)
    return code

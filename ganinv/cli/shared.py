"""What several commands share: options, and how a failure is told."""

import sys
from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda")]
ParamsFile = Annotated[Path | None, typer.Option("--params", help="a YAML file, as in params/")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, any parameter; repeatable")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="start over, keep nothing")]
TrainingFolder = Annotated[str | None, typer.Option("--out", help="the folder for the training")]


def complain(error: Exception | str, code: int) -> int:
    """Tell an error on stderr; return the exit status that goes with it."""
    print(f"ganinv: {error}", file=sys.stderr)
    return code

"""ganinv invert | verify | align."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ganinv.cli.shared import Device, Fresh, Overrides, ParamsFile, complain, describe
from ganinv.errors import BadArgumentsError
from ganinv.params import read_yaml
from ganinv.runs.params import Params

Inputs = Annotated[list[str], typer.Argument(help="images, folders, sample:NAME, or samples")]
Align = Annotated[bool | None, typer.Option("--align/--no-align", help=describe("align"))]


def invert(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="images, folders, sample:NAME, or samples; else those of --params"),
    ] = None,
    params: ParamsFile = None,
    overrides: Overrides = None,
    out: Annotated[str | None, typer.Option(help=describe("out"))] = None,
    device: Device = None,
    align: Align = None,
    fresh: Fresh = False,
) -> None:
    """Invert photographs. The same command again continues where it stopped."""
    if any(item.partition("=")[0].strip() == "images" for item in overrides or ()):
        raise BadArgumentsError("name the images as arguments, not by --set images=…")
    if not inputs and "images" not in (read_yaml(params) if params else {}):
        raise BadArgumentsError(
            "name INPUT: images, folders or samples, or a --params file with images"
        )
    changes = dict(images=inputs or None, out=out, device=device, align=align)
    given = {key: value for key, value in changes.items() if value is not None}
    settings = Params.load(params, overrides, **given)
    from ganinv.runs.experiment import run_experiment

    try:
        run = run_experiment(settings, fresh=fresh)
    except ValueError as error:
        raise BadArgumentsError(error) from None
    _summarize(run)
    raise typer.Exit(1 if run.failed else 0)


def _summarize(run):
    from ganinv.runs.describe import describe_metrics

    for name, entry in run.results["images"].items():
        print(f"{name}: {describe_metrics(entry)}")
    for name, reason in run.failed.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    print(f"results in {run.out}")


def verify(
    folder: Annotated[Path, typer.Argument(help="a folder that invert wrote")],
    device: Annotated[str, typer.Option(help=describe("device"))] = "auto",
) -> None:
    """Render a run's latents again and compare the metrics."""
    from ganinv.runs.verify import verify as verify_run

    try:
        complaints = verify_run(folder, device=device)
    except ValueError as error:
        raise BadArgumentsError(error) from None
    print("all the same" if not complaints else f"{len(complaints)} not the same")
    raise typer.Exit(1 if complaints else 0)


def align(
    inputs: Inputs,
    out: Annotated[Path, typer.Option(help="the folder for aligned images")],
    size: Annotated[int, typer.Option(min=16, max=4096)] = 1024,
) -> None:
    """Cut faces out of photographs as FFHQ does it."""
    from ganinv.errors import ImageError
    from ganinv.images.alignment import load_image
    from ganinv.images.pixels import to_uint8
    from ganinv.images.writing import save_png
    from ganinv.runs.inputs import find_photos

    failed = 0
    for photo in find_photos(inputs, True):
        try:
            picture = to_uint8(load_image(photo.path, size, align=True))
        except ImageError as error:
            failed += 1
            complain(error, 1)
            continue
        save_png(out / f"{photo.id}.png", picture)
        print(out / f"{photo.id}.png")
    raise typer.Exit(1 if failed else 0)

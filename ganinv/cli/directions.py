"""ganinv directions list | find | check."""

from pathlib import Path
from typing import Annotated

import typer

from ganinv.cli.shared import (
    DeviceOption,
    a_path,
    check_device_option,
    check_generator,
    describe,
    load_codes,
    tell,
)
from ganinv.editing.names import KINDS, check_directions, find_source
from ganinv.errors import BadArgumentsError, printable
from ganinv.files import spare_inputs, write_json
from ganinv.params import unknown_name
from ganinv.runs.checks import check_out

Work = Annotated[
    Path | None,
    typer.Option("--work", parser=a_path, help="a folder to keep measurements in, to go on from"),
]
OfCodes = Annotated[str | None, typer.Option(help="else that of the codes, or ffhq-student")]
app = typer.Typer(no_args_is_help=True, help="Directions: what a code can be moved by.")


@app.command("list")
def directions_list(
    generator: Annotated[str, typer.Option(help=describe("generator"))] = "ffhq-student",
) -> None:
    """The named directions of a generator, with what each was measured to do."""
    check_generator(generator)
    from ganinv.editing.directions import directions  # after the options: they import torch
    from ganinv.editing.named import describe_card, left_out
    from ganinv.generators.load import load_generator

    network = load_generator(generator)
    named = directions(network)
    if not named:
        tell(f"{printable(network.name)} has none; `ganinv directions find` finds them")
    for name, direction in named.items():
        tell(f"{name}  ({direction.about}; layers {direction.layers})")
        for line in describe_card(name, network):
            tell(f"    {line}")
    if failed := {name: why for name, why in left_out(network).items() if name not in named}:
        why = "; ".join(f"{name} ({words})" for name, words in failed.items())
        tell(f"left out, for what they failed in: {printable(why)}")
    tell(f"also {KINDS}")


@app.command("find")
def directions_find(
    generator: Annotated[str, typer.Option(help=describe("generator"))] = "ffhq-student",
    attributes: Annotated[
        str | None, typer.Option(help="names with commas, by default all that are measured")
    ] = None,
    samples: Annotated[int, typer.Option(min=100, help="faces to draw and measure")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="of what is drawn")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="a .safetensors file; else where `list` finds it"),
    ] = None,
    work: Work = None,
    device: DeviceOption = "auto",
) -> None:
    """Find directions of attributes without labels: draw faces, measure them, part, check."""
    if out is not None and (out.suffix != ".safetensors" or out.is_dir()):
        raise BadArgumentsError(f"--out {printable(out)}: name a .safetensors file")
    _check_places(out, work, device)
    from ganinv.editing.attributes import ATTRIBUTES

    names = list(ATTRIBUTES) if attributes is None else attributes.replace(" ", "").split(",")
    if unknown := [name for name in names if name not in ATTRIBUTES]:
        raise BadArgumentsError(
            f"--attributes: {unknown_name(unknown[0], ATTRIBUTES, 'attribute')}"
        )
    check_generator(generator)
    from ganinv.compute.device import resolve_device  # after the checks: they import torch
    from ganinv.editing.find import Plan, find_named
    from ganinv.generators.load import load_generator

    network = load_generator(generator, resolve_device(device))
    spare_inputs(filter(None, [out]), [network.file], "name another file by --out")
    plan = Plan(attributes=tuple(dict.fromkeys(names)), samples=samples, seed=seed)
    tell(printable(find_named(network, plan, out=out, work=work, say=tell)))


@app.command("check")
def directions_check(
    source: Annotated[
        Path | None,
        typer.Argument(
            parser=a_path, help="a run, or a latent's file, whose codes are moved; else drawn faces"
        ),
    ] = None,
    direction: Annotated[
        list[str] | None, typer.Option("--direction", help="a name; repeatable; else all")
    ] = None,
    faces: Annotated[int, typer.Option(min=2, help="faces to draw, without SOURCE")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="of what is drawn")] = 0,
    generator: OfCodes = None,
    out: Annotated[
        Path | None, typer.Option(parser=a_path, help="a .json file for what was measured")
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="put it into the directions' card; what fails on drawn faces goes"
        ),
    ] = False,
    work: Work = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure again what named directions do, on drawn faces that they never saw, or on codes.

    Exit status 1 where one does not do what is asked of it.
    """
    _check_places(out, work, device)
    source = source and find_source(source)
    check_directions(direction or (), source=source, generator=generator)
    from ganinv.compute.device import resolve_device  # after the checks: they import torch
    from ganinv.editing.check import measure_named
    from ganinv.editing.named import describe_row, keep_checked
    from ganinv.editing.sources import find_latents, read_code, spare_codes
    from ganinv.generators.load import load_generator

    codes = [] if source is None else [read_code(*latent) for latent in find_latents(source)]
    if codes:
        network, codes = load_codes(codes, generator, device)
    else:
        network = load_generator(generator or "ffhq-student", resolve_device(device))
    ws = [code.latent for code in codes] or None
    spare_codes(filter(None, [out]), codes, network, way="name another file by --out")
    found = measure_named(
        network, direction or (), ws=ws, count=faces, seed=seed, work=work, say=tell
    )
    rows = found["directions"]
    for name, row in rows.items():
        tell(f"{name}: {describe_row(row)}")
    if out is not None:
        write_json(out, found)
        tell(printable(out))
    if keep:
        for path in keep_checked(network, found):
            tell(printable(path))
    raise typer.Exit(0 if all(row["holds"] for row in rows.values()) else 1)


def _check_places(out: Path | None, work: Path | None, device: str) -> None:
    """Check where results go, and the device, before torch is imported."""
    for folder in (out and out.parent, work):
        if folder is not None:
            check_out(str(folder))
    check_device_option(device)

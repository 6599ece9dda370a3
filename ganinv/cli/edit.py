"""ganinv edit | directions list | directions find."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ganinv.cli.shared import (
    DeviceOption,
    FeaturesOption,
    GeneratorOption,
    LayersOption,
    a_path,
    describe,
    load_codes,
    tell,
)
from ganinv.editing.strengths import parse_strengths
from ganinv.errors import BadArgumentsError, printable
from ganinv.files import split_part
from ganinv.runs.checks import check_out
from ganinv.runs.names import EDITS

directions_app = typer.Typer(no_args_is_help=True, help="Directions: what a code can be moved by.")
SourceArgument = Annotated[
    Path,
    typer.Argument(
        parser=a_path, help="a run, an image's folder in it, or a latent's file of any tool"
    ),
]


def edit(
    source: SourceArgument,
    direction: Annotated[
        list[str],
        typer.Option(
            "--direction", help="a name (`ganinv directions list`), or a file; repeatable"
        ),
    ],
    out: Annotated[Path, typer.Option("--out", parser=a_path, help="the folder for results")],
    strength: Annotated[
        str, typer.Option("--strength", help="standard deviations of W along it, with commas")
    ] = "-2,-1,0,1,2",
    layers: LayersOption = None,
    features: FeaturesOption = "carry",
    generator: GeneratorOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Move inverted faces along directions: pictures, latents, and what was measured in each."""
    strengths = parse_strengths(strength)
    check_out(str(out))
    _check_source(source)
    from ganinv.editing.directions import find_direction  # after the checks: they import torch
    from ganinv.editing.edits import write_edits
    from ganinv.editing.sources import find_latents, read_code

    codes = [read_code(*latent) for latent in find_latents(source)]
    network, codes = load_codes(codes, generator, device)
    found = [find_direction(network, name, layers) for name in direction]
    write_edits(network, codes, found, strengths, out, features=features, say=tell)
    tell(printable(out / EDITS))


def _check_source(source: Path) -> None:
    if not os.path.exists(split_part(source)[0]):
        raise BadArgumentsError(
            f"there is no {printable(source)}; give a run's folder, an image's folder in it, or a "
            "latent's file"
        )


@directions_app.command("list")
def directions_list(
    generator: Annotated[str, typer.Option(help=describe("generator"))] = "ffhq-student",
) -> None:
    """The named directions of a generator, with what each was measured to do."""
    from ganinv.editing.directions import KINDS, directions  # after the options: they import torch
    from ganinv.editing.named import describe_card
    from ganinv.generators.load import load_generator

    network = load_generator(generator)
    named = directions(network)
    if not named:
        tell(f"{printable(network.name)} has none; `ganinv directions find` finds them")
    for name, direction in named.items():
        tell(f"{name}  ({direction.about}; layers {direction.layers})")
        if card := describe_card(name, network):
            tell(f"    {card}")
    tell(f"also {KINDS}")


@directions_app.command("find")
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
    work: Annotated[
        Path | None,
        typer.Option(parser=a_path, help="a folder to keep measurements in, to go on from"),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Find directions of attributes without labels: draw faces, measure them, part, check."""
    if out is not None and (out.suffix != ".safetensors" or out.is_dir()):
        raise BadArgumentsError(f"--out {printable(out)}: name a .safetensors file")
    for folder in (out and out.parent, work):
        if folder is not None:
            check_out(str(folder))
    from ganinv.editing.attributes import ATTRIBUTES

    names = list(ATTRIBUTES) if attributes is None else attributes.replace(" ", "").split(",")
    if unknown := [name for name in names if name not in ATTRIBUTES]:
        raise BadArgumentsError(
            f"--attributes: {printable(unknown[0])} is not measured; {', '.join(ATTRIBUTES)} are"
        )
    from ganinv.compute.device import resolve_device  # after the checks: they import torch
    from ganinv.editing.find import Plan, find_named
    from ganinv.generators.load import load_generator

    network = load_generator(generator, resolve_device(device))
    plan = Plan(attributes=tuple(dict.fromkeys(names)), samples=samples, seed=seed)
    tell(printable(find_named(network, plan, out=out, work=work, say=tell)))

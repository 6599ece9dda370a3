"""ganinv edit."""

from pathlib import Path
from typing import Annotated

import typer

from ganinv.cli.shared import (
    DeviceOption,
    FeaturesOption,
    GeneratorOption,
    LayersOption,
    a_path,
    check_device_option,
    load_codes,
    tell,
)
from ganinv.editing.names import check_directions, find_source
from ganinv.editing.strengths import parse_strengths
from ganinv.errors import printable
from ganinv.runs.checks import check_out
from ganinv.runs.names import EDITS

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
    chosen = check_device_option(device)
    source = find_source(source)
    check_directions(direction, layers, source=source, generator=generator)
    from ganinv.editing.directions import find_direction  # after the checks: they import torch
    from ganinv.editing.edits import write_edits
    from ganinv.editing.sources import find_latents, read_code

    codes = [read_code(*latent) for latent in find_latents(source)]
    network, codes = load_codes(codes, generator, chosen)
    found = [find_direction(network, name, layers) for name in direction]
    write_edits(network, codes, found, strengths, out, features=features, say=tell)
    tell(printable(out / EDITS))

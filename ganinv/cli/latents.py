"""ganinv render | generate | export: pictures from latents and seeds, latents to other tools."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganinv.cli.shared import (
    DeviceOption,
    GeneratorOption,
    a_path,
    check_device_option,
    check_generator,
    describe,
    load_codes,
    tell,
)
from ganinv.editing.names import find_source
from ganinv.errors import BadArgumentsError, printable
from ganinv.files import spare_inputs, split_part
from ganinv.runs.checks import check_out
from ganinv.runs.names import EXPORTED, SHEET

if TYPE_CHECKING:
    from ganinv.editing.sources import Code


def render(
    latents: Annotated[
        list[Path],
        typer.Argument(
            parser=a_path,
            help="runs, images' folders in them, latents' files of any tool, FILE:NAME",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", parser=a_path, help="a folder, or, of one latent, a .png")
    ],
    generator: GeneratorOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Render latents, with their noise maps and refinements."""
    latents = [find_source(latent) for latent in latents]
    check_generator(generator)
    one = out.suffix.lower() == ".png" and not out.is_dir()
    check_out(str(out.parent if one else out))
    chosen = check_device_option(device)
    from ganinv.editing.pictures import file_names, render_codes  # after the checks: torch

    codes = _read(latents)
    if one and len(codes) > 1:
        raise BadArgumentsError(
            f"--out {printable(out)}: there are {len(codes)} latents; name a folder for them"
        )
    files = [out] if one else [out / f"{name}.png" for name in file_names(codes)]
    network, codes = load_codes(codes, generator, chosen)
    render_codes(network, codes, files, tell)


def generate(
    seeds: Annotated[str, typer.Option("--seeds", help="0-15, or 1,2,5-7")],
    out: Annotated[Path, typer.Option("--out", parser=a_path, help="the folder for pictures")],
    generator: Annotated[str, typer.Option(help=describe("generator"))] = "ffhq-student",
    truncation: Annotated[
        float, typer.Option(help="pulls w to its mean: 1 leaves it, 0.7 is usual, 0 is the mean")
    ] = 1.0,
    label: Annotated[
        int | None, typer.Option(min=0, help="the class, of a generator that has classes")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Draw pictures from seeds, as NVIDIA's generate.py does, with latents and a contact sheet."""
    from ganinv.editing.seeds import SEED_SUFFIXES, parse_seeds, seed_word
    from ganinv.weights.find import find_file

    numbers = parse_seeds(seeds)
    if not math.isfinite(truncation):
        raise BadArgumentsError(f"--truncation {truncation}: give a number, such as 0.7")
    check_out(str(out))
    if (out / "metrics.json").is_file():
        raise BadArgumentsError(
            f"--out: {printable(out)} holds a run, whose contact sheet would be replaced; name "
            "another folder"
        )
    chosen = check_device_option(device)
    files = [out / f"{seed_word(seed)}{suffix}" for seed in numbers for suffix in SEED_SUFFIXES]
    spare_inputs([*files, out / SHEET], [find_file(generator)], "name another folder by --out")
    from ganinv.compute.device import resolve_device  # after the checks: they import torch
    from ganinv.editing.pictures import write_seeds
    from ganinv.generators.load import load_generator

    network = load_generator(generator, resolve_device(chosen))
    write_seeds(network, numbers, out, truncation=truncation, label=label, say=tell)


def export(
    source: Annotated[
        Path,
        typer.Argument(parser=a_path, help="a run, an image's folder in it, or a latent's file"),
    ],
    kind: Annotated[
        Literal["npz", "npy", "pt"],
        typer.Option("--format", help="NVIDIA's projected_w.npz, a .npy, or PTI's .pt"),
    ] = "npz",
    out: Annotated[
        Path | None,
        typer.Option("--out", parser=a_path, help="the folder for them; else `exported` in SOURCE"),
    ] = None,
    generator: GeneratorOption = None,
) -> None:
    """Write latents for other tools; it says what is exact, and what is left out."""
    source = find_source(source)
    check_generator(generator)
    file, _ = split_part(source)
    folder = out or (file if file.is_dir() else file.parent) / EXPORTED
    check_out(str(folder))
    from ganinv.editing.export import export_codes  # after the checks: it imports torch
    from ganinv.editing.pictures import file_names

    network, codes = load_codes(_read([source]), generator, "cpu")
    paths = [folder / f"{name}.{kind}" for name in file_names(codes)]
    export_codes(network, codes, paths, say=tell)


# --- what they share ---


def _read(sources: list[Path]) -> "list[Code]":
    """Read all latents of the sources."""
    from ganinv.editing.sources import find_latents, read_code

    try:
        return [read_code(*latent) for source in sources for latent in find_latents(source)]
    except OSError as error:  # a folder that may not be read
        raise BadArgumentsError(str(error)) from None

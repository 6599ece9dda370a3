"""ganinv weights list | fetch | verify | convert | tune | info."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ganinv.cli.shared import a_path, tell
from ganinv.errors import BadArgumentsError, WeightsError

weights_app = typer.Typer(no_args_is_help=True, help="Weights: what is here, fetching, checking.")


@weights_app.command("list")
def weights_list() -> None:
    """Every weight file by name: whether it is here, its size and licence."""
    from ganinv.weights.manifest import load_manifest, weight_path

    for name, entry in load_manifest().items():
        here = "here" if weight_path(name).is_file() else "not here"
        size = f"{entry.size / 1e6:.0f} MB" if entry.size else "size unknown"
        print(f"{name}  ({entry.kind}, {size}, {here})\n    {entry.about}")
        print(f"    licence: {entry.licence}")


@weights_app.command("fetch")
def weights_fetch(names: Annotated[list[str], typer.Argument(help="names, or all")]) -> None:
    """Bring weights and convert them; what is here and whole is kept."""
    from ganinv.weights.fetch import fetch
    from ganinv.weights.manifest import load_manifest

    for name in load_manifest() if names == ["all"] else names:
        print(fetch(name))


@weights_app.command("verify")
def weights_verify() -> None:
    """Compare the checksum of every weight file that is here."""
    from ganinv.weights.fetch import damage
    from ganinv.weights.manifest import load_manifest

    bad = 0
    for name in load_manifest():
        complaint = damage(name)
        bad += complaint not in ("", "not here")
        print(f"{name}: {complaint or 'whole'}")
    raise typer.Exit(1 if bad else 0)


@weights_app.command("convert")
def weights_convert(
    file: Annotated[Path, typer.Argument(parser=a_path, help="a StyleGAN2, e4e or pSp checkpoint")],
    out: Annotated[
        Path | None, typer.Option(parser=a_path, help="a .safetensors file; else beside it")
    ] = None,
    head: Annotated[
        Literal["e4e", "psp"] | None, typer.Option(help="of an encoder whose opts do not say")
    ] = None,
) -> None:
    """Turn an own checkpoint into safetensors and a JSON description; nothing in it is run."""
    if not file.is_file():
        from ganinv.weights.find import refuse_address

        refuse_address(file)
        raise WeightsError(f"there is no file {file}")
    from ganinv.weights.convert import convert_checkpoint  # after the check: it imports torch

    for path in convert_checkpoint(file, out, head, check=_check_generator):
        print(path)


def _check_generator(network: Any) -> None:
    """Raise ValueError for a generator that could not be loaded."""
    from ganinv.generators.load import ARCHITECTURES, check_network

    if network.architecture in ARCHITECTURES:  # an encoder is compared when it is loaded
        check_network(network)


@weights_app.command("tune")
def weights_tune(
    image: Annotated[
        Path, typer.Argument(parser=a_path, help="an image's folder in a run, refined by weights")
    ],
    file: Annotated[
        Path, typer.Argument(parser=a_path, help="the .safetensors file to be written")
    ],
    generator: Annotated[
        str | None,
        typer.Option(help="the generator that was refined, where params.yaml does not find it"),
    ] = None,
) -> None:
    """Write a generator file of the weights that a refinement tuned to one photograph."""
    if not image.is_dir():
        raise BadArgumentsError(f"there is no folder {image}; give RUN/IMAGE, an image's folder")
    from ganinv.runs.tuned import write_tuned  # after the check: it imports torch

    try:
        tell(write_tuned(image, file, generator=generator, say=tell))
    except ValueError as error:
        raise BadArgumentsError(error) from None


@weights_app.command("info")
def weights_info(
    file: Annotated[str, typer.Argument(help="a checkpoint, a .safetensors file, or a name")],
) -> None:
    """What a weight file holds: architecture, resolution, widths, source, checksum, licence."""
    from ganinv.weights.find import find_file

    find_file(file)  # before the seconds that torch takes
    from ganinv.weights.locate import describe_file

    for number, description in enumerate(describe_file(file, check=_check_generator)):
        print("\n" * bool(number), end="")
        for name, value in description.items():
            print(f"{name}: {value}")

"""ganinv morph | mix | animate: ways between latents, and films of them."""

import math
import string
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganinv.cli.shared import (
    DeviceOption,
    FeaturesOption,
    GeneratorOption,
    LayersOption,
    a_path,
    check_device_option,
    check_generator,
    complain,
    load_codes,
    tell,
)
from ganinv.editing.names import check_directions, find_one_source
from ganinv.editing.rows import split_rows
from ganinv.errors import BadArgumentsError, printable, shorten
from ganinv.files import full_path

if TYPE_CHECKING:
    from ganinv.editing.morph import Pace
    from ganinv.editing.sources import Code
    from ganinv.generators.base import Generator

SIZE = 512  # pixels of a frame, unless others are named


def a_name(text: str) -> str:
    """Read an image's id, or a path; an empty one is refused."""
    if not text.strip() or "\0" in text:
        raise typer.BadParameter("an empty name; give an image's id or a path (an unset variable?)")
    return text


Film = Annotated[
    Path,
    typer.Option(parser=a_path, help="an .mp4, a .gif, or a .png: a strip of 8 frames"),
]
Frames = Annotated[int, typer.Option(min=2, max=10_000, help="the number of frames")]
Seconds = Annotated[
    float | None, typer.Option(min=0, max=3600, help="the length; else frames / 20")
]
Size = Annotated[
    int | None,
    typer.Option(min=16, max=4096, help="pixels a side; else 512, or what the generator draws"),
]


def morph(
    run: Annotated[Path, typer.Argument(parser=a_path, help="a run's folder")],
    images: Annotated[
        list[str],
        typer.Argument(parser=a_name, help="its images, by id or photograph, or latents: A B …"),
    ],
    out: Film,
    frames: Frames = 60,
    loop: Annotated[bool, typer.Option("--loop", help="go back to A at the end")] = False,
    ease: Annotated[
        Literal["even", "smooth"],
        typer.Option(help="an even pace of change, or slow at every image"),
    ] = "even",
    features: FeaturesOption = "carry",
    size: Size = None,
    seconds: Seconds = None,
    generator: GeneratorOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Go from face to face through W+, with noise maps and refinements, and make a film of it."""
    from ganinv.editing.video import check_film, write_film

    if len(images) < 2:
        raise BadArgumentsError("name two images or more: ganinv morph RUN A B")
    if not run.is_dir():
        raise BadArgumentsError(f"there is no folder {printable(run)}; give a run's folder first")
    frames = _shown(out, frames, len(images))
    check_film(out, frames, seconds)
    chosen = check_device_option(device)
    paths = [find_one_source(name, run) for name in images]
    check_generator(generator)
    from ganinv.editing.morph import Way, even_frames, smooth_frames  # after the checks: torch

    codes = [_read(path) for path in paths]
    network, codes = load_codes(codes, generator, chosen)
    _spare([out], codes, network)
    side = _side(size, network)
    way = Way(network, codes, loop, features)
    said = f"{frames} frames"
    if ease == "even":
        pace, pictures = even_frames(way, frames, side, tell)
        said += f"; {_describe(pace)}"
    else:
        pictures = smooth_frames(way, frames, side)
    write_film(out, pictures, frames, seconds)
    tell(f"{out}: {said}")


def _shown(out: Path, frames: int, images: int = 0) -> int:
    """The number of frames that a file shows: a strip has few."""
    from ganinv.editing.video import STRIP, kind_of

    if kind_of(out) != ".png":
        return frames
    if images > STRIP:
        raise BadArgumentsError(
            f"a .png holds {STRIP} frames, too few for {images} images; name an .mp4 or a .gif"
        )
    return min(frames, STRIP)


def _describe(pace: "Pace") -> str:
    """Say how even neighbours are."""
    from ganinv.editing.morph import EVEN

    least, most = min(pace.distances), max(pace.distances)
    if not most:
        return "all are equal"
    said = f"LPIPS-alex of neighbours {least:.2g} to {most:.2g}"
    if math.isinf(pace.ratio):
        return f"{said}; some are equal"
    more = f", more than {EVEN:g}: more --frames come nearer" if pace.ratio > EVEN else ""
    return f"{said}, a factor of {pace.ratio:.2f}{more}"


def mix(
    latents: Annotated[
        list[str],
        typer.Argument(
            parser=a_name,
            help="latents, or with --run images by id or photograph; A, B, C … in --rows",
        ),
    ],
    rows: Annotated[
        str, typer.Option(help="whose rows: coarse=A,fine=B, or 0-3=A,8=C; all others are A's")
    ],
    out: Annotated[
        Path, typer.Option(parser=a_path, help="a .png; the latent goes beside it, as .safetensors")
    ],
    run: Annotated[
        Path | None, typer.Option(parser=a_path, help="a run's folder: names are its images")
    ] = None,
    generator: GeneratorOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Mix the rows of several latents, and render the result."""
    from ganinv.editing.video import check_file

    if run is not None and not run.is_dir():
        raise BadArgumentsError(f"--run: there is no folder {printable(run)}")
    check_file(out, (".png",))
    chosen = check_device_option(device)
    for _, name in split_rows(rows):
        _place(name, latents)
    paths = [find_one_source(name, run) for name in latents]
    check_generator(generator)
    from ganinv.compute.render import render_result  # after the checks: they import torch
    from ganinv.editing.layers import mix as mix_rows
    from ganinv.editing.layers import parse_rows
    from ganinv.images.pixels import to_uint8
    from ganinv.images.writing import save_png
    from ganinv.inversion.latent_files import save_latent

    codes = [_read(path) for path in paths]
    beside = out.with_suffix(".safetensors")
    network, codes = load_codes(codes, generator, chosen)
    _spare([out, beside], codes, network)
    given = parse_rows(rows, network)
    taken = {name: codes[_place(name, latents)].latent for name in given}
    mixed = mix_rows({"": codes[0].latent} | taken, given, rest="")
    for text in _left_out(codes):
        complain(text, 0)
    picture = to_uint8(render_result(network, mixed, codes[0].noise))
    save_latent(beside, mixed, network, codes[0].noise)
    save_png(out, picture)
    tell(out)
    tell(beside)


def _place(name: str, latents: list[str]) -> int:
    """Which of the latents a name in --rows means: one as given, or its letter."""
    letters = string.ascii_uppercase
    meant = [i for i, given in enumerate(latents) if name in (given, letters[i : i + 1])]
    if len(meant) == 1:
        return meant[0]
    named = ", ".join(f"{letters[i : i + 1]} ({printable(x)})" for i, x in enumerate(latents))
    problem = "may mean several of" if meant else "is none of"
    raise BadArgumentsError(f"--rows: {shorten(printable(name))} {problem} {named}")


def _left_out(codes: "list[Code]") -> list[str]:
    """Say what of the latents does not go into their mixture."""
    said = []
    if refined := [printable(code.id) for code in codes if code.refinement]:
        said.append(
            f"refinements belong to one latent and are left out: {', '.join(refined)}; the picture "
            "is what the mixed latent alone renders"
        )
    if noisy := [printable(code.id) for code in codes[1:] if code.noise]:
        said.append(f"noise maps are those of A; these are left out: {', '.join(noisy)}")
    return said


def animate(
    latent: Annotated[
        str,
        typer.Argument(parser=a_name, help="a latent, an image's folder, or a run of one image"),
    ],
    direction: Annotated[str, typer.Option(help="a direction's name, sefa:K, pca:K, or a file")],
    out: Film,
    strength: Annotated[
        float, typer.Option(help="how far each way, in standard deviations of W")
    ] = 2.0,
    layers: LayersOption = None,
    features: FeaturesOption = "carry",
    frames: Frames = 60,
    size: Size = None,
    seconds: Seconds = None,
    generator: GeneratorOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Swing a face along a direction, from -strength to +strength and back, a closed loop.

    A .png shows the way there alone.
    """
    from ganinv.editing.video import check_film, kind_of, write_film

    if not math.isfinite(strength) or not strength:
        raise BadArgumentsError(f"--strength {strength}: give a number other than 0")
    frames = _shown(out, frames)
    check_film(out, frames, seconds)
    chosen = check_device_option(device)
    path = find_one_source(latent)
    check_directions([direction], layers, source=path, generator=generator)
    from ganinv.editing.animate import sweep_frames, swing_frames
    from ganinv.editing.carry import Rendered
    from ganinv.editing.directions import find_direction
    from ganinv.editing.edit import edit

    code = _read(path)
    network, (code,) = load_codes([code], generator, chosen)
    _spare([out], [code], network, full_path(direction))
    side = _side(size, network)
    along = find_direction(network, direction, layers)
    render = Rendered(network, code, features)
    make = sweep_frames if kind_of(out) == ".png" else swing_frames
    pictures = make(lambda s: render(edit(network, code.latent, along, s)), strength, frames, side)
    write_film(out, pictures, frames, seconds)
    tell(f"{out}: {frames} frames; {along.name}, {-strength:g} to {strength:g}")


# --- what they share ---


def _read(path: Path) -> "Code":
    """Read a latent's file, or an image's folder."""
    from ganinv.editing.sources import find_one, read_code

    try:
        return read_code(*find_one(path))
    except OSError as error:  # a folder that may not be read
        named = shorten(printable(path))
        raise BadArgumentsError(f"{named} cannot be read: {error.strerror or error}") from None


def _spare(outputs: list[Path], codes: "list[Code]", network: "Generator", *others: str) -> None:
    """Refuse to write over the latents, what lies beside them, the generator, and `others`."""
    from ganinv.editing.sources import spare_codes

    spare_codes(outputs, codes, network, *others, way="name another file by --out")


def _side(size: int | None, generator: "Generator") -> int:
    """The pixels of a frame, at most those that the generator draws."""
    if size is None:
        return min(SIZE, generator.resolution)
    if size > generator.resolution:
        raise BadArgumentsError(
            f"--size {size}: {printable(generator.name)} draws {generator.resolution} pixels; give "
            "at most that"
        )
    return size

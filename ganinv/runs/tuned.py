"""Tuned weights as a generator file: a refined result taken to where refinements are not known.

A refinement of weights is kept as differences to the generator's. Added to it, they make a
generator of one photograph, as PTI does (arXiv 2106.05744), which renders its latent refined.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganinv.errors import BadArgumentsError, WeightsError
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.inversion.latent_files import maker_of
from ganinv.inversion.refinement import (
    REFINEMENT,
    check_refinement,
    feature_offsets,
    load_refinement,
    tune,
    weight_changes,
)
from ganinv.runs.params import Params
from ganinv.weights.convert import write_network
from ganinv.weights.locate import describe_file, locate
from ganinv.weights.readers.parts import Network
from ganinv.weights.store import read_description


def write_tuned(
    image: str | Path,
    file: str | Path,
    *,
    generator: str | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Write the tuned weights in an image's folder, with all others, as a generator file.

    Its description lies beside it, as JSON. The mapping and W's mean and spread are the original's.
    `generator` is that which was refined, by default the one in the run's params.yaml. A file that
    is there already is replaced; `say` takes what is left out. Raises ValueError where there is no
    refinement of weights, or one of another generator, and for a place that is not to be written
    to, WeightsError where the generator is not here.
    """
    image, file = Path(image), Path(file)
    path = image / REFINEMENT
    if not image.is_dir():
        raise BadArgumentsError(f"there is no folder {image}; give an image's folder in a run")
    if not path.is_file():
        raise BadArgumentsError(
            f"{image} holds no {REFINEMENT}: nothing was refined there; search with "
            "--set refine=weights"
        )
    refinement, metadata = load_refinement(path)
    if not weight_changes(refinement):
        raise BadArgumentsError(
            f"{path} holds features only: they belong to one photograph and have no place in a "
            "generator file, which is weights; search with --set refine=weights"
        )
    name, original = _original(image, generator)
    if maker_of(metadata) != original.sha256:
        raise BadArgumentsError(
            f"{path} was made with other weights than those of {original.name}; name the generator "
            "that it belongs to by --generator"
        )
    check_refinement(refinement, original, path)
    source = locate(name, "generator")[0]
    _check_place(file, image, source)
    description, state = read_description(source), tune(original, refinement).state_dict()
    tuned = Network(description["architecture"], description["config"], state)
    write_network(tuned, file, **_about(source, original, image))
    for r in feature_offsets(refinement):
        say(
            f"notice: the features at {r} are left out: they belong to one photograph and have no "
            "place in a generator file, so that it renders less than the reconstruction"
        )
    return file


def _original(image: Path, generator: str | None) -> tuple[str, Generator]:
    """The generator that was refined, and how it is named."""
    params = image.parent / "params.yaml"
    if generator is not None:
        return generator, load_generator(generator)
    if not params.is_file():
        raise BadArgumentsError(
            f"{image.parent} holds no run (no params.yaml in it); give RUN/IMAGE, or name the "
            "generator that was refined by --generator"
        )
    name = Params.load(params).generator
    try:
        return name, load_generator(name)
    except WeightsError as error:
        raise WeightsError(
            f"{error} ({params} names it); name the generator's file by --generator"
        ) from None


def _check_place(file: Path, image: Path, source: Path) -> None:
    """Raise BadArgumentsError unless a generator file may be written there."""
    if file.suffix != ".safetensors":
        raise BadArgumentsError(f"{file} does not end in .safetensors")
    if file.is_dir():
        raise BadArgumentsError(f"{file} is a folder; name a file in it")
    if file.resolve() == source.resolve():
        raise BadArgumentsError(f"{file} is the generator that was refined; name another file")
    is_run = (image.parent / "params.yaml").is_file()
    taken = [image, *([image.parent] * is_run)]  # whose JSON files the description might replace
    if file.resolve().parent in [folder.resolve() for folder in taken]:
        raise BadArgumentsError(f"{file} would lie among the files of a run; name another place")


def _about(source: Path, original: Generator, image: Path) -> dict[str, Any]:
    """What the description beside the file says, the network aside: the original's, and of whom."""
    (known,) = describe_file(source)
    own = ("file", "name", "sha256", "size", "architecture", "config")
    about = {name: value for name, value in known.items() if name not in own}
    tuned = f"{original.name}, tuned to {image.name}"
    return about | dict(source=tuned, source_sha256=original.sha256)

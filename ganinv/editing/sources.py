"""Codes to work on: those of a run, of an image in it, or of a latent's file, with what goes along.

A code brings its noise maps and its refinement, where it has them, and belongs to one generator.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from ganinv.editing.names import USUAL, each_finished, find_one_source, find_source
from ganinv.errors import BadArgumentsError, WeightsError, printable
from ganinv.files import spare_inputs, split_part
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.images.reading import image_id
from ganinv.inversion.latent_files import LATENT, load_latent, load_noise, maker_of, name_of
from ganinv.inversion.latent_formats import is_foreign, read_latents
from ganinv.inversion.noise_maps import fit_maps
from ganinv.inversion.refinement import (
    REFINEMENT,
    Refinement,
    beside,
    check_refinement,
    load_beside,
)
from ganinv.inversion.starts import fit_latent
from ganinv.runs.names import ALSO, OUTPUTS, PASTED, RECORD
from ganinv.runs.params import Params
from ganinv.runs.record_files import read_record


@dataclass(frozen=True)
class Code:
    """A latent (num_ws, w_dim) with what goes along: noise maps, and a refinement, {} for none.

    `id` is the image's; `path` the latent's file; `generator` and `sha256` whose it is, "" where
    the file does not say.
    """

    id: str
    latent: Tensor
    path: Path
    generator: str = ""
    sha256: str = ""
    noise: dict[str, Tensor] = field(default_factory=dict)
    refinement: Refinement = field(default_factory=dict)

    @property
    def target(self) -> Path | None:
        """The photograph that was inverted, where it lies beside the latent."""
        path = self.path.with_name("target.png")
        return path if self.path.name == LATENT and path.is_file() else None

    @property
    def files(self) -> list[Path]:
        """What no result may be written over: its file and, of a run's image, all beside it."""
        file = split_part(self.path)[0]
        names = (RECORD, *OUTPUTS, *ALSO) if file.name == LATENT else ()
        return [file, *(file.with_name(name) for name in names if name != PASTED)]


def spare_codes(
    outputs: Iterable[Path],
    codes: Iterable[Code],
    generator: Generator,
    *others: Path | str,
    way: str = "name another folder by --out",
) -> None:
    """Refuse, as `spare_inputs`, to write over codes, their generator, and `others`."""
    files = [file for code in codes for file in code.files]
    spare_inputs(outputs, [*files, generator.file, *others], way)


def find_latents(source: str | Path) -> list[tuple[str, Path]]:
    """List the latents that a path names: (id, file) of each finished image of a run, or of one.

    `source` is a run's folder, an image's folder in it, or a latent's file. Of another tool's file
    with several they are FILE:NAME, which is a source too. Raises BadArgumentsError where there is
    none.
    """
    path = find_source(source)
    file, part = split_part(path)
    if part:
        return [(_part_id(file, part), path)]
    if path.is_file():
        if is_foreign(path):
            return _parts(path)
        in_a_run = path.name == LATENT and path.resolve().parent.name
        return [(in_a_run or path.stem, path)]
    if (path / LATENT).is_file():
        return [(path.resolve().name, path / LATENT)]
    return [(name, path / name / LATENT) for name, _ in each_finished(path)]


def _parts(path: Path) -> list[tuple[str, Path]]:
    """The latents in another tool's file."""
    try:
        names = list(read_latents(path).named)
    except ValueError as error:
        raise BadArgumentsError(printable(error)) from None
    if names == [""]:
        return [(path.stem, path)]
    return [(_part_id(path, name), Path(f"{path}:{name}")) for name in names]


def _part_id(file: Path, name: str) -> str:
    """A latent's id in a file of several: its photograph's, or its place behind the file's name."""
    return f"{file.stem}-{name}" if name.isdecimal() else image_id(name)


def find_one(source: str | Path, folder: str | Path | None = None) -> tuple[str, Path]:
    """Find one latent: an image's name in a run's `folder`, or a path that names one latent.

    The image is known by its id, or by its photograph's name (`names.find_image`). Raises
    BadArgumentsError where there is none, or several.
    """
    if folder is not None:
        source = find_one_source(str(source), folder)
    found = find_latents(source)
    if len(found) > 1:
        raise BadArgumentsError(
            f"{printable(source)} holds {len(found)} latents; name one: "
            f"{printable(_way_to(source, found[0]))}"
        )
    return found[0]


def _way_to(source: str | Path, found: tuple[str, Path]) -> str:
    """How one of the latents of a source is named."""
    name, path = found
    return f"{source}/{name}" if Path(source).is_dir() else str(path)


def read_code(name: str, path: Path) -> Code:
    """Read a latent's file, and what lies beside it. Raises BadArgumentsError."""
    try:
        latent, metadata = load_latent(path)
        noise = load_noise(path)
        refined = beside(path) if _is_recorded(path) else None
        refinement, made = load_beside(refined) if refined else ({}, {})
    except ValueError as error:
        raise BadArgumentsError(printable(error)) from None
    sha256 = maker_of(metadata)
    if refined and sha256 and maker_of(made) and maker_of(made) != sha256:
        raise BadArgumentsError(
            f"{printable(refined)} was made with other weights than the latent beside it; move one "
            "of them elsewhere"
        )
    generator = _run_generator(path) or name_of(metadata)
    return Code(name, latent, path, generator, sha256, noise, refinement)


def _is_recorded(path: Path) -> bool:
    """Whether the record beside a latent, where there is one, knows of a refinement."""
    record = read_record(path.parent, ".")
    return record is None or isinstance(record.get("code"), dict)


def _run_generator(path: Path) -> str:
    """The generator that the run of an image's folder names, "" without a run."""
    params = Path(os.path.abspath(path)).parent.parent / "params.yaml"
    if path.name != LATENT or not params.is_file():
        return ""
    try:
        return Params.load(params).generator
    except ValueError as error:
        raise BadArgumentsError(printable(error)) from None


def load_for(
    codes: Iterable[Code], named: str | None = None, device: str | torch.device = "cpu"
) -> tuple[Generator, list[Code]]:
    """Load the generator that all the codes belong to; return it, and them as `fit_code` does.

    `named` replaces the one that their runs or files name. Raises BadArgumentsError for codes of
    several generators, or of others than that, WeightsError where it is not here.
    """
    codes = list(codes)
    named_by = {code.generator: code.sha256 for code in codes if code.sha256}
    names = {  # a latent that names none may be anyone's, and a name without a hash can be replaced
        code.sha256 or named_by.get(code.generator, code.generator): code.generator
        for code in codes
        if code.sha256 or (code.generator and not named)
    }
    if len(names) > 1:
        first, second = list(names.values())[:2]
        raise BadArgumentsError(
            f"the latents belong to different generators, {printable(first) or 'one'} and "
            f"{printable(second) or 'another'}; take those of one"
        )
    name = named or next(iter(names.values()), "") or USUAL
    try:
        generator = load_generator(name, device)
    except WeightsError as error:
        hint = "" if named else "; name the generator's file by --generator"
        raise WeightsError(f"{error}{hint}") from None
    return generator, [fit_code(code, generator) for code in codes]


def fit_code(code: Code, generator: Generator) -> Code:
    """Lay a code's rows onto the generator's: one for all, or those of a student's teacher.

    Noise maps of another tool's file are laid onto its layers (`fit_maps`). Raises
    BadArgumentsError for a code of other weights, and where the latent, its noise maps or its
    refinement do not fit.
    """
    named = f"the latent {printable(code.path)}"
    if code.sha256 and generator.sha256 and code.sha256 != generator.sha256:
        raise BadArgumentsError(
            f"{named} was made with {printable(code.generator) or 'other weights'}, whose weights "
            f"are not those of {printable(generator.name)}; name its own by --generator"
        )
    try:
        latent = fit_latent(code.latent, generator, code.path)
        check_refinement(code.refinement, generator, code.path.with_name(REFINEMENT))
    except ValueError as error:
        raise BadArgumentsError(printable(error)) from None
    noise = fit_maps(code.noise, generator, code.path)
    try:
        generator.noise_for(noise or "const", 1)
    except ValueError as error:
        raise BadArgumentsError(f"{named} does not fit: {printable(error)}") from None
    return replace(code, latent=latent.expand(generator.num_ws, -1).contiguous(), noise=noise)

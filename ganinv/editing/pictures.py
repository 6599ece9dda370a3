"""Pictures from latents, and from seeds.

A seed means what it means in NVIDIA's generate.py (stylegan2-ada-pytorch): z is
`numpy.random.RandomState(seed).randn(1, z_dim)`, so that both programs draw the same face of the
same weights.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganinv import figures
from ganinv.compute.render import render_result
from ganinv.editing.seeds import seed_files, seed_word
from ganinv.editing.sources import Code, spare_codes
from ganinv.errors import BadArgumentsError, printable
from ganinv.generators.base import Generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import read_png, save_jpeg, save_png
from ganinv.inversion.latent_files import read_drawn, save_latent
from ganinv.inversion.refinement import render_refined
from ganinv.inversion.starts import check_label, one_hot
from ganinv.runs.names import SHEET

THUMBNAIL = 160  # pixels of a picture on the sheet
COLUMNS = 8
SHOWN = 200  # pictures on a sheet


def render_codes(
    generator: Generator,
    codes: Sequence[Code],
    files: Sequence[Path],
    say: Callable[[Path], object],
) -> None:
    """Write the picture of each code, with its noise maps and refinement; `say` takes each file.

    Raises BadArgumentsError where a picture would replace what lies beside a latent, WriteError.
    """
    spare_codes(files, codes, generator, way="name another place by --out")
    for code, file in zip(codes, files, strict=True):
        image = render_refined(generator, code.latent, code.noise, code.refinement)
        save_png(file, to_uint8(image))
        say(file)


def file_names(codes: Sequence[Code], reserved: Sequence[str] = ()) -> list[str]:
    """Name a picture after each code's id; those of one name get -2, -3 … in their order.

    `reserved` are names, in lower case, of what is there beside them.
    """
    names: list[str] = []
    taken = Counter(reserved)
    for code in codes:
        name = code.id
        while name.lower() in taken:  # names that differ by case are one on some disks
            taken[code.id.lower()] += 1
            name = f"{code.id}-{taken[code.id.lower()]}"
        taken[name.lower()] += 1
        names.append(name)
    return names


def check_class(generator: Generator, label: int | None) -> None:
    """Raise BadArgumentsError unless a label is one of the generator's, or none where it has none.

    The call needs one where there are classes, as generate.py does.
    """
    if generator.c_dim and label is None:
        raise BadArgumentsError(
            f"{printable(generator.name) or 'the generator'} has {generator.c_dim} classes: give "
            f"--label, 0 to {generator.c_dim - 1}"
        )
    try:
        if label is not None:
            check_label(label, generator)
    except ValueError as error:
        raise BadArgumentsError(f"--{printable(error)}") from None


@torch.no_grad()
def draw_latent(
    generator: Generator, seed: int, truncation: float = 1.0, label: int | None = None
) -> Tensor:
    """Map a seed's z to ws (num_ws, w_dim); `label` is the class where the generator has some."""
    z = torch.from_numpy(np.random.RandomState(seed).randn(1, generator.z_dim))
    c = None if label is None else one_hot(label, 1, generator)
    return generator.mapping(z.to(generator.w_avg), c, truncation)[0].contiguous()


def write_seeds(
    generator: Generator,
    seeds: Sequence[int],
    out: Path,
    *,
    truncation: float = 1.0,
    label: int | None = None,
    say: Callable[[object], object] = print,
) -> None:
    """Write the picture of each seed, its latent beside it, and a contact sheet of the folder.

    A latent's file records its seed, truncation and label. The sheet shows all seeds in `out`, also
    those of earlier calls, in their order: the first `SHOWN`. Raises BadArgumentsError for a label
    that does not fit, and where `out` holds seeds that were drawn otherwise; WriteError.
    """
    check_class(generator, label)
    settings = {"truncation": float(truncation), "label": label}
    _check_drawn(generator, seeds, out, settings)
    for seed in seeds:
        latent = draw_latent(generator, seed, truncation, label)
        picture = to_uint8(render_result(generator, latent))
        drawn = {"seed": seed} | settings
        save_latent(out / f"{seed_word(seed)}.safetensors", latent, generator, drawn=drawn)
        save_png(out / f"{seed_word(seed)}.png", picture)
        say(out / f"{seed_word(seed)}.png")
    _write_sheet(out, generator.resolution, say)


def _check_drawn(
    generator: Generator, seeds: Sequence[int], out: Path, settings: Mapping[str, object]
) -> None:
    """Raise BadArgumentsError where a folder holds what does not go with the seeds to come."""

    def refuse(name: str, why: str) -> None:
        raise BadArgumentsError(f"{printable(out / name)} {why}; name another folder by --out")

    found, wanted_seeds = seed_files(out), set(seeds)
    for seed, suffixes in found.items():
        name = f"{seed_word(seed)}.safetensors"
        if ".safetensors" not in suffixes:  # ours is written before its picture
            if seed in wanted_seeds:
                refuse(
                    f"{seed_word(seed)}.png", "is there, without the latent of `ganinv generate`"
                )
            continue
        try:
            maker, drawn = read_drawn(out / name)
        except (OSError, ValueError):
            maker, drawn = "", {}
        if not drawn:
            refuse(name, "does not say how it was drawn, so that others beside it may differ")
        if maker != generator.sha256:
            refuse(name, "was drawn by another generator")
        for key, wanted in settings.items():
            if drawn.get(key) != wanted:
                refuse(name, f"was drawn with {key} {_show(drawn.get(key))}, not {_show(wanted)}")
    if (out / SHEET).exists() and not any(".safetensors" in x for x in found.values()):
        refuse(SHEET, "is there, and shows something else")


def _show(value: object) -> str:
    return "none" if value is None else printable(value)


def _write_sheet(out: Path, side: int, say: Callable[[object], object]) -> None:
    """Write the contact sheet of a folder's seeds, and say what it leaves out."""
    whole = [seed for seed, files in seed_files(out).items() if len(files) == 2]
    thumbnails: dict[int, np.ndarray] = {}
    for seed in whole[:SHOWN]:
        with contextlib.suppress(OSError):  # a picture that was damaged, or changed, since
            picture = read_png(out / f"{seed_word(seed)}.png")
            if picture.shape == (side, side, 3):
                thumbnails[seed] = figures.shrink(picture, THUMBNAIL)
    labels = [f"seed {seed}" for seed in thumbnails]
    save_jpeg(out / SHEET, contact_sheet(list(thumbnails.values()), labels))
    part = f": {len(thumbnails)} of the {len(whole)} seeds there" if whole[SHOWN:] else ""
    say(f"{out / SHEET}{part}")


def contact_sheet(pictures: Sequence[np.ndarray], labels: Sequence[str]) -> np.ndarray:
    """Lay pictures (S, S, 3) of one size in rows, a label above each: uint8 (H, W, 3)."""
    side, columns = pictures[0].shape[1], min(COLUMNS, len(pictures))
    rows = []
    for first in range(0, len(pictures), columns):
        shown = list(pictures[first : first + columns])
        shown += [np.full_like(pictures[0], 255)] * (columns - len(shown))
        row = np.concatenate(shown, 1)
        rows.append(figures.captioned(row, labels[first : first + columns], side))
    return np.concatenate(rows)

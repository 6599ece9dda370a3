"""Pictures from latents, and from seeds.

A seed means what it means in NVIDIA's generate.py (stylegan2-ada-pytorch): z is
`numpy.random.RandomState(seed).randn(1, z_dim)`, so that both programs draw the same face of the
same weights.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganinv import figures
from ganinv.compute.render import render_result
from ganinv.editing.seeds import seed_word
from ganinv.editing.sources import Code
from ganinv.errors import BadArgumentsError, printable
from ganinv.generators.base import Generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_jpeg, save_png
from ganinv.inversion.latent_files import save_latent
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

    Raises WriteError.
    """
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
    say: Callable[[Path], object] = print,
) -> None:
    """Write the picture of each seed, its latent beside it, and a contact sheet of the first.

    Raises BadArgumentsError for a label that does not fit, WriteError.
    """
    check_class(generator, label)
    thumbnails: list[np.ndarray] = []
    for seed in seeds:
        latent = draw_latent(generator, seed, truncation, label)
        picture = to_uint8(render_result(generator, latent))
        save_latent(out / f"{seed_word(seed)}.safetensors", latent, generator)
        save_png(out / f"{seed_word(seed)}.png", picture)
        say(out / f"{seed_word(seed)}.png")
        if len(thumbnails) < SHOWN:
            thumbnails.append(figures.shrink(picture, THUMBNAIL))
    labels = [f"seed {seed}" for seed in seeds[:SHOWN]]
    save_jpeg(out / SHEET, contact_sheet(thumbnails, labels))
    say(out / SHEET)


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

"""Latents for other tools: as NVIDIA's projected_w.npz, a .npy, or PTI's .pt.

All hold (1, num_ws, w_dim) float32: the .npz under the name `w`. Other tools know no noise maps and
no refinements of ours: these are left out.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganinv.editing.sources import Code, spare_codes
from ganinv.errors import printable
from ganinv.files import write_bytes
from ganinv.generators.base import Generator

TEACHER = "teacher"  # the folder of what a student's teacher takes


def _npz(latent: Tensor, file: io.BytesIO) -> None:
    np.savez(file, w=latent.numpy())


def _npy(latent: Tensor, file: io.BytesIO) -> None:
    np.save(file, latent.numpy())


FORMATS: dict[str, Callable[[Tensor, io.BytesIO], None]] = {
    "npz": _npz,
    "npy": _npy,
    "pt": torch.save,
}


def save_foreign(path: Path, latent: Tensor) -> None:
    """Write a latent (rows, w_dim) in the format of the path's suffix. Raises WriteError."""
    file = io.BytesIO()
    FORMATS[path.suffix.removeprefix(".")](latent.detach().cpu().float()[None].clone(), file)
    write_bytes(path, file.getvalue())


def teacher_latent(latent: Tensor, generator: Generator) -> Tensor | None:
    """Return the rows that a student's teacher takes for the same w; None where they do not exist.

    In W all rows are one, which the teacher has too. A latent of W+ has rows that its teacher's do
    not: two of the student's may take one of them, and its last convolution's none.
    """
    rows = generator.teacher_rows
    if rows is None or not bool((latent == latent[0]).all()):
        return None
    return latent[:1].expand(rows[-1] + 1, -1)


def export_codes(
    generator: Generator,
    codes: Sequence[Code],
    paths: Sequence[Path],
    *,
    say: Callable[[str], object] = print,
) -> None:
    """Write each code to its path, and, of a student's in W, its teacher's into teacher/ there.

    `say` takes each file, and what is exact and what is left out. Raises BadArgumentsError where an
    export would replace a latent, or the generator. Raises WriteError.
    """
    targets = [file for path in paths for file in (path, path.parent / TEACHER / path.name)]
    spare_codes(targets, codes, generator)
    alone, left = [], []
    for code, path in zip(codes, paths, strict=True):
        save_foreign(path, code.latent)
        say(printable(path))
        teacher = teacher_latent(code.latent, generator)
        if teacher is not None:
            other = path.parent / TEACHER / path.name
            save_foreign(other, teacher)
            say(printable(other))
        elif generator.teacher_rows:
            alone.append(code.id)
        if code.noise or code.refinement:
            left.append(code.id)
    for text in _notices(generator, len(codes), alone, left):
        say(f"notice: {text}")


def _notices(generator: Generator, count: int, alone: list[str], left: list[str]) -> list[str]:
    """Say what of an export is exact, and what is left out."""
    named, rows = printable(generator.name) or "this generator", generator.teacher_rows
    said = [f"{generator.num_ws} rows for {named}, exact: they render the same picture there"]
    if rows and len(alone) < count:
        said.append(
            f"{TEACHER}/: {rows[-1] + 1} rows for its teacher, the same w of W to the bit; the "
            "teacher draws its own picture of it, which differs in details"
        )
    if alone:
        said.append(
            f"in W+ the teacher has no such latent, so that none is written for it: {_list(alone)}"
        )
    if left:
        said.append(
            "noise maps and refinements are left out, so that the latent alone renders less than "
            f"the reconstruction: {_list(left)}"
        )
    return said


def _list(names: list[str], most: int = 6) -> str:
    shown = ", ".join(map(printable, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown

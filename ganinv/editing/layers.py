"""Which rows of a latent an edit moves: all, a range, or StyleGAN's coarse, middle and fine."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ganinv.errors import ParamsError, printable, shorten
from ganinv.generators.base import Generator

# rows of StyleGAN's W+ (arXiv 1812.04948, section 3.1): up to 8 pixels, up to 32, and above
GROUPS = {"coarse": range(4), "middle": range(4, 8), "fine": range(8, 64)}


def parse_layers(layers: str, generator: Generator) -> Tensor:
    """Read which rows of ws are meant: bool (num_ws,).

    `layers` is "all", or names of `GROUPS`, rows and ranges, with commas: "0-7", "coarse,9". Rows
    count from 0 and are the generator's own; groups are those of StyleGAN2, which a student's rows
    are laid onto. Raises ParamsError.
    """
    chosen = torch.zeros(generator.num_ws, dtype=torch.bool)
    text = str(layers).strip().lower()
    if text == "all":
        return ~chosen
    teacher = generator.teacher_rows or list(range(generator.num_ws))
    for part in (part.strip() for part in text.split(",")):
        if part in GROUPS:
            chosen |= torch.tensor([row in GROUPS[part] for row in teacher])
            continue
        found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part)
        if not found:
            raise ParamsError(
                f"layers: {shorten(printable(layers))} is not all, {', '.join(GROUPS)}, a row, a "
                "range such as 0-7, or several of these with commas"
            )
        first = int(found[1])
        last = int(found[2] or first)
        if not first <= last < generator.num_ws:
            raise ParamsError(
                f"layers: {part} names no rows of {generator.name or 'this generator'}, which has "
                f"0 to {generator.num_ws - 1}"
            )
        chosen[first : last + 1] = True
    if not chosen.any():
        raise ParamsError(f"layers: {generator.name or 'this generator'} has no rows in {text}")
    return chosen


def parse_rows(rows: str, generator: Generator) -> dict[str, Tensor]:
    """Read which rows each name gets, of "coarse=A,fine=B": {name: bool (num_ws,)}.

    A name may be given several times: "0-3=A,5=B,6-9=B". Raises ParamsError for rows that are named
    twice.
    """
    found: dict[str, Tensor] = {}
    taken = torch.zeros(generator.num_ws, dtype=torch.bool)
    for part in str(rows).split(","):
        layers, equals, name = part.partition("=")
        if not equals or not name.strip():
            raise ParamsError(
                f"rows: {shorten(printable(part))} is not like coarse=A, which says whose rows"
            )
        chosen = parse_layers(layers, generator)
        if (taken & chosen).any():
            raise ParamsError(f"rows: {shorten(printable(layers))} names rows that are given away")
        taken |= chosen
        key = name.strip()
        found[key] = found.get(key, torch.zeros_like(chosen)) | chosen
    return found


def describe_rows(chosen: Tensor) -> str:
    """Write rows, bool (num_ws,), as `parse_layers` reads them: "all", "0-7", "0-3,9"."""
    if chosen.all():
        return "all"
    rows = chosen.nonzero()[:, 0].tolist()
    parts: list[list[int]] = []
    for row in rows:
        if parts and parts[-1][1] == row - 1:
            parts[-1][1] = row
        else:
            parts.append([row, row])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def mix(latents: Mapping[str, Tensor], rows: Mapping[str, Tensor], rest: str) -> Tensor:
    """Take rows of several latents, each (num_ws, w_dim): those not named are those of `rest`."""
    mixed = latents[rest].clone()
    for name, chosen in rows.items():
        mixed[chosen] = latents[name][chosen]
    return mixed

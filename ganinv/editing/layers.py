"""Which rows of a latent an edit moves: all, a range, or StyleGAN's coarse, middle and fine."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ganinv.editing.rows import ALL, GROUPS, split_layers, split_rows
from ganinv.errors import ParamsError, printable, shorten
from ganinv.generators.base import Generator


def parse_layers(layers: str, generator: Generator) -> Tensor:
    """Read which rows of ws are meant: bool (num_ws,).

    `layers` is "all", or names of `GROUPS`, rows and ranges, with commas: "0-7", "coarse,9". Rows
    count from 0 and are the generator's own; groups are those of StyleGAN2, which a student's rows
    are laid onto. Raises ParamsError.
    """
    chosen = torch.zeros(generator.num_ws, dtype=torch.bool)
    parts = split_layers(layers)
    if parts == [ALL]:
        return ~chosen
    named = generator.name or "this generator"
    teacher = generator.teacher_rows or list(range(generator.num_ws))
    for part in parts:
        if isinstance(part, str):
            chosen |= torch.tensor([row in GROUPS[part] for row in teacher])
            continue
        first, last = part
        if not first <= last < generator.num_ws:
            raise ParamsError(
                f"layers: {show_range(first, last)} names no rows of {named}, which has 0 to "
                f"{generator.num_ws - 1}"
            )
        chosen[first : last + 1] = True
    if not chosen.any():
        raise ParamsError(
            f"layers: {generator.name or 'this generator'} has no rows in {str(layers).strip()}"
        )
    return chosen


def parse_rows(rows: str, generator: Generator) -> dict[str, Tensor]:
    """Read which rows each name gets, of "coarse=A,fine=B": {name: bool (num_ws,)}.

    A name may be given several times: "0-3=A,5=B,6-9=B". Raises ParamsError for rows that are named
    twice.
    """
    found: dict[str, Tensor] = {}
    taken = torch.zeros(generator.num_ws, dtype=torch.bool)
    for layers, key in split_rows(rows):
        chosen = parse_layers(layers, generator)
        if (taken & chosen).any():
            raise ParamsError(f"rows: {shorten(printable(layers))} names rows that are given away")
        taken |= chosen
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
    return ",".join(show_range(a, b) for a, b in parts)


def show_range(first: int, last: int) -> str:
    """Write rows from the first to the last: "5", "0-7"."""
    return str(first) if first == last else f"{first}-{last}"


def mix(latents: Mapping[str, Tensor], rows: Mapping[str, Tensor], rest: str) -> Tensor:
    """Take rows of several latents, each (num_ws, w_dim): those not named are those of `rest`."""
    mixed = latents[rest].clone()
    for name, chosen in rows.items():
        mixed[chosen] = latents[name][chosen]
    return mixed

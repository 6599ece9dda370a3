"""Edit codes: add a direction to the rows that it moves."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ganinv.editing.directions import Direction, find_direction, moving_rows
from ganinv.errors import ParamsError
from ganinv.generators.base import Generator


def edit(
    generator: Generator,
    latent: Tensor,
    direction: str | Direction,
    strength: float | Sequence[float] | Tensor,
    *,
    layers: str | None = None,
) -> Tensor:
    """Move codes along a direction; return them in the shape of `latent`, or a batch of them.

    `latent` is (num_ws, w_dim) or (N, num_ws, w_dim). `direction` is a name (`find_direction`), or
    what that returned. `strength` counts standard deviations of W along it: one number for all, one
    for each of the N codes, or, for one code, S numbers that make (S, num_ws, w_dim). `layers` are
    the rows that move, by default the direction's own; the others stay equal to the bit. Raises
    ParamsError for what does not fit.
    """
    if isinstance(direction, str):
        direction = find_direction(generator, direction, layers)
        layers = None
    wanted = generator.num_ws, generator.w_dim
    if latent.ndim not in (2, 3) or tuple(latent.shape[-2:]) != wanted:
        raise ParamsError(
            f"the latent is {tuple(latent.shape)}; {generator.name or 'this generator'} takes "
            f"{wanted}, or several of them"
        )
    if tuple(direction.move.shape) != wanted:
        raise ParamsError(
            f"{direction.name} is {tuple(direction.move.shape)}; "
            f"{generator.name or 'this generator'} takes {wanted}: find it for this generator"
        )
    if not (latent.is_floating_point() and latent.isfinite().all()):
        raise ParamsError("the latent is no finite floating-point numbers")
    strengths = torch.as_tensor(strength, dtype=latent.dtype, device=latent.device)
    if strengths.ndim > 1 or not strengths.isfinite().all():
        raise ParamsError("strength is a number, or a list of them, and finite")
    if strengths.ndim and latent.ndim == 3 and len(strengths) not in (1, len(latent)):
        raise ParamsError(f"{len(strengths)} strengths were given for {len(latent)} latents")
    rows = moving_rows(generator, direction, layers).to(latent.device)
    moved = latent + strengths.reshape(-1, 1, 1) * direction.move.to(latent)
    if latent.ndim == 2 and not strengths.ndim:
        moved = moved[0]
    return torch.where(rows[:, None], moved, latent)

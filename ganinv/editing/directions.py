"""Directions in which a code can be moved, by name: found in the weights, in W, or in a file.

    sefa:K           eigenvector K of A^T A, A the style weights of the chosen layers: closed-form
                     factorization (Shen and Zhou 2021, arXiv 2007.06600, equation 7)
    pca:K            principal component K of W (Härkönen et al. 2020, arXiv 2004.02546)
    s:LAYER:CHANNEL  one channel of style space (Wu et al. 2021, arXiv 2011.12799)
    FILE, FILE:NAME  a boundary or direction of another tool: .npy, .npz, .pt, .safetensors
    smile, yaw, …    an attribute, found by `find`, where its directions lie in checkpoints/

K, LAYER and CHANNEL count from 0, the largest eigenvalue first. Strength is counted in standard
deviations: 1 moves a code by the standard deviation that W has along the direction, of an attribute
by that which is left when the other attributes are held.
"""

import re
import weakref
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ganinv.editing.layers import describe_rows, parse_layers
from ganinv.editing.named import load_named
from ganinv.editing.names import KINDS, direction_file, named_files
from ganinv.errors import ParamsError, UnknownNameError, printable, shorten
from ganinv.generators.base import Generator
from ganinv.measures.codes import WSpread
from ganinv.weights.manifest import match_name
from ganinv.weights.readers.arrays import read_named

RIDGE = 1e-4  # of the mean square of a row's style weights: keeps a channel's move short
TOO_SMALL = 1e-12


@dataclass(frozen=True)
class Direction:
    """A direction: `move` (num_ws, w_dim) is what strength 1 adds to each row of a code.

    `layers` are the rows that it moves unless others are named; `about` says what it is, for
    people.
    """

    name: str
    move: Tensor
    layers: str = "all"
    about: str = ""


def find_direction(generator: Generator, name: str, layers: str | None = None) -> Direction:
    """Find a direction by its name, as the module has them, for the rows in `layers`.

    `layers` is as `parse_layers` reads it; None takes the direction's own. SeFa factorizes the
    layers that it moves. Raises UnknownNameError for a name that is none, ParamsError for one that
    the generator, or the layers, cannot have.
    """
    text = str(name).strip()
    chosen = None if layers is None else parse_layers(layers, generator)
    kind, _, rest = text.partition(":")
    if kind.lower() == "sefa":
        return _sefa(generator, text, _count(text, rest, generator.w_dim), chosen)
    if kind.lower() == "pca":
        direction = _pca(generator, text, _count(text, rest, generator.w_dim))
    elif kind.lower() == "s":
        direction = _channel(generator, text)
    elif (file := direction_file(text)) is not None:
        direction = _from_file(generator, text, *file)
    else:
        known = directions(generator)
        direction = known[_match(text, known, generator)]
    if chosen is None:
        return direction
    return replace(direction, layers=describe_rows(moving_rows(generator, direction, layers)))


def moving_rows(generator: Generator, direction: Direction, layers: str | None = None) -> Tensor:
    """Tell which rows of a code a direction moves: bool (num_ws,).

    Those in `layers`, by default the direction's own. Raises ParamsError where it moves none of
    them.
    """
    rows = parse_layers(direction.layers if layers is None else layers, generator)
    if not direction.move[rows].any():
        raise ParamsError(
            f"{shorten(printable(direction.name))} moves no row of {describe_rows(rows)}; its own "
            f"layers are {direction.layers}"
        )
    return rows


def directions(generator: Generator) -> dict[str, Direction]:
    """Return a generator's named directions, {name: direction}; {} where none were found for it.

    Those of ffhq-student come with ganinv; `ganinv directions find` makes them for any other.
    """
    found: dict[str, Direction] = {}
    for path in named_files():
        for name, (w, layers, about) in load_named(path, generator).items():
            if tuple(w.shape) != (generator.w_dim,) or not w.isfinite().all():
                raise ParamsError(
                    f"{printable(path)} holds {shorten(printable(name))}, which is no "
                    f"{generator.w_dim} finite numbers; remove it, and find them again by `ganinv "
                    "directions find`"
                )
            move = w.expand(generator.num_ws, -1)  # as long as it was found to be
            found[name] = Direction(name, move, layers, about)
    return found


def along(generator: Generator, rows: Tensor) -> Tensor:
    """Scale a direction, (num_ws, w_dim), so that it is one standard deviation of W long.

    With one w in all rows, the variance of W along it is u^T C u, u of length 1; else the mean over
    the rows, each by its share of the squared length. Raises ParamsError for one without length.
    """
    rows = rows.detach().double().cpu()
    power = rows.square().sum()
    if not power > TOO_SMALL or not power.isfinite():
        raise ParamsError("a direction has no length, or is not finite")
    variance = ((rows @ spread(generator).covariance) * rows).sum() / power
    used = (rows.square().sum(1) > 0).sum()
    return (rows * (variance.clamp(min=0) * used / power).sqrt()).float()


_spreads: "weakref.WeakKeyDictionary[Generator, WSpread]" = weakref.WeakKeyDictionary()


def spread(generator: Generator) -> WSpread:
    """Return the mean and covariance of a generator's W, computed once."""
    if generator not in _spreads:
        _spreads[generator] = WSpread(generator)
    return _spreads[generator]


def principal_components(generator: Generator) -> tuple[Tensor, Tensor]:
    """Compute the variances (w_dim,) and components (w_dim, w_dim) of W, the largest first.

    Components are rows of length 1, signed so that the largest number of each is positive.
    """
    values, vectors = torch.linalg.eigh(spread(generator).covariance)
    return values.flip(0).clamp(min=0), _signed(vectors.flip(1).T)


def _signed(vectors: Tensor) -> Tensor:
    """Rows with the sign that makes the largest number of each positive."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * torch.where(largest < 0, -1.0, 1.0)


def _count(text: str, number: str, most: int) -> int:
    if not re.fullmatch(r"\d{1,5}", number) or int(number) >= most:
        raise ParamsError(f"{shorten(printable(text))}: give a number from 0 to {most - 1}")
    return int(number)


def _sefa(generator: Generator, text: str, k: int, chosen: Tensor | None) -> Direction:
    rows = torch.ones(generator.num_ws, dtype=torch.bool) if chosen is None else chosen
    matrices = [
        matrix.detach().double().cpu()
        for matrices, taken in zip(_styles(generator, text), rows, strict=True)
        if taken
        for matrix in matrices
    ]
    if not matrices:
        raise ParamsError(f"{text}: no style weights belong to the layers {describe_rows(rows)}")
    stacked = torch.cat(matrices)  # (C, w_dim)
    values, vectors = torch.linalg.eigh(stacked.T @ stacked)  # ascending
    vector = _signed(vectors.flip(1).T)[k]
    move = along(generator, vector.expand(generator.num_ws, -1))
    share = values.flip(0)[k] / values.sum()
    about = f"eigenvector {k} of the style weights, with {share:.1%} of their power"
    return Direction(text, move, describe_rows(rows), about)


def _pca(generator: Generator, text: str, k: int) -> Direction:
    values, vectors = principal_components(generator)
    move = (values[k].sqrt() * vectors[k]).float().expand(generator.num_ws, -1)
    about = f"principal component {k} of W, with {values[k] / values.sum():.1%} of its variance"
    return Direction(text, move, "all", about)


def _styles(generator: Generator, text: str) -> list[list[Tensor]]:
    matrices = generator.style_matrices()
    if not matrices:
        named = generator.name or "this generator"
        raise ParamsError(f"{text}: {named} has no style inputs; take pca:K")
    return matrices


def _channel(generator: Generator, text: str) -> Direction:
    """The move of the row that feeds a style, by which one channel moves and the others least.

    A row may feed several styles, of more channels than it has numbers: then some others have to.
    """
    places = [
        (row, place)
        for row, matrices in enumerate(_styles(generator, text))
        for place in range(len(matrices))
    ]
    found = re.fullmatch(r"s:(\d{1,5}):(\d{1,5})", text.lower())
    if not found or int(found[1]) >= len(places):
        raise ParamsError(
            f"{shorten(printable(text))}: give s:LAYER:CHANNEL, LAYER from 0 to {len(places) - 1}"
        )
    row, place = places[int(found[1])]
    matrices = [m.detach().double().cpu() for m in generator.style_matrices()[row]]
    widths = [len(matrix) for matrix in matrices]
    channel = int(found[2])
    if channel >= widths[place]:
        raise ParamsError(f"{text}: that layer has the channels 0 to {widths[place] - 1}")
    stacked = torch.cat(matrices)  # (channels of all styles of the row, w_dim)
    number = sum(widths[:place]) + channel
    a, others = stacked[number], torch.cat([stacked[:number], stacked[number + 1 :]])
    gram = others.T @ others
    gram += RIDGE * gram.trace() / len(gram) * torch.eye(len(gram), dtype=gram.dtype)
    move = torch.linalg.solve(gram, a)
    if not a @ move > 0:
        raise ParamsError(f"{text}: that channel does not depend on w")
    wanted = (a @ spread(generator).covariance @ a).clamp(min=0).sqrt()
    move = move * wanted / (a @ move)
    spill = (others @ move).norm() / wanted
    whole = torch.zeros(generator.num_ws, generator.w_dim)
    whole[row] = move.float()
    about = (
        f"channel {channel} of style {found[1]}, which row {row} feeds; the row's other channels "
        f"move by {spill:.0%} of it together"
    )
    return Direction(text, whole, str(row), about)


def _from_file(generator: Generator, text: str, path: Path, name: str) -> Direction:
    try:
        arrays = {key: x for key, x in read_named(path).items() if x.is_floating_point()}
    except ValueError as error:
        raise ParamsError(f"direction: {error}") from None
    fitting = {key: rows for key, x in arrays.items() if (rows := _rows(x, generator)) is not None}
    if name and (fitting or name not in arrays):
        key = match_name(name, fitting, f"directions in {printable(path)}")
    elif len(fitting) != 1:
        raise ParamsError(_which(path, arrays, fitting, generator))
    else:
        (key,) = fitting
    rows = fitting[key]
    if not rows.isfinite().all():
        raise ParamsError(f"direction: {printable(path)} holds numbers that are not finite")
    return Direction(text, along(generator, rows), "all", f"of the file {printable(path.name)}")


def _rows(x: Tensor, generator: Generator) -> Tensor | None:
    """A direction of a file, for each row of the generator; None where the shape is another."""
    while x.ndim > 2 and x.shape[0] == 1:
        x = x[0]
    if x.ndim == 1:
        x = x[None]
    if x.ndim != 2 or x.shape[1] != generator.w_dim:
        return None
    teacher = generator.teacher_rows
    if len(x) in (1, generator.num_ws):
        return x.double().expand(generator.num_ws, -1)
    if teacher and len(x) == max(teacher) + 1:
        return x.double()[teacher]
    return None


def _which(path, arrays, fitting, generator) -> str:
    """What to say where a file does not hold one direction."""
    if fitting:
        names = shorten(", ".join(printable(key) for key in list(fitting)[:20]), 300)
        file = printable(path)
        return f"direction: {file} holds several; name one by {file}:NAME, of {names}"
    shapes = ", ".join(f"{printable(k) or 'one'} {tuple(x.shape)}" for k, x in arrays.items())
    teacher = generator.teacher_rows
    wanted = [f"({generator.w_dim},)", f"({generator.num_ws}, {generator.w_dim})"]
    if teacher:
        wanted.append(f"({max(teacher) + 1}, {generator.w_dim})")
    return (
        f"direction: {printable(path)} holds {shorten(shapes) or 'no numbers with a fraction'}, "
        f"and {generator.name or 'this generator'} takes {', '.join(wanted)}"
    )


def _match(text: str, known: dict[str, Direction], generator: Generator) -> str:
    if not known:
        named = generator.name or "this generator"
        raise UnknownNameError(
            f"{shorten(printable(text))} is not {KINDS}, and {named} has no named directions; "
            f"`ganinv directions find --generator {printable(named)}` finds them"
        )
    return match_name(text, known, "direction")

"""Starts of a search: the mean of W, a random w, an encoder's codes, a saved latent."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from ganinv.encoders.load import load_encoder
from ganinv.errors import printable
from ganinv.files import split_part
from ganinv.generators.base import Generator
from ganinv.inversion.latent_files import (
    find_latent,
    load_latent,
    load_noise,
    maker_of,
    name_of,
)
from ganinv.inversion.latent_formats import is_foreign, match, read_latents
from ganinv.inversion.noise_maps import fit_maps, unstrengthened
from ganinv.inversion.params import STARTS, SearchParams, losses_of, start_folder
from ganinv.losses.terms import needs_encoder

P = TypeVar("P", bound=SearchParams)
Codes = Callable[[Tensor], Tensor]  # images (N, 3, H, W) -> codes (N, num_ws, w_dim)


@torch.no_grad()
def find_start(
    generator: Generator,
    init: str,
    *,
    target: Tensor,
    rng: torch.Generator,
    encoder: Codes | None = None,
    label: int | None = None,
    any_maker: bool = False,
    spread: float = 0.0,
) -> Tensor:
    """Return the latent (1 or num_ws, w_dim) that a search starts from.

    `init` is "mean_w", "random" (z drawn from `rng`, mapped), "encoder" (which sees `target`
    (3, H, W)) or the path of a saved latent, which `read_start` reads. `label` is a class of the
    generator's, which the first two are then of. Each row is moved in a direction of its own from
    `rng`, by about `spread` times w_std. Raises ValueError for a latent that does not fit the
    generator, a class that it lacks, and for an encoder missing.
    """
    if label is not None:
        check_label(label, generator)
    if init == "mean_w":
        latent = generator.w_avg[None] if label is None else mean_of_class(generator, label)
    elif init == "random":
        z = torch.randn(1, generator.z_dim, generator=rng)
        c = generator.random_labels(1, rng) if label is None else one_hot(label, 1, generator)
        latent = generator.mapping(z.to(generator.device), c)[0]
    elif init == "encoder":
        if encoder is None:
            raise ValueError("init: encoder needs an encoder; name one with the parameter encoder")
        latent = fit_rows(encoder(target[None])[0], generator)
    else:
        latent = read_start(init, generator, any_maker=any_maker)
    latent = latent.to(generator.w_avg)
    if spread:
        step = torch.randn(latent.shape, generator=rng).to(latent) / generator.w_dim**0.5
        latent = latent + spread * generator.w_std * step
    return latent


def check_label(label: int, generator: Generator) -> None:
    """Raise ValueError for a class that a generator does not have."""
    name = generator.name or "the generator"
    if not generator.c_dim:
        raise ValueError(f"label: {name} has no classes; leave it out")
    if not 0 <= label < generator.c_dim:
        raise ValueError(
            f"label: {name} has {generator.c_dim} classes, 0 to {generator.c_dim - 1}; got {label}"
        )


def one_hot(label: int, count: int, generator: Generator) -> Tensor:
    """Make labels (count, c_dim) of one class, on the generator's device."""
    c = torch.zeros(count, generator.c_dim).to(generator.w_avg)
    c[:, label] = 1
    return c


@torch.no_grad()
def mean_of_class(generator: Generator, label: int, *, samples: int = 10_000) -> Tensor:
    """Measure the mean of W in a class, (1, w_dim), from `samples` draws with a fixed seed."""
    rng = torch.Generator().manual_seed(0)
    total = torch.zeros(generator.w_dim, dtype=torch.float64)
    for part in torch.randn(samples, generator.z_dim, generator=rng).split(1000):
        c = one_hot(label, len(part), generator)
        total += generator.mapping(part.to(c), c)[:, 0].double().sum(0).cpu()
    return (total / samples)[None]


def read_start(init: str, generator: Generator, *, any_maker: bool = False) -> Tensor:
    """Read a saved latent (1 or num_ws, w_dim), in a file of ours or of another tool's.

    Rows of a student's teacher are laid onto the student's. Raises ValueError for one that does not
    fit, and, unless `any_maker`, for one that was made with other weights, as its file says.
    """
    if not split_part(init)[0].is_file():
        raise ValueError(f"init is none of {', '.join(STARTS)} and no file {init} exists")
    latent, metadata = load_latent(init)
    made_by = maker_of(metadata)
    if not any_maker and made_by and generator.sha256 and made_by != generator.sha256:
        raise ValueError(
            f"the latent in {printable(init)} was made with {_named(name_of(metadata), made_by)}, "
            f"not with {_named(generator.name, generator.sha256)}; name its own by the parameter "
            "generator, or set init_any: true to start from it all the same"
        )
    return fit_latent(latent, generator, init)


def _named(name: str, sha256: str) -> str:
    """A generator as a message names it: by its name and by the beginning of its hash."""
    return f"{printable(name) or 'a generator'} (SHA-256 {printable(sha256)[:8]}…)"


def fit_latent(latent: Tensor, generator: Generator, source: object) -> Tensor:
    """Lay a saved latent's rows onto a generator's: (num_ws or 1, w_dim), as `fit_rows` does.

    `source` names it. Raises ValueError for the latent of a generator of another shape.
    """
    rows = generator.teacher_rows
    also = f", or its teacher's {(rows[-1] + 1, generator.w_dim)}" if rows else ""
    try:
        if latent.ndim != 2:
            raise ValueError("it has no rows")
        return fit_rows(latent, generator)
    except ValueError:
        raise ValueError(
            f"the latent in {printable(source)} has shape {tuple(latent.shape)}, but "
            f"{printable(generator.name) or 'the generator'} takes "
            f"{(generator.num_ws, generator.w_dim)}{also}"
        ) from None


def own_start(
    params: P, image_id: str, called: Sequence[str] = (), place: tuple[int, int] | None = None
) -> P:
    """Replace a folder, or a file of several latents, by the latent of an image in it.

    In another tool's file that is found as `latent_formats.match` says: `called` are further names
    of the image, `place` its number among how many. Raises ValueError where there is none.
    """
    folder = start_folder(params.init)
    if folder is None:
        if params.init in STARTS or not holds_several(params.init):
            return params
        name = match(read_latents(params.init), params.init, [image_id, *called], place)
        return params.model_copy(update={"init": f"{params.init}:{name}"})
    path = find_latent(folder, image_id)
    if path is None:
        raise ValueError(
            f"init: {params.init} holds no latent of {image_id or 'an image'}; name the folder of "
            "a run that has one, or a latent.safetensors"
        )
    return params.model_copy(update={"init": str(path)})


def holds_several(init: str) -> bool:
    """Tell whether a start is a file of several latents. Raises ValueError for a damaged one."""
    path = Path(init)
    return is_foreign(path) and path.is_file() and "" not in read_latents(path).named


def check_latent(params: SearchParams, generator: Generator) -> None:
    """Raise ValueError for a saved latent, or noise maps beside it, that do not fit."""
    read_start(params.init, generator, any_maker=params.init_any)
    if params.noise_maps != "stored":
        maps = fit_maps(load_noise(params.init), generator, params.init)
        if maps:
            unstrengthened(maps, generator)


def check_start(params: SearchParams, generator: Generator, encoder: Codes | None) -> None:
    """Raise ValueError for a start, or an encoder to be asked, that no image could begin with."""
    if params.label is not None:
        check_label(params.label, generator)
    own = start_folder(params.init) is not None or holds_several(params.init)
    if params.init not in STARTS and not own:
        check_latent(params, generator)
    if uses_encoder(params) and encoder is None:
        what = "init: encoder" if params.init == "encoder" else "this loss"
        raise ValueError(f"{what} needs an encoder; name one with the parameter encoder")
    rows, width = (getattr(encoder, name, 0) for name in ("num_ws", "w_dim"))
    if rows:  # a callable of one's own need not say
        find_rows(rows, width, generator)


def uses_encoder(params: SearchParams) -> bool:
    """Whether a search starts from an encoder or asks one at every step."""
    return params.init == "encoder" or any(map(needs_encoder, losses_of(params)))


def find_encoder(
    params: SearchParams, generator: Generator, given: Codes | str | Path | None = None
) -> Any:
    """Return the encoder that a search uses, or None where it uses or names none.

    It is `given`, a callable or a name, or the parameter's. Raises WeightsError where it cannot be
    had.
    """
    named = params.encoder if given is None else given
    if uses_encoder(params) and isinstance(named, (str, Path)):
        return load_encoder(named, device=generator.device)
    return named if callable(named) else None


def fit_rows(codes: Tensor, generator: Generator) -> Tensor:
    """Lay an encoder's codes (rows, w_dim) onto a generator's rows: (num_ws or 1, w_dim).

    They pass as they are where the numbers agree; codes for a student's teacher are laid onto the
    student's rows by resolution. Raises ValueError for codes of another generator.
    """
    rows = find_rows(codes.shape[0], codes.shape[1], generator)
    return codes if rows is None else codes[rows]


def find_rows(rows: int, width: int, generator: Generator) -> list[int] | None:
    """Say which of an encoder's `rows` codes of `width` a generator's rows take; None: as they are.

    Raises ValueError for codes of another generator.
    """
    if width == generator.w_dim and rows in (1, generator.num_ws):
        return None
    teacher = generator.teacher_rows
    if width == generator.w_dim and teacher and rows == teacher[-1] + 1:
        return teacher
    also = f" (or its teacher's {teacher[-1] + 1})" if teacher else ""
    raise ValueError(
        f"the encoder gives {rows} codes of width {width}, but the generator {generator.name} at "
        f"{generator.resolution}x{generator.resolution} takes {generator.num_ws}{also} of width "
        f"{generator.w_dim}; use the encoder that was trained for it"
    )


def rows_encoder(encoder: Codes, generator: Generator) -> Codes:
    """Turn an encoder into a function of one image (1, 3, H, W) to the generator's rows."""
    return lambda images: fit_rows(encoder(images)[0], generator)[None]

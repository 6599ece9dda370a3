"""Latents as other tools leave them: which arrays of a file they are, and what each is called.

| file | holds |
|---|---|
| NVIDIA's projected_w.npz | `w` (1, num_ws, w_dim) |
| rosinality's projector.py, .pt | {path of an image: {"img", "latent", "noise"}} |
| PTI's .pt | a bare tensor (1, num_ws, w_dim) |
| e4e's latents.pt | a bare tensor (N, num_ws, w_dim), by the order of images, or a dict by name |
| .npy, .npz | one array of any of these shapes, or (num_ws, w_dim), or (w_dim,) |
| .safetensors | one tensor of any of these shapes, alone or called `w`, `latent` or `latents` |

Nothing in a file is run (`weights/readers/arrays.py`). A latent's noise maps are those that
rosinality's projector.py has searched together with it, one for each layer, in their order.
"""

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from ganinv.errors import printable, shorten
from ganinv.weights.headers import read_header
from ganinv.weights.readers.arrays import read_named

SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".pkl")
KEYS = ("w", "latent", "latents")  # of the latents, in a file that holds more than them
MOST = 100_000  # latents in a file
NOISE_MAP = re.compile(r"(?:(.*)\.)?noise\.([0-9]{1,4})", re.DOTALL)
SHOWN = 6  # names that a message lists


class Latents(NamedTuple):
    """The latents of a file, each (rows, w_dim), by name; "" names the only one.

    `ordered` are those of one array (N, rows, w_dim): named 0, 1, … by their places in it. `noise`
    has the noise maps of those that have some, by the latent's name.
    """

    named: dict[str, Tensor]
    ordered: bool
    noise: dict[str, list[Tensor]]


def is_foreign(path: str | Path) -> bool:
    """Tell whether a file is one of other tools, by its name; ours are .safetensors.

    One of that name is another tool's where it says nothing of ganinv, and its `latent` is no
    (rows, w_dim). A damaged one passes for ours.
    """
    kind = Path(path).suffix.lower()
    return kind in SUFFIXES or (kind == ".safetensors" and _lacks_ours(path))


def _lacks_ours(path: str | Path) -> bool:
    """Whether a safetensors file is whole, and none of ours."""
    try:
        header = read_header(path)
    except ValueError:
        return False
    about = header.get("__metadata__")
    ours = isinstance(about, dict) and "ganinv" in about
    return not ours and len(header.get("latent", {}).get("shape", ())) != 2


def read_latents(path: str | Path) -> Latents:
    """Read the latents of another tool's file. Raises ValueError where it holds none.

    They are not to be written to.
    """
    try:
        found = os.stat(path)
    except OSError as error:
        raise ValueError(f"{printable(path)} cannot be read: {error.strerror or error}") from None
    return _read(str(path), (found.st_ino, found.st_mtime_ns, found.st_size))


@functools.lru_cache(maxsize=1)
def _read(path: str, stamp: tuple[int, ...]) -> Latents:
    """Read a file once for all photographs that begin from it; another `stamp` is another file."""
    arrays = read_named(path)
    chosen = _choose(arrays, path)
    maps = _noise_maps(arrays)
    lone = len(chosen) == 1
    found: dict[str, Tensor] = {}
    noise: dict[str, list[Tensor]] = {}
    for name, x in chosen.items():
        parts = _split("" if lone else name, x, path)
        found |= parts
        if own := maps.get(name, maps.get("", [])):
            noise |= dict.fromkeys(parts, own)
    if len(found) > MOST:
        raise ValueError(f"{printable(path)} holds {len(found)} latents; {MOST} at most are read")
    return Latents(found, lone and "" not in found, noise)


def _choose(found: dict[str, Tensor], path: str) -> dict[str, Tensor]:
    """The arrays that are latents: those called so, else all, which a .safetensors has one of."""
    by_image = {
        name.removesuffix(".latent"): x for name, x in found.items() if name.endswith(".latent")
    }
    if by_image:
        return by_image
    called = next(({key: found[key]} for key in KEYS if key in found), found)
    if len(called) > 1 and Path(path).suffix.lower() == ".safetensors":  # weights, a refinement
        shown = [f"{shorten(printable(x))} {tuple(called[x].shape)}" for x in [*called][:SHOWN]]
        raise ValueError(
            f"{printable(path)} holds {len(called)} tensors, {', '.join(shown)}"
            f"{', …' if len(called) > SHOWN else ''}, and does not say which is a latent: that is "
            f"read under the name {', '.join(KEYS[:-1])} or {KEYS[-1]}, or where it is alone"
        )
    return called


def _noise_maps(found: dict[str, Tensor]) -> dict[str, list[Tensor]]:
    """The noise maps among arrays, in their order, by the name that stands before theirs."""
    maps: dict[str, dict[int, Tensor]] = {}
    for name, x in found.items():
        if named := NOISE_MAP.fullmatch(name):
            maps.setdefault(named[1] or "", {})[int(named[2])] = x
    return {name: [of[i] for i in sorted(of)] for name, of in maps.items()}


def _split(name: str, x: Tensor, path: str | Path) -> dict[str, Tensor]:
    """An array's latents, each (rows, w_dim): itself, or those that it is a stack of."""
    called = f"{printable(path)}: {shorten(printable(name)) or 'what it holds'}"
    if not x.is_floating_point():
        raise ValueError(f"{called} is no latent: its numbers are {x.dtype}, not floating-point")
    if x.ndim not in (1, 2, 3) or not x.numel():
        raise ValueError(
            f"{called} is no latent: it has shape {shorten(str(tuple(x.shape)))}, and latents are "
            "(w_dim,), (rows, w_dim) or (N, rows, w_dim)"
        )
    if x.ndim < 3:
        return {name: x.reshape(-1, x.shape[-1])}
    if len(x) == 1:
        return {name: x[0]}
    if len(x) > MOST:
        raise ValueError(f"{called} are {len(x)} latents; {MOST} at most are read")
    before = f"{name}." if name else ""
    return {f"{before}{i}": row for i, row in enumerate(x)}


def pick(latents: Latents, name: str, path: str | Path) -> Tensor:
    """Return a latent by its name, "" for the only one: (rows, w_dim), float32.

    Raises ValueError where there is none.
    """
    found = latents.named[_find(latents, name, path)]
    return found.detach().float().clone()  # a checkpoint's tensors share the file's memory


def pick_noise(latents: Latents, name: str, path: str | Path) -> list[Tensor]:
    """Return the noise maps of a latent by its name, as `pick` finds it; [] where it has none."""
    maps = latents.noise.get(_find(latents, name, path), [])
    return [x.detach().clone() for x in maps]


def _find(latents: Latents, name: str, path: str | Path) -> str:
    """The name by which a latent is kept. Raises ValueError where there is none."""
    named = latents.named
    if name in named:
        return name
    if not name:
        raise ValueError(f"{printable(path)} holds {_listed(latents)}; name one as FILE:NAME")
    # a path may have lost a doubled slash
    same = [key for key in named if key and str(Path(key)) == str(Path(name))]
    if len(same) != 1:
        raise ValueError(
            f"{printable(path)} holds no latent {shorten(printable(name))}; it holds "
            f"{_listed(latents)}"
        )
    return same[0]


def _listed(latents: Latents) -> str:
    """Say how many latents there are, and how they are called."""
    names = list(latents.named)
    if names == [""]:
        return "one latent, without a name"
    shown = ", ".join(shorten(printable(name)) for name in names[:SHOWN])
    return f"{len(names)} latents: {shown}{', …' if len(names) > SHOWN else ''}"


def match(
    latents: Latents,
    path: str | Path,
    wanted: Sequence[str],
    place: tuple[int, int] | None = None,
) -> str:
    """Find the latent of a photograph in a file; return its name.

    The only one is every photograph's. Several in one array are in the order of the photographs:
    `place` is the photograph's number, from 0, and how many there are. Others are found by name:
    `wanted` are what the photograph is called, its file's name among them; folders in the names
    count for nothing, and suffixes only where they tell two apart. Raises ValueError.
    """
    if "" in latents.named:
        return ""
    said = f"{printable(path)} holds {_listed(latents)}"
    if latents.ordered:
        if place is None:
            raise ValueError(f"{said}; name one as FILE:NAME, such as {printable(path)}:0")
        number, count = place
        if count != len(latents.named):
            raise ValueError(
                f"{said}, by the order of the photographs, and {count} "
                f"{'is' if count == 1 else 'are'} inverted; give the photographs that they belong "
                f"to, or name one as FILE:NAME, such as {printable(path)}:0"
            )
        return list(latents.named)[number]
    last = {name: re.split(r"[/\\]", name)[-1] for name in latents.named}
    for shape in (str, _stem):
        for called in wanted:
            hits = [name for name, short in last.items() if shape(short) == called]
            if len(hits) > 1:
                raise ValueError(f"{said}; several may be that of {printable(called)}")
            if hits:
                return hits[0]
    called = printable(wanted[0]) if wanted and wanted[0] else "an image without a name"
    raise ValueError(f"{said}, and none of {called}")


def _stem(name: str) -> str:
    return Path(name).stem

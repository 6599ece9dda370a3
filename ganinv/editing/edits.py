"""Edits of codes on disk: pictures, latents, a strip, and what was measured in each.

OUT/ID/DIRECTION_STRENGTH.png and .safetensors, the edited latent; OUT/ID/DIRECTION.png, all of them
side by side; OUT/edits.json, which lists just the pictures that are there, with what each shows and
what moved from the lowest strength to the highest. A picture has the code's refinement, as `carry`
takes it along; the latent alone renders it where there is none.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv import figures
from ganinv.editing.attributes import SIDE, find_face, measure_face
from ganinv.editing.carry import Rendered
from ganinv.editing.directions import Direction
from ganinv.editing.edit import edit
from ganinv.editing.moved import describe_moved, deviation_of, measure_moved
from ganinv.editing.pictures import file_names
from ganinv.editing.sources import Code, spare_codes
from ganinv.editing.strengths import file_word, is_strength, show_strength
from ganinv.errors import BadArgumentsError, InUseError, printable
from ganinv.files import full_path, read_json, remove_file, write_json
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, quantize, to_uint8
from ganinv.images.writing import save_png
from ganinv.inversion.latent_files import save_latent
from ganinv.inversion.refinement import describe_refinement, feature_offsets
from ganinv.locks import locked
from ganinv.measures.identity import identity_distance
from ganinv.measures.reconstruction import Pair, lpips_alex
from ganinv.runs.names import EDITS
from ganinv.runs.records import LOCK, held

BY_DIRECTION = ("edits", "moved")  # of an image in edits.json: what is kept for each direction
THUMBNAIL = 256  # pixels of a picture in the strip


def write_edits(
    generator: Generator,
    codes: Sequence[Code],
    directions: Sequence[Direction],
    strengths: Sequence[float],
    out: str | Path,
    *,
    features: str = "carry",
    say: Callable[[str], object] = print,
) -> dict[str, Any]:
    """Edit every code along every direction; write what the module says, and return edits.json.

    Results of other directions and images that lie in `out` stay. Those of the same are replaced:
    pictures and latents of strengths that are not asked for again go. Several processes may write
    into `out`, each image by one at a time. `features` is as `carry` has it. Raises WriteError, and
    BadArgumentsError for directions whose files would have one name, where an edit would replace
    what it is made of, and where `out` holds edits by another generator, or such as edits.json
    cannot list beside these.
    """
    out = Path(out)
    _check_words([direction.name for direction in directions])  # before the folder is made
    names = file_names(codes, reserved=(EDITS,))
    codes = [replace(code, id=name) for code, name in zip(codes, names, strict=True)]
    _spare(generator, codes, directions, out)
    about = {code.id: _describe(code, features) for code in codes}
    with _listed(out) as found:
        _check_folder(found, generator, directions, about, out)
        found["generator"] = {"name": generator.name, "sha256": generator.sha256}
        for direction in directions:
            found["directions"][direction.name] = {
                "about": direction.about,
                "layers": direction.layers,
                "file": file_word(direction.name),
            }
    for code in codes:
        with _claimed(out / code.id, say):
            render = Rendered(generator, code, features)
            plain = Looked(render(code.latent))
            for direction in directions:
                say(f"{printable(code.id)}: {printable(direction.name)}")
                with _listed(out) as found:  # no list may name a mixture of old and new pictures
                    for key in BY_DIRECTION:
                        found["images"].get(code.id, {}).get(key, {}).pop(direction.name, None)
                _remove(out / code.id, file_word(direction.name))
                rows, moved = write_edit(
                    generator, render, direction, strengths, out / code.id, plain
                )
                with _listed(out) as found:
                    image = found["images"].setdefault(code.id, {})
                    image |= about[code.id]
                    for key, made in zip(BY_DIRECTION, (rows, moved), strict=True):
                        image.setdefault(key, {})[direction.name] = made
                say(f"{printable(code.id)}: {describe_moved(direction.name, moved)}")
    return found


def _describe(code: Code, features: str) -> dict[str, Any]:
    """What edits.json says of a code that is edited."""
    return {
        "latent": str(code.path),
        "refinement": describe_refinement(code.refinement),
        "features": features if feature_offsets(code.refinement) else None,
    }


@contextlib.contextmanager
def _listed(out: Path) -> Iterator[dict[str, Any]]:
    """Give what edits.json holds, to be changed, and write it: no other process does meanwhile."""
    with held(out):
        found = _read(out / EDITS)
        yield found
        write_json(out / EDITS, found)


@contextlib.contextmanager
def _claimed(folder: Path, say: Callable[[str], object]) -> Iterator[None]:
    """Take an image's folder, so that no other process writes to it; wait for one that does."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / LOCK))
        except InUseError:
            say(f"another process is at work in {printable(folder)}: waiting for it")
            stack.enter_context(locked(folder / LOCK, wait=-1))
        yield


def _read(path: Path) -> dict[str, Any]:
    """What an edits.json holds; an empty one where there is none, or a damaged one."""
    try:
        found = read_json(path)
        parts = [found[key] for key in ("generator", "directions", "images")]
        parts += [*found["directions"].values(), *found["images"].values()]
        parts += [image.get(key, {}) for image in found["images"].values() for key in BY_DIRECTION]
        if all(isinstance(part, dict) for part in parts):
            return found
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return {"generator": {}, "directions": {}, "images": {}}


def _remove(folder: Path, word: str) -> None:
    """Remove the pictures and latents of an earlier edit, of whatever strengths."""
    for path in _edited(folder, word):
        remove_file(path)


def _edited(folder: Path, word: str) -> list[Path]:
    """List the pictures and latents of an edit that lie in a folder, of whatever strengths."""
    return [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.suffix in (".png", ".safetensors")
        and path.stem.startswith(f"{word}_")
        and is_strength(path.stem.removeprefix(f"{word}_"))
    ]


def _spare(
    generator: Generator, codes: Sequence[Code], directions: Sequence[Direction], out: Path
) -> None:
    """Raise BadArgumentsError where an edit would remove or replace what it is made of."""
    words = {file_word(direction.name) for direction in directions}
    replaced = [out / EDITS]
    for code in codes:
        folder = out / code.id
        for word in words:
            replaced += [folder / f"{word}.png", *_edited(folder, word)]
    spare_codes(replaced, codes, generator, *(full_path(each.name) for each in directions))


def _check_folder(
    found: dict[str, Any],
    generator: Generator,
    directions: Sequence[Direction],
    about: Mapping[str, dict[str, Any]],
    out: Path,
) -> None:
    """Raise BadArgumentsError where edits that stay in a folder do not go with those to come.

    `about` is what edits.json will say of each image.
    """

    def refuse(what: str) -> None:
        named = f"{printable(out)} holds {what}"
        raise BadArgumentsError(f"{named}; name another folder by --out")

    known = found["generator"].get("sha256")
    if known and generator.sha256 and known != generator.sha256:
        refuse("edits by another generator")
    _check_words([*found["directions"], *(direction.name for direction in directions)])
    for name, wanted in about.items():
        image = found["images"].get(name, {})
        kept = image.get("edits", {}).keys() - {direction.name for direction in directions}
        if kept and any(image.get(key) != wanted[key] for key in ("refinement", "features")):
            refuse(f"edits of {printable(name)} with another refinement, or other --features")
    for direction in directions:
        layers = found["directions"].get(direction.name, {}).get("layers", direction.layers)
        kept = {name for name, x in found["images"].items() if direction.name in x.get("edits", {})}
        if kept - about.keys() and layers != direction.layers:
            refuse(f"edits of other images along {printable(direction.name)} with other --layers")


def _check_words(names: Sequence[str]) -> None:
    """Raise BadArgumentsError for two directions that would be written to the same files."""
    words: dict[str, str] = {}
    for name in names:
        _check_apart(words.setdefault(file_word(name).casefold(), name), name)
    for word, name in words.items():  # the strip of smile_+1, and smile's picture at +1
        before, _, strength = word.rpartition("_")
        if is_strength(strength):
            _check_apart(words.get(before, name), name)


def _check_apart(one: str, other: str) -> None:
    if one != other:
        raise BadArgumentsError(
            f"{printable(one)} and {printable(other)} would be written to the same files; give "
            "them in two commands, each with a folder of its own by --out"
        )


class Looked:
    """A picture that edits are compared with: `image` (3, H, W), and the landmarks in it."""

    def __init__(self, image: Tensor) -> None:
        self.image = quantize(image)
        self.picture = to_uint8(image)
        face = find_face(_small(image))
        self.place = None if face is None else face.points
        self.attributes = None if face is None else face.measure()

    def measure(self, image: Tensor) -> dict[str, Any]:
        """Measure an edit: attributes, null without a face, and how far it is from this picture."""
        attributes = measure_face(_small(image), self.place) if self.place is not None else None
        pair = Pair(quantize(image), self.image)
        return {
            "attributes": attributes,
            "identity": identity_distance(to_uint8(image), self.picture),
            "lpips_alex": lpips_alex(pair),
        }


def _small(image: Tensor) -> np.ndarray:
    return to_uint8(box_resize(image[None], SIDE)[0])


@torch.no_grad()
def write_edit(
    generator: Generator,
    render: Rendered,
    direction: Direction,
    strengths: Sequence[float],
    folder: Path,
    plain: Looked,
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Write the pictures of one code along one direction.

    Returns {strength: what was measured}, and what changed from the lowest strength to the highest
    (`measure_moved`); of one strength alone, from none.
    """
    code, word = render.code, file_word(direction.name)
    latents = edit(generator, code.latent, direction, list(strengths))
    rows: dict[str, dict[str, Any]] = {}
    thumbnails, ends = [], {}
    if len(strengths) == 1:
        ends[0.0] = plain.picture, plain.attributes
    for strength, latent in zip(strengths, latents, strict=True):
        shown = show_strength(strength)
        image = render(latent)
        picture = to_uint8(image)
        save_png(folder / f"{word}_{shown}.png", picture)
        save_latent(folder / f"{word}_{shown}.safetensors", latent, generator, code.noise)
        rows[shown] = {"picture": f"{word}_{shown}.png"} | plain.measure(image)
        thumbnails.append(figures.shrink(picture, THUMBNAIL))
        if strength in (min(strengths), max(strengths)):
            ends[strength] = picture, rows[shown]["attributes"]
    labels = [f"{printable(direction.name)} {shown}" for shown in rows]
    strip = figures.captioned(np.concatenate(thumbnails, 1), labels, thumbnails[0].shape[1])
    save_png(folder / f"{word}.png", strip)
    low, high = min(ends), max(ends)
    deviation = deviation_of(direction.name, generator)
    moved = measure_moved((low, *ends[low]), (high, *ends[high]), direction.name, deviation)
    return rows, moved

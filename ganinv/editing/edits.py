"""Edits of codes on disk: pictures, latents, a strip, and what was measured in each.

OUT/ID/DIRECTION_STRENGTH.png and .safetensors, the edited latent; OUT/ID/DIRECTION.png, all of them
side by side; OUT/edits.json. A picture has the code's refinement, as `carry` takes it along; the
latent alone renders it where there is none.
"""

from collections.abc import Callable, Mapping, Sequence
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
from ganinv.editing.sources import Code
from ganinv.editing.strengths import file_word, show_strength
from ganinv.errors import BadArgumentsError, printable
from ganinv.files import read_json, write_json
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, quantize, to_uint8
from ganinv.images.writing import save_png
from ganinv.inversion.latent_files import save_latent
from ganinv.inversion.refinement import describe_refinement, feature_offsets
from ganinv.measures.identity import identity_distance
from ganinv.measures.reconstruction import Pair, lpips_alex
from ganinv.runs.names import EDITS

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

    Results of other directions and images that lie in `out` stay, those of the same are replaced.
    `features` is as `carry` has it. Raises WriteError, and BadArgumentsError for directions whose
    files would have one name, and where `out` holds edits by another generator.
    """
    out = Path(out)
    _check_words(directions)
    found = _read(out / EDITS)
    known = found["generator"].get("sha256")
    if known and generator.sha256 and known != generator.sha256:
        raise BadArgumentsError(
            f"{printable(out)} holds edits by another generator; name another folder by --out"
        )
    found["generator"] = {"name": generator.name, "sha256": generator.sha256}
    for direction in directions:
        found["directions"][direction.name] = {
            "about": direction.about,
            "layers": direction.layers,
            "file": file_word(direction.name),
        }
    for code in codes:
        render = Rendered(generator, code, features)
        image = found["images"].setdefault(code.id, {})
        image["latent"] = str(code.path)
        image["refinement"] = describe_refinement(code.refinement)
        image["features"] = features if feature_offsets(code.refinement) else None
        plain = Looked(render(code.latent))
        for direction in directions:
            say(f"{printable(code.id)}: {printable(direction.name)}")
            rows = write_edit(generator, render, direction, strengths, out / code.id, plain)
            image.setdefault("edits", {})[direction.name] = rows
            write_json(out / EDITS, found)
    return found


def _read(path: Path) -> dict[str, Any]:
    """What an edits.json holds; an empty one where there is none, or a damaged one."""
    try:
        found = read_json(path)
        parts = [found[key] for key in ("generator", "directions", "images")]
        parts += [image.get("edits", {}) for image in found["images"].values()]
        if all(isinstance(part, dict) for part in parts):
            return found
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    return {"generator": {}, "directions": {}, "images": {}}


def _check_words(directions: Sequence[Direction]) -> None:
    """Raise BadArgumentsError for two directions that would be written to the same files."""
    words: dict[str, str] = {}
    for direction in directions:
        other = words.setdefault(file_word(direction.name).casefold(), direction.name)
        if other != direction.name:
            raise BadArgumentsError(
                f"{printable(other)} and {printable(direction.name)} would be written to the same "
                "files; give them in two commands, each with a folder of its own by --out"
            )


class Looked:
    """A picture that edits are compared with: `image` (3, H, W), and the landmarks in it."""

    def __init__(self, image: Tensor) -> None:
        self.image = quantize(image)
        self.picture = to_uint8(image)
        face = find_face(_small(image))
        self.place = None if face is None else face.points

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
) -> dict[str, Mapping[str, Any]]:
    """Write the pictures of one code along one direction; return {strength: what was measured}."""
    code, word = render.code, file_word(direction.name)
    latents = edit(generator, code.latent, direction, list(strengths))
    rows: dict[str, Mapping[str, Any]] = {}
    thumbnails = []
    for strength, latent in zip(strengths, latents, strict=True):
        shown = show_strength(strength)
        image = render(latent)
        picture = to_uint8(image)
        save_png(folder / f"{word}_{shown}.png", picture)
        save_latent(folder / f"{word}_{shown}.safetensors", latent, generator, code.noise)
        rows[shown] = {"picture": f"{word}_{shown}.png"} | plain.measure(image)
        thumbnails.append(figures.shrink(picture, THUMBNAIL))
    labels = [f"{printable(direction.name)} {shown}" for shown in rows]
    strip = figures.captioned(np.concatenate(thumbnails, 1), labels, thumbnails[0].shape[1])
    save_png(folder / f"{word}.png", strip)
    return rows

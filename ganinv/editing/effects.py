"""What moves of codes do to faces: draw, render and measure them, and keep what was measured."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import resolve_precision
from ganinv.compute.render import make_renderer
from ganinv.editing.attributes import SIDE, find_face
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, to_uint8
from ganinv.measures.identity import face_descriptor
from ganinv.weights.store import read_tensors, sha256_tensors, write_tensors

TRUNCATION = 0.8  # of the faces that are drawn: typical ones, and yet varied
DESCRIPTOR = 128  # numbers that describe whose face it is
MANY = 1000  # renderings, for which compilation pays
Say = Callable[[str], object]
Measure = Callable[[np.ndarray, Any], tuple[dict[str, float] | None, Any]]


def measure_placed(picture: np.ndarray, place: Any = None) -> tuple[dict[str, float] | None, Any]:
    """Measure a picture as `measure_face` does; return its landmarks (68, 2) as well, or None.

    They are the `place` in which the same face is looked for in edits of the picture.
    """
    face = find_face(picture, place)
    return (None, None) if face is None else (face.measure(), face.points)


class Faces:
    """Draws, renders and measures faces of one generator, as fast as a search renders.

    `names` are the attributes, which `measure` finds in a picture, together with the place of the
    face, which helps it with edits of the picture; it is called as `measure_placed`.
    """

    def __init__(
        self,
        generator: Generator,
        names: Sequence[str],
        say: Say,
        measure: Measure = measure_placed,
    ) -> None:
        self.generator, self.names = generator, tuple(names)
        self.measure_by = measure
        precision = resolve_precision("auto", generator.device)
        compiled = resolve_compile("auto", generator, MANY)
        self.render, _ = make_renderer(generator, precision, compiled, say)

    def draw(self, rng: torch.Generator) -> Tensor:
        """Draw a face's ws (num_ws, w_dim), on the CPU."""
        return self.generator.draw(rng, TRUNCATION).cpu()

    def draw_all(self, seed: int, count: int) -> list[Tensor]:
        """Draw faces of a seed."""
        rng = torch.Generator().manual_seed(seed)
        return [self.draw(rng) for _ in range(count)]

    def picture(self, ws: Tensor) -> np.ndarray:
        """Render ws (num_ws, w_dim): uint8 (S, S, 3), of `SIDE` pixels at most."""
        ws = ws[None].to(self.generator.device).clone()
        image = self.render(ws.requires_grad_(True)).detach()  # it was compiled with a gradient
        return to_uint8(box_resize(image, SIDE)[0])

    def measure(self, picture: np.ndarray, place: Any = None) -> Tensor:
        """Measure a picture's attributes: float64 (A,), NaN where they cannot be."""
        return self.measure_placed(picture, place)[0]

    def measure_placed(self, picture: np.ndarray, place: Any = None) -> tuple[Tensor, Any]:
        """Measure a picture, and say where its face is, by one detection: (attributes, place)."""
        found, place = self.measure_by(picture, place)
        values = [torch.nan] * len(self.names) if found is None else [found[n] for n in self.names]
        return torch.tensor(values, dtype=torch.float64), place


class Kept:
    """Tensors by name in one file, each computed once: a killed process goes on from them."""

    def __init__(self, path: str | Path, about: dict[str, Any]) -> None:
        self.path, self.about = Path(path), {"ganinv": json.dumps(about, sort_keys=True)}
        self.tensors: dict[str, Tensor] = {}
        if self.path.is_file():
            try:
                tensors, known = read_tensors(self.path)
            except ValueError:  # damaged: computed anew
                return
            if known == self.about:
                self.tensors = tensors

    def put(self, **tensors: Tensor) -> None:
        """Keep tensors by name, on disk too. Raises WriteError."""
        self.tensors |= tensors
        write_tensors(self.path, self.tensors, self.about)


class Effects:
    """Measures what moves do to the faces `ws`, each (num_ws, w_dim), and keeps it in `kept`."""

    def __init__(self, faces: Faces, ws: Sequence[Tensor], kept: Kept, say: Say) -> None:
        self.faces, self.ws, self.kept, self.say = faces, ws, kept, say
        self._plain: list[tuple[Tensor, Any]] | None = None

    def plain(self) -> list[tuple[Tensor, Any]]:
        """Measure the faces as they are: their attributes, and their place."""
        if self._plain is None:
            self._plain = [self.faces.measure_placed(self.faces.picture(ws)) for ws in self.ws]
        return self._plain

    def uncertainty(self, shift: int) -> Tensor:
        """Measure by how much attributes change, (A,), when a picture is moved by some pixels.

        That is the root mean square over the faces: a measure is no surer.
        """
        if "uncertainty" not in self.kept.tensors:
            changes = []
            for ws, (plain, place) in zip(self.ws, self.plain(), strict=True):
                picture = self.faces.picture(ws)
                moved = np.pad(picture, ((shift, 0), (shift, 0), (0, 0)), "edge")
                moved = moved[: len(picture), : picture.shape[1]]
                changes.append(self.faces.measure(moved, place) - plain)
            there = [x for x in changes if x.isfinite().all()]
            spread = torch.stack(there).square().mean(0).sqrt() if there else 0 * changes[0]
            self.kept.put(uncertainty=spread)
        return self.kept.tensors["uncertainty"]

    def of(self, name: str, move: Tensor, strengths: Sequence[float]) -> tuple[Tensor, Tensor]:
        """Measure every face moved by `move` (num_ws, w_dim) at each strength, the ends named.

        Returns attributes, float64 (F, S, A), and by how much the face's descriptor changes from
        the first strength to the last, (F, 128), NaN where there is no face. `name` is for `say`.
        """
        code = sha256_tensors(move, torch.tensor(strengths, dtype=torch.float64))[:24]
        if code not in self.kept.tensors:
            self.say(f"measuring {name}, {len(self.ws)} faces")
            rows = [self._of_face(i, move, strengths) for i in range(len(self.ws))]
            measured, changed = (torch.stack(list(parts)) for parts in zip(*rows, strict=True))
            self.kept.put(**{code: measured, f"{code}.descriptor": changed})
        return self.kept.tensors[code], self.kept.tensors[f"{code}.descriptor"]

    def _of_face(self, i, move, strengths):
        plain, place = self.plain()[i]
        ends, rows = [], []
        for strength in strengths:
            if strength == 0:
                rows.append(plain)
                continue
            picture = self.faces.picture(self.ws[i] + strength * move)
            rows.append(self.faces.measure(picture, place))
            if strength in (strengths[0], strengths[-1]):
                ends.append(face_descriptor(picture))
        if any(end is None for end in ends):
            change = torch.full((DESCRIPTOR,), torch.nan, dtype=torch.float64)
        else:
            change = torch.from_numpy(ends[-1] - ends[0])
        return torch.stack(rows), change


def mean_change(measured: Tensor, deviations: Tensor) -> Tensor:
    """Average, over faces, the change from the first strength to the last: (A,), in deviations.

    `measured` is (F, S, A), `deviations` (A,). Faces that could not be measured are left out.
    """
    return ((measured[:, -1] - measured[:, 0]) / deviations).nanmean(0)


def identity_change(changed: Tensor) -> float:
    """Average how far apart the ends of an edit are, from descriptors' changes (F, 128).

    NaN where no face could be described.
    """
    return changed.square().sum(1).sqrt().nanmean().item()


def rising_share(values: Tensor, slack: float = 0.0) -> float:
    """Tell on what share of faces an attribute, (F, S), rises from every strength to the next.

    A step may fall by `slack`. A face that could not be measured does not rise.
    """
    rises = (values.diff(dim=1) > -slack).all(1) & (values[:, -1] > values[:, 0])
    return rises.double().mean().item()

"""What a study finds on each photograph, kept in files: it goes on where it stopped.

A part is what takes long: rows of numbers, and strips of pictures. Two processes that make the same
study share its photographs, and each reads what the other found.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ganinv.errors import InUseError
from ganinv.files import sha256_file
from ganinv.locks import locked
from ganinv.numerics import NUMERICS
from ganinv.weights.store import read_tensors, write_tensors

Make = Callable[[str], "Part"]


@dataclass
class Part:
    """What was found on one photograph.

    `rows` and `places` are numbers by name, as JSON has them, and NaN; `strips` are by name
    pictures, uint8 (H, W, 3), of one size in each strip.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=list)
    strips: dict[str, list[np.ndarray]] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """Where the parts of a study lie: `folder`, None to keep none.

    `files` names what a photograph's part is made from, `settings` are what else decides it, as
    JSON has it: a part that was made from other bytes, or under others, is made again.
    """

    folder: Path | None
    files: Callable[[str], Iterable[Path]]
    settings: Mapping[str, Any]

    def of(self, images: Sequence[str], make: Make) -> dict[str, Part]:
        """Return the part of each photograph, by its id; `make(id)` makes what is not there.

        Those that another process is at come last. Raises WriteError.
        """
        if self.folder is None:
            return {image: make(image) for image in images}
        found: dict[str, Part] = {}
        busy = [image for image in images if not self._find(image, make, found)]
        for image in busy:
            self._find(image, make, found, wait=-1)
        return {image: found[image] for image in images}

    def _find(self, image: str, make: Make, found: dict[str, Part], wait: float = 0.0) -> bool:
        """Read a part, or make it and keep it; False where another process does."""
        assert self.folder is not None
        path, key = self.folder / f"{image}.safetensors", self._key(image)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(path.with_suffix(".lock"), wait=wait))
            except InUseError:
                return False
            part = _read(path, key)
            if part is None:
                part = make(image)
                _write(path, part, key)
            found[image] = part
        return True

    def _key(self, image: str) -> str:
        """A hash of all that decides a photograph's part."""
        # a file that is not there, such as a refinement, keeps its place
        files = [sha256_file(x) if x.is_file() else "" for x in self.files(image)]
        told = [NUMERICS, image, files, self.settings]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _write(path: Path, part: Part, key: str) -> None:
    pictures = {str(k): np.stack(strip) for k, strip in enumerate(part.strips.values())}
    about = {"key": key, "rows": part.rows, "places": part.places, "strips": [*part.strips]}
    tensors = {name: torch.from_numpy(x) for name, x in pictures.items()}
    write_tensors(path, tensors, {"ganinv": json.dumps(about)})


def _read(path: Path, key: str) -> Part | None:
    """Read a part; None where there is none of this key, or a damaged one."""
    if not path.is_file():
        return None
    try:
        tensors, metadata = read_tensors(path, largest=None)
        about = json.loads(metadata["ganinv"])
        if about["key"] != key:
            return None
        strips = {name: [*tensors[str(k)].numpy()] for k, name in enumerate(about["strips"])}
        return Part([*about["rows"]], [*about["places"]], strips)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None

"""A code that waits for its refinement: what a search found, on disk until the whole is finished.

A process that is killed while it refines begins there, and not at the search. The file is
safetensors: `latent` (rows, w_dim), what moved; `noise.NAME`, its normal noise maps; `pictures`
(n, h, w, 3), the snapshots; and the history as JSON.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganinv.inversion.latent_files import NOISE, are_finite
from ganinv.inversion.search import SNAPSHOT_SIZE, Best, Search
from ganinv.weights.store import read_tensors, write_tensors

LARGEST = 2**53  # of steps, evaluations
ROW = {"step", "loss", "lr", "seconds", "evaluations", "best_step", "phase"}
_PICTURES = "pictures"


class CodeFile(NamedTuple):
    """Where a code waits: a path, and a key that says of which photograph, under which settings."""

    path: Path
    key: str


def save_code(file: CodeFile, search: Search) -> None:
    """Write what a search found. Raises WriteError."""
    best = search.best
    tensors = {"latent": best.latent} | {NOISE + name: x for name, x in best.noise.items()}
    if search.snapshots:
        tensors[_PICTURES] = torch.from_numpy(np.stack([shot for _, shot in search.snapshots]))
    about = {
        "key": file.key,
        "loss": best.loss,
        "step": best.step,
        "noisy": best.noisy,
        "seconds": search.seconds,
        "evaluations": search.evaluations,
        "history": search.history,
        "shown": [step for step, _ in search.snapshots],
    }
    write_tensors(file.path, tensors, {"ganinv": json.dumps(about)})


def restore_code(file: CodeFile, search: Search) -> bool:
    """Bring a search to where it was saved; False, and nothing done, for no such file or key.

    Nor for a damaged file: one whose tensors or history are none that this search could have left.
    """
    if not file.path.is_file():
        return False
    try:
        tensors, metadata = read_tensors(file.path, largest=None)
        about = json.loads(metadata["ganinv"])
        if about["key"] != file.key:
            return False
        best = Best(
            latent=_like(tensors["latent"], search.best.latent),
            noise={name: _like(tensors[NOISE + name], x) for name, x in search.best.noise.items()},
            loss=_number(about["loss"]),
            step=_whole(about["step"]),
            noisy=about["noisy"] is True,
        )
        snapshots = _snapshots(tensors, about["shown"], search)
        history = [_row(row) for row in about["history"]]
        seconds, evaluations = _number(about["seconds"]), _whole(about["evaluations"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False  # damaged, or somebody else's: the search is made again
    search.best, search.history, search.snapshots = best, history, snapshots
    search.seconds, search.evaluations = seconds, evaluations
    search.step = history[-1]["step"] if history else 0
    return True


def _like(x: Tensor, wanted: Tensor) -> Tensor:
    """A tensor as another one is. Raises ValueError for one of other sizes, or not finite."""
    if x.shape != wanted.shape or not are_finite(x, wanted.dtype):
        raise ValueError("other numbers than a search has")
    return x.to(wanted)


def _snapshots(tensors: dict[str, Tensor], shown: list, search: Search) -> list:
    """The pictures, each with the number of the steps before it."""
    side = min(SNAPSHOT_SIZE, search.generator.resolution)
    pictures = tensors.get(_PICTURES, torch.empty(0, side, side, 3, dtype=torch.uint8))
    if pictures.dtype != torch.uint8 or pictures.shape[1:] != (side, side, 3):
        raise ValueError("other pictures than a search keeps")
    return list(zip(map(_whole, shown), pictures.numpy(), strict=True))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a history: words under `phase`, numbers under all other names."""
    if not row.keys() >= ROW or type(row["phase"]) is not str:
        raise ValueError("other rows than a history has")
    for name, value in row.items():
        if name != "phase":
            _number(value)
    _whole(row["step"])
    return row


def _number(value: Any) -> float:
    if type(value) not in (int, float) or (type(value) is int and abs(value) > LARGEST):
        raise ValueError("no number")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise ValueError("no whole number")
    return value

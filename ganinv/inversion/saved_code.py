"""A code that waits for its refinement: what a search found, on disk until the whole is finished.

A process that is killed while it refines begins there, and not at the search. The file is
safetensors: `latent` (rows, w_dim), what moved; `noise.NAME`, its normal noise maps; `pictures`
(n, h, w, 3), the snapshots; and the history as JSON.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ganinv.inversion.latent_files import NOISE
from ganinv.inversion.search import Best, Search
from ganinv.weights.store import read_tensors, write_tensors

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
    """Bring a search to where it was saved; False, and nothing done, for no such file or key."""
    if not file.path.is_file():
        return False
    try:
        tensors, metadata = read_tensors(file.path, largest=None)
        about = json.loads(metadata["ganinv"])
        if about["key"] != file.key or tensors["latent"].shape != search.best.latent.shape:
            return False
        noise = {name: tensors[NOISE + name].to(x) for name, x in search.best.noise.items()}
        pictures = tensors.get(_PICTURES, torch.empty(0)).numpy()
        snapshots = list(zip(about["shown"], pictures, strict=True))
        latent = tensors["latent"].to(search.best.latent)
        best = Best(latent, noise, about["loss"], about["step"], about["noisy"])
        history, spent = list(about["history"]), (about["seconds"], about["evaluations"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False  # damaged, or somebody else's: the search is made again
    search.best, search.history, search.snapshots = best, history, snapshots
    search.seconds, search.evaluations = spent
    return True

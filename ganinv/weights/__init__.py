"""Weights by name: a manifest, fetching with checksums, readers of foreign formats."""

from pathlib import Path

from ganinv.errors import WeightsError
from ganinv.files import sha256_file
from ganinv.paths import project_root
from ganinv.weights.fetch import fetch
from ganinv.weights.foreign import converted, find_file
from ganinv.weights.manifest import ensure, load_manifest
from ganinv.weights.store import read_weights

__all__ = [
    "WeightsError",
    "ensure",
    "fetch",
    "load_manifest",
    "locate",
    "project_root",
    "read_weights",
]


def locate(name, kind):
    """Find a generator or encoder: (its safetensors file, what to call it, its SHA-256).

    `name` is one in the manifest or a path; a foreign checkpoint is converted once, and its
    SHA-256 is the checkpoint's own. Raises WeightsError where there is none.
    """
    path = find_file(name)
    label = path.stem if path == Path(name) else name
    if path.suffix == ".safetensors":
        return path, label, sha256_file(path)
    file, sha256 = converted(path, kind)
    return file, label, sha256

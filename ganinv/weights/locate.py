"""From what a user names, a manifest's entry or a path, to the weight file that is meant."""

from pathlib import Path
from typing import Any

from ganinv.errors import WeightsError
from ganinv.files import sha256_file
from ganinv.weights.convert import Check, check_parts, converted
from ganinv.weights.find import find_file, find_weights
from ganinv.weights.readers.networks import read_parts
from ganinv.weights.store import part_of_a_result, read_beside, read_own


def describe_file(name: str | Path, *, check: Check | None = None) -> list[dict[str, Any]]:
    """Say what a weight file holds, one dict per network, without converting it.

    `name` is another project's checkpoint, one of our own files, or a name in the manifest. `check`
    is called with each network of a checkpoint. Raises WeightsError.
    """
    path = find_file(name)
    description = read_own(path)
    if description is None:
        source = dict(source=path.name, source_sha256=sha256_file(path))
        parts = read_parts(path)
        check_parts(path, parts, check)
        return [part.describe() | source for part in parts]
    if "architecture" not in description:
        raise WeightsError(
            f"{path} holds no network that ganinv knows{part_of_a_result(path, description)}"
        )
    facts = dict(file=path.name, sha256=sha256_file(path))
    return [facts | description | read_beside(path) | facts]


def locate(name: str | Path, kind: str, *, check: Check | None = None) -> tuple[Path, str, str]:
    """Find a generator or encoder: (its safetensors file, what to call it, its SHA-256).

    `name` is one in the manifest or a path; another project's checkpoint is converted once, and
    its SHA-256 is the checkpoint's own. What `check` refuses is not converted. Raises WeightsError
    where there is none.
    """
    path, label = find_weights(name)
    if read_own(path) is not None:  # what is no such file is told before its bytes are hashed
        return path, label, sha256_file(path)
    file, sha256 = converted(path, kind, check=check)
    return file, label, sha256

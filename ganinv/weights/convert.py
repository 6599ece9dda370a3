"""Checkpoints of other projects become files of ours: safetensors with a description.

`convert_checkpoint` writes them where a user says, `converted` keeps them in
checkpoints/converted/, `convert_source` makes those of the manifest. What a checkpoint holds is
found by `readers`.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ganinv.errors import WeightsError, printable
from ganinv.files import sha256_file, write_json
from ganinv.paths import converted_folder, writable
from ganinv.weights.intact import is_whole
from ganinv.weights.readers.lpips_backbones import read_backbone
from ganinv.weights.readers.mobile_stylegan import read_mobile_stylegan
from ganinv.weights.readers.networks import read_part, read_parts
from ganinv.weights.readers.parts import Network
from ganinv.weights.store import (
    part_of_a_result,
    read_beside,
    read_own,
    read_weights,
    save_weights,
)

OF_THE_FILE = ("architecture", "config", "file", "sha256", "size", "bytes")  # in a description
Check = Callable[[Network], object]  # raises ValueError for a network that cannot be built
VERSION = 1  # of the conversion; another one makes kept conversions be made anew


def convert_checkpoint(
    path: str | Path,
    out: str | Path | None = None,
    head: str | None = None,
    *,
    check: Check | None = None,
) -> list[Path]:
    """Write each part of a checkpoint as safetensors and a JSON description; return the paths.

    They lie beside the checkpoint unless `out` names a file ending in .safetensors; of several
    parts each has its kind before that ending. A file of ours is written again as it is, or, where
    it is its own target, described beside it; what else the JSON beside it says, such as its source
    and its licence, stays. `check` is called with each part before anything is written. Raises
    WeightsError.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"there is no file {path}")
    target = path.with_suffix(".safetensors") if out is None else Path(out)
    if target.suffix != ".safetensors":
        raise WeightsError(f"{target} does not end in .safetensors")
    description = read_own(path)
    if description is not None:
        return [_copy_own(path, target, description)]
    if target.exists() and target.samefile(path):
        raise WeightsError(f"{path} would be overwritten by what is made of it; name another file")
    parts, source_sha256 = read_parts(path, head), sha256_file(path)
    check_parts(path, parts, check)
    names = [target]
    if len(parts) > 1:
        names = [target.with_suffix(f".{part.kind}.safetensors") for part in parts]
    if path.resolve() in [name.with_suffix(".json").resolve() for name in names]:
        raise WeightsError(f"{path} would be overwritten by the description; name another file")
    for part, name in zip(parts, names, strict=True):
        write_network(part, name, source=path.name, source_sha256=source_sha256)
    return names


def _copy_own(path: Path, target: Path, description: Mapping[str, Any]) -> Path:
    """Write a file of ours to the target, and describe it, with what was known of it before."""
    architecture, config = description.get("architecture"), description.get("config")
    if not isinstance(architecture, str) or not isinstance(config, dict):
        raise WeightsError(
            f"{path} is a safetensors file, but holds no network that ganinv knows"
            f"{part_of_a_result(path, description)}"
        )
    network = Network(architecture, config, read_weights(path)[1])
    known = {name: fact for name, fact in read_beside(path).items() if name not in OF_THE_FILE}
    origin = {} if "source" in known else dict(source=path.name, source_sha256=sha256_file(path))
    about = known | origin
    if not (target.exists() and target.samefile(path)):
        save_network(network, target)
    write_description(network, target, about)
    return target


def save_network(network: Network, path: str | Path) -> None:
    """Write a network's weights to `path`. Raises WeightsError."""
    tensors = {name: x.clone() for name, x in network.tensors.items()}  # none shares memory
    description = dict(architecture=network.architecture, config=network.config)
    save_weights(path, tensors, description)


def write_network(network: Network, path: Path, **source: Any) -> None:
    """Write a network to `path` and its description beside it. Raises WeightsError."""
    save_network(network, path)
    write_description(network, path, source)


def write_description(network: Network, path: Path, source: Mapping[str, Any]) -> None:
    """Write the description of a network's file beside it, as JSON. Raises WeightsError."""
    written = dict(sha256=sha256_file(path), size=path.stat().st_size)
    try:
        write_json(path.with_suffix(".json"), network.describe() | dict(source) | written)
    except OSError as error:
        raise WeightsError(f"{path.with_suffix('.json')} cannot be written: {error}") from None


def check_parts(path: Path, parts: Iterable[Network], check: Check | None) -> None:
    """Raise WeightsError, which names the checkpoint, for a part that `check` refuses."""
    for part in parts:
        try:
            if check is not None:
                check(part)
        except ValueError as error:
            reason = printable(" ".join(str(error).split())[:300])
            raise WeightsError(f"{path} is not read: {reason}") from None


def converted(
    path: str | Path, kind: str, *, version: int = VERSION, check: Check | None = None
) -> tuple[Path, str]:
    """Convert a checkpoint's part of a kind; return its file and the checkpoint's SHA-256.

    It is made once for a `version` of the conversion and kept in checkpoints/converted/, and made
    anew where the kept file is damaged. What `check` refuses is not kept. Raises WeightsError.
    """
    path = Path(path)
    source = sha256_file(path)
    folder = converted_folder()
    kept = folder / f"{source[:20]}-{kind}-v{version}.safetensors"
    if not is_whole(kept, read_beside(kept).get("sha256")):
        part = read_part(path, kind)
        check_parts(path, [part], check)
        writable(folder)
        write_network(part, kept, source=path.name, source_sha256=source)
    return kept, source


def _read_kind(kind):
    def read(files):
        (checkpoint,) = files.values()
        return read_part(checkpoint, kind)

    return read


READERS = {  # by the manifest's `convert`: from {name: bytes or path} to a network
    "generator": _read_kind("generator"),
    "encoder": _read_kind("encoder"),
    "mobile_stylegan": read_mobile_stylegan,
    "lpips_backbone": read_backbone,
}


def convert_source(how: str, files: Mapping[str, bytes | Path], path: str | Path) -> dict[str, Any]:
    """Write what a source gave, {name: bytes or path}, to `path`; return the description.

    `how` is one of READERS, whose errors are those of many formats. Raises WeightsError where the
    file cannot be written.
    """
    network = READERS[how](files)
    save_network(network, path)
    return network.describe()

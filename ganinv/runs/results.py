"""A result read back from its folder, by what `save_result` wrote and its record."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ganinv.core_yaml import read_yaml
from ganinv.errors import BadArgumentsError, printable
from ganinv.files import read_json
from ganinv.images.pixels import from_uint8
from ganinv.images.writing import read_png
from ganinv.inversion.latent_files import LATENT, load_latent, load_noise, maker_of, name_of
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import REFINEMENT, load_refinement
from ganinv.inversion.result import Inversion
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.record_files import read_record


def read_inversion(folder: str | Path) -> Inversion:
    """Read an image's folder back as an `Inversion`.

    Its images are those of the files, of 8 bits; `snapshots` and `trace` are not kept on disk, nor
    are a run's own parameters. Raises BadArgumentsError where a file is missing or damaged.
    """
    place = Path(folder)
    try:
        return _read(place)
    except (OSError, ValueError, LookupError, TypeError) as error:
        text = printable(error)
        raise BadArgumentsError(f"{printable(place)} holds no whole result: {text}") from None


def _read(place: Path) -> Inversion:
    latent, metadata = load_latent(place / LATENT)
    refined = (place / REFINEMENT).is_file()
    entry = read_numbers(place)
    history = read_json(place / "history.json")
    return Inversion(
        latent=latent,
        noise=load_noise(place / LATENT),
        image=_image(place / "reconstruction.png"),
        target=_image(place / "target.png"),
        history=history,
        metrics=_metrics(entry),
        best_step=int(entry["best_step"]),
        best_loss=float(entry["best_loss"]),
        evaluations=int(entry["evaluations"]),
        seconds=float(entry["seconds"]),
        stopped=str(entry.get("failed") or entry.get("stopped") or ""),
        settings={name: entry[name] for name in ("precision", "compile")},
        refinement=load_refinement(place / REFINEMENT)[0] if refined else {},
        code_image=_image(place / "code.png") if refined else None,
        code_metrics=_metrics(entry["code"]) if refined else {},
        params=_params(place),
        generator=name_of(metadata),
        generator_sha256=maker_of(metadata),
    )


def read_numbers(folder: Path) -> dict[str, Any]:
    """Read what is known of a result: its record in a run, or its metrics.json where it has none.

    Raises OSError or ValueError where there is neither.
    """
    record = read_record(folder.parent, folder.name)
    return read_json(folder / "metrics.json") if record is None else record


def _metrics(entry: Mapping[str, Any]) -> dict[str, float]:
    return {name: m.read(entry.get(name, math.nan)) for name, m in METRICS.items()}


def _params(place: Path) -> SearchParams | None:
    """The parameters of the search: beside the result, or those of its run."""
    for file in (place / "params.yaml", place.parent / "params.yaml"):
        if file.is_file():
            values = read_yaml(file)
            known = SearchParams.model_fields.keys()
            return SearchParams.make({k: x for k, x in values.items() if k in known})
    return None


def _image(path: Path) -> Tensor:
    return from_uint8(read_png(path))  # (3, H, W)

"""What a run leaves on disk, written atomically, and read back.

DIR/params.yaml  environment.json  metrics.json  metrics.csv
DIR/<image id>/  target.png reconstruction.png difference.png panel.png loss_curve.png
                 history.csv history.json latent.safetensors progress.gif progress_strip.png
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ganinv import figures
from ganinv.files import atomic_path, read_json, write_csv, write_json, write_text
from ganinv.generators.base import Generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.inversion.invert import Inversion
from ganinv.inversion.latent_files import save_latent
from ganinv.inversion.params import SearchParams
from ganinv.losses.terms import TERMS
from ganinv.measures.reconstruction import METRICS
from ganinv.params import dump_yaml
from ganinv.runs.describe import describe, describe_metrics
from ganinv.runs.params import Params

RESERVED = (
    "params.yaml",
    "environment.json",
    "metrics.json",
    "metrics.csv",
    "summary.json",
    "con",
    "nul",
    "aux",
    "prn",
)
OUTPUTS = (
    "target.png",
    "reconstruction.png",
    "difference.png",
    "panel.png",
    "loss_curve.png",
    "history.csv",
    "history.json",
    "latent.safetensors",
)
SETTINGS = Params.model_fields.keys() - {"images", "align", "out", "log_every"}


def save_inversion(
    folder: str | Path,
    inversion: Inversion,
    *,
    title: str,
    params: SearchParams,
    generator: Generator,
) -> None:
    """Write everything one image leaves into `folder`."""
    folder = Path(folder)
    target, result = to_uint8(inversion.target), to_uint8(inversion.image)
    save_png(folder / "target.png", target)
    save_png(folder / "reconstruction.png", result)
    save_png(folder / "difference.png", figures.difference_image(target, result))
    latent = folder / "latent.safetensors"
    save_latent(latent, inversion.latent, generator, inversion.noise)
    write_csv(folder / "history.csv", inversion.history)
    write_json(folder / "history.json", inversion.history)
    heading = f"{title}: {describe(params)}"
    panel = figures.panel(
        target, result, title=heading, caption=describe_metrics(inversion.metrics)
    )
    _save_figure(folder / "panel.png", panel)
    curve = figures.loss_curve(
        inversion.history, title=heading, best_step=inversion.best_step, terms=TERMS
    )
    _save_figure(folder / "loss_curve.png", curve)
    if inversion.snapshots:
        frames = figures.progress_frames(inversion.snapshots)
        with atomic_path(folder / "progress.gif") as path:
            figures.save_gif(frames, path)
        save_png(folder / "progress_strip.png", figures.strip(frames))


def _save_figure(path, figure):
    with atomic_path(path) as temporary:
        figures.save_figure(figure, temporary)


class Results:
    """metrics.json of a run: what is finished, what failed; saved after every image.

    Images that an earlier call finished under the same settings and that this call does not ask
    for are kept apart, under "earlier": a later call may ask for them again.
    """

    def __init__(self, folder: str | Path, key: str, image_ids: Iterable[str], fresh: bool = False):
        self.folder, self.key = Path(folder), key
        self.failed: dict[str, str] = {}
        known = {} if fresh else self._known()
        self.images = {name: known.pop(name) for name in image_ids if name in known}
        self.earlier = known

    def _known(self) -> dict[str, dict]:
        try:
            metrics = read_json(self.folder / "metrics.json")
            known = metrics.get("earlier", {}) | metrics["images"]
            return {name: entry for name, entry in known.items() if entry["settings"] == self.key}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return {}  # none, or a damaged one, which counts as none

    def finished(self, image_id: str, **marks: Any) -> bool:
        """Whether this very image was done under these settings and its files are there."""
        entry = self.images.get(image_id)
        return (
            entry is not None
            and all(entry.get(name) == value for name, value in marks.items())
            and all((self.folder / image_id / name).is_file() for name in OUTPUTS)
        )

    def begin(self, image_id: str) -> None:
        """Forget an image before its files are overwritten: no entry may stand for a mixture."""
        self.images.pop(image_id, None)
        self.save()

    def add(self, image_id: str, entry: dict) -> None:
        """Note an image as finished."""
        self.images[image_id] = entry | {"settings": self.key}
        self.failed.pop(image_id, None)
        self.save()

    def fail(self, image_id: str, reason: str) -> None:
        """Note an image as failed."""
        self.failed[image_id] = reason
        self.images.pop(image_id, None)
        self.save()

    def as_dict(self) -> dict:
        """Return what metrics.json holds."""
        return {
            "images": self.images,
            "mean": self._over(np.mean),
            "std": self._over(np.std),
            "failed": self.failed,
        } | ({"earlier": self.earlier} if self.earlier else {})

    def _over(self, statistic: Callable) -> dict[str, float]:
        names = (*METRICS, "seconds")
        finite = (e for e in self.images.values() if e["psnr"] is not None)
        rows = [e for e in finite if math.isfinite(e["psnr"])]  # infinite for equal images
        return {name: float(statistic([e[name] for e in rows])) for name in names} if rows else {}

    def save(self) -> None:
        """Write metrics.json, and the same as a table."""
        write_json(self.folder / "metrics.json", self.as_dict())
        rows = [{"image": name} | entry for name, entry in self.images.items()]
        write_csv(
            self.folder / "metrics.csv", rows or [{"image": "", **dict.fromkeys(METRICS, "")}]
        )


def read_run(folder: str | Path) -> tuple[Params, dict]:
    """Read back a run: (params, metrics). Raises ValueError where `folder` holds none."""
    folder = Path(folder)
    if not (folder / "metrics.json").is_file():
        raise ValueError(f"{folder} holds no run (no metrics.json in it)")
    try:
        metrics = read_json(folder / "metrics.json")
        metrics["images"] = {name: dict(entry) for name, entry in metrics["images"].items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / 'metrics.json'} is damaged: {error}") from None
    return Params.load(folder / "params.yaml"), metrics


def write_params(folder: str | Path, params: Params) -> None:
    """Write params.yaml, which `Params.load` reads back."""
    write_text(Path(folder) / "params.yaml", dump_yaml(params.model_dump()))

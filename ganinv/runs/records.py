"""What a run leaves on disk, written atomically, and read back.

DIR/params.yaml  environment.json  metrics.json  metrics.csv  contact_sheet.jpg  index.html
DIR/<image id>/  record.json target.png reconstruction.png difference.png panel.png loss_curve.png
                 history.csv history.json latent.safetensors progress.gif progress_strip.png
                 and of a refined one refinement.safetensors code.png

The parameter `keep` makes these fewer (`KEPT` in `names.py`); the record says what was kept.

An image's record.json is the truth about it: its entry, or {"failed": reason}. It is written last,
and metrics.json is gathered from the records, so that any number of processes may write into one
folder, and the cost of finishing an image does not grow with how many are done.
"""

import contextlib
import functools
import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganinv import figures
from ganinv.core_yaml import dump_yaml
from ganinv.errors import InUseError, shorten
from ganinv.files import atomic_path, read_json, split_part, write_csv, write_json, write_text
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.inversion.params import SearchParams, losses_of, start_folder
from ganinv.inversion.result import Inversion, save_latents, save_pictures, save_result
from ganinv.inversion.search import REFINE
from ganinv.locks import TRAINING, is_locked, locked, read_note
from ganinv.losses.terms import TERMS, loss_weights
from ganinv.measures.reconstruction import METRICS
from ganinv.runs.describe import describe, describe_loss, describe_metrics
from ganinv.runs.entries import Entries, Streamed
from ganinv.runs.names import ENVIRONMENT, RECORD
from ganinv.runs.params import Params
from ganinv.runs.record_files import (
    each_record,
    is_entry,
    is_finished,
    is_id,
    read_records,
    read_result,
    write_record,
)
from ganinv.runs.streams import each_item

SETTINGS_KEY = "settings"  # in environment.json and in records: what results are known by
SETTINGS = Params.model_fields.keys() - {"images", "align", "face", "out", "keep", "log_every"}
LARGEST = 1e300  # number that is taken for one that was measured; beyond, sums overflow
LOCK = ".lock"
PATIENCE = 1.0  # seconds between two looks at who holds a folder
CHANGING = "its files were being written when the process ended; the same command does it again"


def save_inversion(
    folder: str | Path,
    inversion: Inversion,
    *,
    title: str,
    params: SearchParams,
    keep: str = "all",
) -> None:
    """Write everything one image leaves into `folder`, or what `keep` says of it (`KEPT`)."""
    folder = Path(folder)
    if keep == "latents":
        save_latents(folder, inversion)
    elif keep == "pictures":
        save_pictures(folder, inversion)
        save_latents(folder, inversion)
        _save_panel(folder, inversion, title, params)
    else:
        save_result(folder, inversion)
        _save_panel(folder, inversion, title, params)
        _save_progress(folder, inversion, title, params)


def _save_panel(folder: Path, inversion: Inversion, title: str, params: SearchParams) -> None:
    target, result = to_uint8(inversion.target), to_uint8(inversion.image)
    heading = f"{title}: {describe(params)}"
    caption, code = describe_metrics(inversion.metrics), None
    if inversion.code_image is not None:
        caption += f"\nthe code alone: {describe_metrics(inversion.code_metrics)}"
        code = to_uint8(inversion.code_image)
    panel = figures.panel(target, result, title=heading, caption=caption, code=code)
    _save_figure(folder / "panel.png", panel)


def _save_progress(folder: Path, inversion: Inversion, title: str, params: SearchParams) -> None:
    """The curve of the search and, where pictures were taken of it, its animation."""
    curve = figures.loss_curve(
        inversion.history,
        title=f"{title}: {describe(params)}",
        best_step=inversion.best_step,
        terms=[*TERMS, *(name for loss in losses_of(params) for name in loss_weights(loss))],
        ylabel=f"loss: {describe_loss(params)}",
    )
    _save_figure(folder / "loss_curve.png", curve)
    if inversion.snapshots:
        searched = sum(row["phase"] != REFINE for row in inversion.history)
        frames = figures.progress_frames(inversion.snapshots, refined_after=searched)
        with atomic_path(folder / "progress.gif") as path:
            figures.save_gif(frames, path)
        chosen = figures.told_steps([step for step, _ in inversion.snapshots])
        told = ",".join(str(inversion.snapshots[i][0]) for i in chosen)
        save_png(folder / "progress_strip.png", figures.strip(frames, chosen), steps=told)


def _save_figure(path, figure):
    with atomic_path(path) as temporary:
        figures.save_figure(figure, temporary)


def gather(records: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Make of records what metrics.json holds: images, mean, std, failed."""
    images = {name: record for name, record in records.items() if is_finished(record)}
    failed = {name: str(r["failed"]) for name, r in records.items() if not is_finished(r)}
    numbers = Numbers(images.values())
    mean, std = numbers.over(np.mean), numbers.over(np.std)
    return {"images": images, "mean": mean, "std": std, "failed": failed}


def gather_codes(images: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Make of entries what is known of the latents alone, those of refined results.

    That is their count, and mean and std as `gather` has them.
    """
    count, numbers = 0, Numbers()
    for _, entry in images.items():
        if isinstance(entry.get("code"), dict):
            count += 1
            numbers.add(entry["code"])
    return {"count": count, "mean": numbers.over(np.mean), "std": numbers.over(np.std)}


class Numbers:
    """What was measured of images, of each metric an array, to be averaged."""

    def __init__(self, entries: Iterable[Mapping[str, Any]] = ()):
        self.count = 0
        self.found = dict.fromkeys((*METRICS, "seconds"), 0)  # entries that have it
        self.values = {name: array("d") for name in self.found}
        for entry in entries:
            self.add(entry)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Take in an image's entry, unless it has no finite PSNR: equal images have none."""
        if not is_measured(entry.get("psnr")):
            return
        self.count += 1
        for name in self.found:
            if name in entry:
                self.found[name] += 1
                if is_measured(entry[name]):
                    self.values[name].append(entry[name])

    def over(self, statistic: Callable) -> dict[str, float]:
        """Return a statistic of each metric that all have: a run may be older than one."""
        whole = [name for name, count in self.found.items() if count == self.count]
        return {n: float(statistic(self.values[n])) for n in whole if self.values[n]}


def is_measured(number: object) -> bool:
    """Tell whether a metric could be measured: it is NaN where not, null in JSON, or no number."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return False
    return -LARGEST < number < LARGEST


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run's folder in a `with` statement, waiting for other runs: they do for moments only.

    Raises InUseError where a training holds it, WriteError where the folder cannot be written to.
    """
    lock = folder / LOCK
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(locked(lock, wait=PATIENCE))
                break
            except InUseError:
                if read_note(lock) == TRAINING:
                    raise InUseError(
                        f"a training is at work in {folder}; name another folder by --out"
                    ) from None
        yield


def locks(folder: Path, *, of_images: bool = True) -> list[Path]:
    """List the locks of the runs, then those `of_images`, in a run's folder."""
    return [*folder.glob(f"{LOCK}-*"), *(folder.glob(f"*/{LOCK}") if of_images else ())]


def collect(folder: str | Path) -> dict[str, Any]:
    """Gather metrics.json and metrics.csv of a run folder from its records; return the metrics.

    Results of versions that wrote no records get theirs from metrics.json first. Raises ValueError
    where `folder` holds no results, InUseError where a training is at work in it, WriteError where
    it cannot be written.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} holds no run: there is no such folder")
    with held(folder):
        adopt(folder)
        metrics = _write_metrics(folder)
        for lock in locks(folder):
            is_locked(lock)  # which removes one that a killed process left
    return metrics


def _write_metrics(folder: Path) -> dict[str, Any]:
    """Write metrics.json and metrics.csv of the records; return the metrics.

    Each record is read once, and written as it is read; the table is made of metrics.json.
    """
    columns: dict[str, Any] = {}
    names: list[str] = []
    failed: dict[str, str] = {}
    numbers = Numbers()

    def finished():
        for name, record in each_record(folder):
            if not is_finished(record):
                failed[name] = str(record["failed"])
                continue
            names.append(name)
            numbers.add(record)
            columns.update(dict.fromkeys(_row(name, record)))
            yield name, record
        if not names and not failed:
            raise ValueError(f"{folder} holds no run (no {RECORD} below it)")

    file = folder / "metrics.json"
    # written in this order: what follows the images is known once they are
    mean = Streamed(lambda: numbers.over(np.mean).items())
    std = Streamed(lambda: numbers.over(np.std).items())
    images = Streamed(finished)
    write_json(file, {"images": images, "mean": mean, "std": std, "failed": failed})
    headings = [*columns] or ["image", *METRICS]
    rows = (_row(name, entry) for part, name, entry in each_item(file) if part == "images" and name)
    write_csv(folder / "metrics.csv", rows if columns else [dict.fromkeys(headings, "")], headings)
    entries = Entries(names, functools.partial(read_result, folder))
    return {
        "images": entries,
        "mean": dict(mean.items()),
        "std": dict(std.items()),
        "failed": failed,
    }


def _row(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An image's line in metrics.csv."""
    row = {key: x for key, x in entry.items() if not isinstance(x, (dict, list))}
    code = entry.get("code") or {}
    return {"image": name} | row | {f"code_{key}": x for key, x in code.items()}


def adopt(folder: Path) -> None:
    """Write the records of results that have none: those of versions that wrote metrics.json only.

    An entry counts where the image's latent is there. A folder whose environment.json names its
    settings is younger than that: its metrics.json, which may be large, is not read.
    """
    with contextlib.suppress(OSError, ValueError, TypeError):
        if SETTINGS_KEY in read_json(folder / ENVIRONMENT):
            return
    for name, entry in _written(folder).items():
        if os.path.exists(os.path.join(folder, name, RECORD)):  # as most do
            continue
        if (folder / name / "latent.safetensors").is_file():
            write_record(folder, name, entry)


def _written(folder: Path) -> dict[str, dict[str, Any]]:
    """The entries in metrics.json, {} where there is none or a damaged one."""
    try:
        metrics = read_json(folder / "metrics.json")
        known = metrics.get("earlier", {}) | metrics["images"]
        return {name: x for name, x in known.items() if is_id(name) and is_entry(x)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def read_run(folder: str | Path) -> tuple[Params, dict]:
    """Read back a run: (params, metrics), the metrics from its records.

    A folder without records is read by its metrics.json. Raises ValueError where `folder` holds no
    run.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} holds no run: there is no such folder")
    metrics = gather(read_records(folder))
    if not metrics["images"] and not metrics["failed"]:
        metrics = read_metrics(folder / "metrics.json")
    return Params.load(folder / "params.yaml"), metrics


def read_metrics(path: Path) -> dict[str, Any]:
    """Read a metrics.json. Raises ValueError where there is none, or a damaged one."""
    if not path.is_file():
        raise ValueError(f"{path.parent} holds no run (no {RECORD} and no metrics.json in it)")
    try:
        metrics = read_json(path)
        for name, entry in metrics["images"].items():
            if not (is_id(name) and is_entry(entry)):
                raise ValueError(f"{shorten(name)} is no image, or has no metrics")
        failed = {name: {"failed": reason} for name, reason in metrics.get("failed", {}).items()}
        return metrics | gather(failed | metrics["images"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def write_params(folder: str | Path, params: Params) -> None:
    """Write params.yaml, which `Params.load` reads back from anywhere.

    Paths of files that are there are written as seen from `folder`.
    """
    folder = Path(folder)
    values = params.model_dump()
    for name in ("generator", "encoder"):
        values[name] = _from(folder, values[name], os.path.isfile)
    begun = values["init"]
    file, part = split_part(begun)
    there = os.path.exists if start_folder(begun) else os.path.isfile
    placed = _from(folder, str(file) if part else begun, there)
    values["init"] = f"{placed}:{part}" if part else placed
    is_name = re.compile(r"samples|(sample|set):.*").fullmatch
    values["images"] = [
        x if is_name(x) else _from(folder, x, os.path.exists) for x in values["images"]
    ]
    values["out"] = "."
    write_text(folder / "params.yaml", dump_yaml(values))


def _from(folder: Path, value: str | None, is_there: Callable[[str], bool]) -> str | None:
    """A path as seen from a folder, with a dot before it; names, and what is not there, as is."""
    if not value or not is_there(value):
        return value
    try:
        path = Path(os.path.relpath(os.path.realpath(value), os.path.realpath(folder))).as_posix()
    except ValueError:  # another drive of Windows
        return os.path.abspath(value)
    return path if path.startswith("../") or path == ".." else f"./{path}"

"""Finished runs, read back to be compared."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.errors import ParamsError
from ganinv.files import read_json
from ganinv.images.writing import read_png
from ganinv.measures.reconstruction import METRICS
from ganinv.paths import params_folder
from ganinv.runs.describe import name_run
from ganinv.runs.environment import published_environment
from ganinv.runs.experiment import Run, run_experiment
from ganinv.runs.names import files_of
from ganinv.runs.params import Params
from ganinv.runs.records import gather, read_run


@dataclass(frozen=True)
class Experiment:
    """A finished run, read back for comparison.

    `name` is what it is called where it is shown, `recipe` what studies call its recipe, where that
    is another name.
    """

    name: str
    folder: Path
    params: Params
    metrics: dict[str, Any]
    recipe: str = ""

    @property
    def studied(self) -> str:
        """The name by which a study knows its recipe."""
        return self.recipe or self.name

    @property
    def called(self) -> str:
        """The name as it stands in a sentence: in quotation marks where it has a comma."""
        return f"“{self.name}”" if "," in self.name else self.name

    @property
    def images(self) -> dict[str, dict[str, Any]]:
        """The entry of each finished image, by its id."""
        return self.metrics["images"]

    def title(self, image_id: str) -> str:
        """Return a photograph's title, with its id where another has the same."""
        titles = [entry["title"] for entry in self.images.values()]
        title = self.images[image_id]["title"]
        return title if titles.count(title) == 1 else f"{title} ({image_id})"

    def history(self, image_id: str) -> list[dict[str, Any]]:
        """Read the rows of an image's search, one per step."""
        return read_json(self._file(image_id, "history.json"))

    def picture(self, image_id: str, name: str) -> np.ndarray:
        """Read a picture of an image, such as its target: uint8 (H, W, 3)."""
        return read_png(self._file(image_id, f"{name}.png"))

    def _file(self, image_id: str, name: str) -> Path:
        """A file of an image. Raises ParamsError for one that the run was not to keep."""
        path = self.folder / image_id / name
        if name not in files_of(self.images[image_id]) and not path.is_file():
            raise ParamsError(
                f"{path.parent} was kept without {name}, which is shown here; invert it with keep: "
                "all, and fresh"
            )
        return path


def ensure_runs(
    folders: Iterable[str | Path], *, steps: int = 8, images: Sequence[str] = ("sample:astronaut",)
) -> None:
    """Make the runs that are missing, at a few steps, so that the comparison can be tried alone.

    A folder exp01 is made from params/exp01.yaml, and so on; runs that are there are left alone.
    """
    for folder in map(Path, folders):
        if _is_run(folder):
            continue
        print(f"{folder} holds no run yet; trying params/{folder.name}.yaml with {steps} steps")
        file = params_folder() / f"{folder.name}.yaml"
        quick: dict[str, Any] = {
            "steps": steps,
            "images": list(images),
            "snapshot_every": 4,
            "log_every": 0,
        }
        run_experiment(Params.load(file, **quick, out=str(folder)), set_aside=True)


def _is_run(folder):
    try:
        read_run(folder)
    except ValueError:
        return False
    return True


def describe_timing(experiment: Experiment) -> str:
    """Say what a run's seconds were taken on: machine, threads and compilation."""
    about = published_environment(experiment.folder)
    compiled = experiment.params.compile
    if not about:
        return f"on an unknown machine, torch.compile {compiled}"
    threads = count_threads(about["threads"])
    return f"by the clock of {about['device_name']}, {threads}, torch.compile {compiled}"


def count_threads(count: int) -> str:
    """Write a number of threads in words."""
    return "one thread" if count == 1 else f"{count} threads"


def sorted_images(experiments: Sequence[Experiment]) -> list[str]:
    """Return the ids of the images that every experiment finished, in the order of their titles.

    The order in which runs finish them is another with each call.
    """
    titled = experiments[0].images
    return sorted(common_images(experiments), key=lambda i: (titled[i].get("title", i), i))


def make_experiment(params: Params, name: str, *, fresh: bool = False) -> Experiment:
    """Run what is not finished yet (all of it where `fresh`), and read the run back.

    Results under other parameters are set aside.
    """
    return experiment_of(run_experiment(params, fresh=fresh, set_aside=True), name)


def search_again(run: Run, image_id: str, name: str, **changes: Any) -> Experiment:
    """Search one image of a run again under changed parameters, all else the same.

    `changes` name another `out`. What was finished there under these parameters is kept.
    """
    photo = next(photo for photo in run.photos if photo.id == image_id)
    face = str(photo.face or "largest")
    own = run.params.replace(images=[str(photo.path)], align=photo.align, face=face, **changes)
    again = make_experiment(own, name)
    title = run.results["images"][image_id]["title"]  # the same photograph, by a path
    images = {key: entry | {"title": title} for key, entry in again.images.items()}
    return replace(again, metrics=again.metrics | {"images": images})


def experiment_of(run: Run, name: str = "", recipe: str = "") -> Experiment:
    """Return what a call asked for, as an `Experiment`; its folder may hold more.

    Without a name it is called by what it is.
    """
    return Experiment(name or name_run(run.params), run.out, run.params, run.results, recipe)


def read_experiment(
    folder: str | Path, name: str = "", images: Collection[str] | None = None, recipe: str = ""
) -> Experiment:
    """Read a run folder, or those of its images whose ids are given.

    Without a name it is called by what it is. Raises ValueError where it holds no run.
    """
    params, metrics = read_run(folder)
    if images:
        kept = {key: entry for key, entry in metrics["images"].items() if key in images}
        failed = {key: {"failed": x} for key, x in metrics["failed"].items() if key in images}
        metrics = gather(kept | failed)
    return Experiment(name or name_run(params), Path(folder), params, metrics, recipe)


def read_all(runs: Mapping[str, str | Path], images: Collection[str] = ()) -> list[Experiment]:
    """Read the runs {recipe: folder} under names that tell them apart.

    Where two are called the same, their recipes' names are added.
    """
    found = [read_experiment(folder, "", images, recipe) for recipe, folder in runs.items()]
    names = [e.name for e in found]
    return [
        e if names.count(e.name) == 1 else replace(e, name=f"{e.name} ({e.recipe})") for e in found
    ]


def read_if_there(folder: str | Path, name: str = "") -> Experiment | None:
    """Read a run folder; None where there is none."""
    return read_experiment(folder, name) if folder and _is_run(Path(folder)) else None


def read_before(folder: str | Path, new: Experiment, recipe: str = "") -> Experiment | None:
    """Read the run that `new` is compared with, as far as its images are `new`'s.

    None where there is no run, or none of these images is finished there.
    """
    if not folder or not _is_run(Path(folder)):
        return None
    found = read_experiment(folder, images=list(new.images), recipe=recipe)
    return found if found.images else None


def common_images(experiments: Sequence[Experiment]) -> list[str]:
    """Return the ids of the images that every experiment finished, in the first one's order."""
    return [i for i in experiments[0].images if all(i in e.images for e in experiments)]


def value(experiment: Experiment, image_id: str, name: str) -> float | None:
    """Return a number of an image's entry, None where it was not measured.

    So it is also where the run is older than the metric. One without bound is infinity.
    """
    entry = experiment.images[image_id]
    if name not in METRICS:
        return entry.get(name)
    number = METRICS[name].read(entry[name]) if name in entry else math.nan
    return None if math.isnan(number) else number


def finite_values(experiment: Experiment, images: Iterable[str], metric: str) -> list[float]:
    """List a metric, or seconds, of those images that have it, and finite: null is left out."""
    values = (value(experiment, image_id, metric) for image_id in images)
    return [x for x in values if x is not None and math.isfinite(x)]

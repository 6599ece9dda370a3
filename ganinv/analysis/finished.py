"""Finished runs, read back to be compared."""

from dataclasses import dataclass
from pathlib import Path

from ganinv.files import read_json
from ganinv.images.writing import read_png
from ganinv.paths import params_folder
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.runs.records import read_run


@dataclass(frozen=True)
class Experiment:
    """A finished run, read back for comparison."""

    name: str
    folder: Path
    params: Params
    metrics: dict

    @property
    def images(self):
        return self.metrics["images"]

    def history(self, image_id):
        return read_json(self.folder / image_id / "history.json")

    def picture(self, image_id, name):
        return read_png(self.folder / image_id / f"{name}.png")


def ensure_runs(folders, *, steps=8, images=("sample:astronaut",)):
    """Make the runs that are missing, at a few steps, so that the comparison can be tried alone.

    A folder exp01 is made from params/exp01.yaml, and so on; runs that are there are left alone.
    """
    for folder in map(Path, folders):
        if (folder / "metrics.json").is_file():
            continue
        print(f"{folder} holds no run yet; trying params/{folder.name}.yaml with {steps} steps")
        file = params_folder() / f"{folder.name}.yaml"
        quick = dict(steps=steps, images=list(images), snapshot_every=4, log_every=0)
        run_experiment(Params.load(file, **quick, out=str(folder)))


def read_experiment(folder, name):
    """Read a run folder; raises ValueError where it holds none."""
    params, metrics = read_run(folder)
    return Experiment(name, Path(folder), params, metrics)


def common_images(experiments):
    """Ids of the images that every experiment finished, in the first one's order."""
    return [i for i in experiments[0].images if all(i in e.images for e in experiments)]


def value(experiment, image_id, metric):
    """One figure; a PSNR without bound is null in JSON."""
    number = experiment.images[image_id][metric]
    return float("inf") if number is None else number

"""`ganinv bench scale`: images per hour against batch size and against the number of images.

Two parts. `batches` times a step of a search, as `bench step` does for ours, and says how many
images an hour a batch of that size would finish at `steps` each; start-up is not in it. `folders`
really runs `run_experiment` on folders of 1, 2, 4, … different images, each in a process of its
own: loading, searching, measuring, writing. Its seconds lie on a line, a + b * images, where cost
is linear, and its memory stays where it is, for images are inverted one after another.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.bench.measure import SEED, Isolate, fast_renderer, in_a_process
from ganinv.bench.step import OURS, Case, default_batches, draw_targets, measure
from ganinv.compute.memory import peak_mb, reset_peak
from ganinv.errors import ParamsError
from ganinv.files import write_json
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.runs.environment import describe_machine
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.weights.locate import locate

TIMED = 5  # steps per batch size


def bench_scale(
    name: str = "ffhq-student",
    *,
    loss: str = "lpips",
    batches: Sequence[int] = (),
    images: Iterable[int] = (1, 2, 4),
    steps: int = 300,
    device: str = "cpu",
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
    isolate: Isolate = in_a_process,
) -> dict[str, Any]:
    """Time batches (() are the device's own) and folders of each number of `images`.

    Returns a dict with `machine`, `params`, `batches`, `folders` and `fit` (a, b, r2, or None
    before there are two folders), which is written to `out` (a JSON file) after every row.
    """
    images = sorted(set(images))
    locate(name, "generator")  # raises where it is not here, before anything is timed
    params = Params.make(
        {
            "generator": name,
            "loss": loss,
            "steps": steps,
            "device": device,
            "align": False,
            "log_every": 0,
        }
    )
    result: dict[str, Any] = {
        "machine": describe_machine(device) | {"seed": SEED},
        "params": params.model_dump(exclude={"images", "out"}),
        "batches": [],
        "folders": [],
        "fit": None,
    }

    def add(part, row):
        result[part].append(row)
        if len(result["folders"]) > 1:
            result["fit"] = fit_line(result["folders"])
        if out is not None:
            write_json(out, result)

    for batch in batches or default_batches(device):
        add("batches", _batch(params, batch, say, isolate))
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        isolate("the images' drawing", draw_images, params, images[-1], work / "drawn")
        for count in images:
            add("folders", _folder(params, count, work, result["folders"], say, isolate))
    return result


def _batch(params, batch, say, isolate):
    case = Case(params.generator, params.loss, batch, params.device, OURS)
    row = isolate(f"batch {batch}", measure, case, TIMED, params.steps)
    per_hour = images_per_hour(row["seconds"], params.steps, batch)
    say(f"batch {batch}: {per_hour:.1f} images per hour, {row['peak_mb']:.0f} MB")
    kept = ("generator", "loss", "batch", "device", "precision", "compile", "warm_up_seconds")
    return {key: row[key] for key in kept} | {
        "seconds_per_step": row["seconds"],
        "steps": params.steps,
        "images_per_hour": per_hour,
        "peak_mb": row["peak_mb"],
    }


def images_per_hour(seconds_per_step: float, steps: int, batch: int) -> float:
    """Return how many images of `steps` each are finished in an hour of steps."""
    return 3600 * batch / (seconds_per_step * steps)


def draw_images(params: Params, count: int, folder: str | Path) -> None:
    """Write `count` different images of the generator to a folder.

    The search's renderer is compiled here as well where it will be, so that each folder's process
    finds it in the cache on disk and none pays for the first compilation.
    """
    generator = load_generator(params.generator, params.device)
    for number, image in enumerate(draw_targets(generator, count)):
        save_png(Path(folder) / f"{number:04}.png", to_uint8(image))
    fast_renderer(
        generator, precision=params.precision, compiled=params.compile, steps=params.steps, batch=1
    )


def _folder(params, count, work, earlier, say, isolate):
    folder = work / f"{count} images"
    folder.mkdir()
    for path in sorted((work / "drawn").iterdir())[:count]:
        shutil.copy(path, folder)
    plan = params.replace(images=[str(folder)], out=str(work / f"{count} results"))
    seconds, peak = isolate(f"the folder of {count}", time_folder, plan)
    say(f"{count} images: {seconds:.1f} s, {peak:.0f} MB")
    return {
        "images": count,
        "seconds": seconds,
        "seconds_per_image": seconds / count,
        "peak_mb": peak,
        "peak_growth_mb": peak - (earlier[0]["peak_mb"] if earlier else peak),
    }


def time_folder(params: Params) -> tuple[float, float]:
    """Run the experiment in this process: (seconds, peak in MB).

    Raises ParamsError where an image failed, whose time would stand for none.
    """
    reset_peak(params.device)
    started = time.perf_counter()
    run = run_experiment(params, say=lambda text: None)
    if run.failed:
        raise ParamsError(f"cannot be timed: {next(iter(run.failed.values()))}")
    return time.perf_counter() - started, peak_mb(params.device)


def fit_line(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Fit seconds = a + b * images by least squares.

    Returns a, b and r2, the share of the variance that the line explains.
    """
    images, seconds = (np.array([row[key] for row in rows], float) for key in ("images", "seconds"))
    b, a = np.polyfit(images, seconds, 1)
    left = ((seconds - a - b * images) ** 2).sum()
    r2 = 1 - left / ((seconds - seconds.mean()) ** 2).sum()
    return {"a": float(a), "b": float(b), "r2": float(r2)}

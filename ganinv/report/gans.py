"""The report on small GANs: notebooks run by papermill into HTML, as in `experiments`.

OUT/index.html train_gan.html invert_dcgan.html
OUT/runs/      the trainings, each with its checkpoint: the same call goes on
OUT/notebooks/ the executed notebooks
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ganinv.errors import ParamsError
from ganinv.paths import params_folder
from ganinv.report.notebooks import from_notebooks, run_notebook
from ganinv.report.pages import write_page
from ganinv.training.gan.settings import GanParams
from ganinv.training.sets.names import COUNT

PAGES = {"index": "Objectives", "train_gan": "One training", "invert_dcgan": "Inversion"}
NOTEBOOKS = {
    "index": "gan_objectives.ipynb",
    "train_gan": "train_gan.ipynb",
    "invert_dcgan": "invert_dcgan.ipynb",
}
QUICK_NOTICE = "A quick run, a few steps of tiny networks: a check of the pipeline, not a result."
SHARED = (
    "images",
    "resolution",
    "width",
    "batch",
    "steps",
    "critic_steps",
    "measure_count",
    "save_every",
    "seed",
    "device",
)
ALONE = ("objective", "spectral_norm", "lr_generator", "lr_discriminator", "beta1", "beta2", "ema")
QUICK = ("images=faces:64", "width=8", "batch=16", "steps=12", "measure_count=64", "save_every=6")
ENCODER = {"encoder_steps": 150, "encoder_batch": 32, "fit_samples": 6000}
SEARCHES = {"held_out": 8, "steps": 200}
QUICK_INVERSION = {
    "encoder_steps": 3,
    "encoder_batch": 8,
    "fit_samples": 64,
    "held_out": 4,
    "steps": 4,
}


def make_gan_report(
    out: str | Path,
    *,
    quick: bool = False,
    overrides: Iterable[str] = (),
    fresh: bool = False,
    run: Callable[..., Path] = run_notebook,
    write: Callable[..., Any] = write_page,
) -> Path:
    """Train by params/train_gan.yaml and params/gan_objectives.yaml, invert; return index.html.

    Trainings that an earlier call finished, or began, under the same parameters are taken up
    unless `fresh`. Raises ParamsError before anything runs, and ReportError when a notebook fails.
    `run` and `write` are called as `run_notebook` and `write_page`.
    """
    out = Path(out).resolve()
    overrides = tuple(overrides)
    _refuse_others(overrides)
    overrides = (*(QUICK if quick else ()), *overrides)
    alone = _load("train_gan", overrides)
    together = _load("gan_objectives", overrides)
    values = {
        "train_gan": _values(alone, (*SHARED, *ALONE)),
        "invert_dcgan": _inversion(alone, out, quick),
        "index": _values(together, SHARED),
    }
    notice = QUICK_NOTICE if quick else ""
    for page, given in values.items():
        print(f"== {PAGES[page]}", flush=True)
        folder = from_notebooks(out / "runs" / Path(NOTEBOOKS[page]).stem)
        executed = run(NOTEBOOKS[page], out / "notebooks", given | {"out": folder, "fresh": fresh})
        write(executed, out / f"{page}.html", page, pages=PAGES, notice=notice)
    return out / "index.html"


def _refuse_others(overrides):
    for name in (text.partition("=")[0].strip() for text in overrides):
        if name not in (*SHARED, *ALONE):
            raise ParamsError(
                f"gan-report does not take {name}; it takes {', '.join((*SHARED, *ALONE))} (the "
                "last seven for the one training), and all else is in params/gan_*.yaml"
            )


def _load(name, overrides):
    params = GanParams.load(params_folder() / f"{name}.yaml", overrides)
    folder = Path(params.images)
    # notebooks run in their own folder
    images = from_notebooks(folder.resolve()) if folder.is_dir() else params.images
    return params.model_copy(update={"images": images})


def _values(params, names):
    return {name: getattr(params, name) for name in names}


def _inversion(alone, out, quick):
    """The parameters of the notebook on inversion: the training's generator, and its encoder."""
    sizes = QUICK_INVERSION if quick else ENCODER | SEARCHES
    images = unseen(alone.images, sizes["held_out"])
    return sizes | {
        "generator": from_notebooks(out / "runs" / "train_gan" / "generator.safetensors"),
        "images": images,
        "unseen": images != alone.images,
        "seed": alone.seed,
        "device": alone.device,
    }


def unseen(images: str, count: int) -> str:
    """Name a set whose last `count` images a training on `images` has not seen, where there is one.

    Drawn faces go on: of faces:4104, the last 8 are not in faces:4096. Of other sets, all are seen.
    """
    name, _, drawn = images.partition(":")
    if name != "faces":
        return images
    return f"faces:{int(drawn or COUNT) + count}"

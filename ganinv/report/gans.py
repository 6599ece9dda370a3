"""The report on small GANs: notebooks run by papermill into HTML, as in `experiments`.

OUT/index.html train_gan.html invert_dcgan.html
OUT/gan_objectives.json train_gan.json invert_dcgan.json   what the pages say, as figures
OUT/runs/      the trainings, each with its checkpoint: the same call goes on
OUT/runs/gan_objectives/results/   the results of each finished training, enough for the pages
OUT/notebooks/ the executed notebooks

The objectives are compared first. The one with the lowest FID goes on from its checkpoint, for as
long as its FID falls, and is inverted.
"""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ganinv.analysis.gans import training_slug
from ganinv.errors import ParamsError
from ganinv.files import read_json, write_bytes
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.paths import params_folder, published_trainings_folder
from ganinv.report.notebooks import from_notebooks, run_notebook
from ganinv.report.pages import write_page
from ganinv.report.ways import join_reports
from ganinv.training.folder import CHECKPOINT, LOCK
from ganinv.training.gan.settings import GanParams
from ganinv.training.sets.cache import MIN_IMAGES
from ganinv.training.sets.names import COUNT

PAGES = {"index": "Objectives", "train_gan": "One training", "invert_dcgan": "Inversion"}
NOTEBOOKS = {
    "index": "13_gan_objectives.ipynb",
    "train_gan": "12_train_gan.ipynb",
    "invert_dcgan": "14_invert_dcgan.ipynb",
}
QUICK_NOTICE = "A quick run, a few steps of tiny networks: a check of the pipeline, not a result."
SHARED = (
    "images",
    "align",
    "diff_augment",
    "resolution",
    "width",
    "batch",
    "steps",
    "measure_count",
    "save_every",
    "seed",
    "device",
)
RATES = ("objective", "spectral_norm", "lr_generator", "lr_discriminator", "beta1", "beta2", "ema")
ALONE = (*RATES, "patience")
SEEDS, QUICK_SEEDS = 3, 2  # of each objective
QUICK = (
    "images=faces:64",
    "width=8",
    "batch=16",
    "steps=12",
    "measure_count=64",
    "save_every=6",
    "patience=0",
)
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
    """Train by params/gan_objectives.yaml and params/train_gan.yaml, invert; return index.html.

    Trainings that an earlier call finished, or began, under the same parameters are taken up
    unless `fresh`, and so are published results of such. Where `overrides` name a parameter of
    `RATES`, the one training is that of params/train_gan.yaml, in place of the best objective.
    Raises ParamsError before anything runs, and ReportError when a notebook fails. `run` and
    `write` are called as `run_notebook` and `write_page`.
    """
    out = Path(out).resolve()
    overrides = tuple(overrides)
    named = _refuse_others(overrides)
    overrides = (*(QUICK if quick else ()), *overrides)
    together, alone = _load("gan_objectives", overrides), _load("train_gan", overrides)

    def make(page, folder, given):
        print(f"== {PAGES[page]}", flush=True)
        given = given | {"out": from_notebooks(folder), "fresh": fresh}
        executed = run(NOTEBOOKS[page], out / "notebooks", given)
        notice = QUICK_NOTICE if quick else ""
        write(executed, out / f"{page}.html", page, pages=PAGES, notice=notice)
        write_bytes(
            out / f"{Path(NOTEBOOKS[page]).stem}.json", (folder / "summary.json").read_bytes()
        )

    study = out / "runs" / "gan_objectives"
    make("index", study, _study(together, QUICK_SEEDS if quick else SEEDS))
    begun = None
    if not named & {*RATES}:
        alone, begun = _best(study, alone)
    folder = out / "runs" / "train_gan" / (begun or _slug(alone))
    if begun and not fresh:
        _go_on(study / begun, folder)
    make("train_gan", folder, _values(alone, (*SHARED, *ALONE, "critic_steps")))
    make("invert_dcgan", out / "runs" / "invert_dcgan", _inversion(alone, folder, quick))
    # where it lies below a report on inversion, as reports/gan does, that one is linked
    join_reports(out.parent if out.name == "gan" else out)
    return out / "index.html"


def _study(together, seeds):
    """The parameters of the notebook that compares objectives."""
    values = _values(together, (*SHARED, "critic_steps"))
    first = values.pop("seed")
    kept = published_trainings_folder()
    return values | {
        "seeds": list(range(first, first + seeds)),
        "results": [from_notebooks(kept)] if kept.is_dir() else [],
    }


def _best(study, alone):
    """The parameters of the best objective's first training, to go on, and its folder's name."""
    summary = read_json(study / "summary.json")
    best = GanParams.make(summary["trainings"][summary["best"]]["params"])
    steps = max(alone.steps, best.steps)
    going_on = best.replace(steps=steps, patience=alone.patience, device=alone.device)
    return going_on, training_slug(summary["best"], best.seed)


def _slug(params):
    label = OBJECTIVES[params.objective].label + (" + SN" if params.spectral_norm else "")
    return training_slug(label, params.seed)


def _go_on(begun, folder):
    """Copy a training to where it is to go on, unless it went on there before."""
    if (begun / CHECKPOINT).is_file() and not folder.exists():
        work = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(begun, work, ignore=shutil.ignore_patterns(LOCK))
        work.rename(folder)


def _refuse_others(overrides):
    """The names that are given, all of them parameters that the notebooks take."""
    taken = (*SHARED, "critic_steps", *ALONE)
    names = {text.partition("=")[0].strip() for text in overrides}
    for name in sorted(names - {*taken}):
        raise ParamsError(
            f"gan-report does not take {name}; it takes {', '.join(taken)} (from objective on, for "
            "the one training alone), and all else is in params/gan_*.yaml"
        )
    return names


def _load(name, overrides):
    params = GanParams.load(params_folder() / f"{name}.yaml", overrides)
    folder = Path(params.images)
    # notebooks run in their own folder
    images = from_notebooks(folder.resolve()) if folder.is_dir() else params.images
    return params.model_copy(update={"images": images})


def _values(params, names):
    return {name: getattr(params, name) for name in names}


def _inversion(alone, folder, quick):
    """The parameters of the notebook on inversion: the training's generator, and its encoder."""
    sizes = QUICK_INVERSION if quick else ENCODER | SEARCHES
    images = unseen(alone.images, sizes["held_out"], alone.align)
    return sizes | {
        "generator": from_notebooks(folder / "generator.safetensors"),
        "images": images,
        "unseen": images != alone.images,
        "seed": alone.seed,
        "device": alone.device,
    }


def unseen(images: str, count: int, align: bool = False) -> str:
    """Name a set whose last `count` images a training on `images` has not seen, where there is one.

    Drawn faces go on: of faces:4104, the last 8 are not in faces:4096. Of a set of aligned faces,
    all are seen, and drawn faces, which lie as those do, are others. Of other sets, all are seen;
    where they are not to be shown, the notebook inverts generated images.
    """
    name, _, drawn = images.partition(":")
    if name == "faces":
        return f"faces:{int(drawn or COUNT) + count}"
    return f"faces:{max(count, MIN_IMAGES)}" if align else images

"""What reads files, and what each may raise: a table by name."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fuzz import seeds
from ganinv import load_encoder, load_generator
from ganinv.analysis.finished import read_experiment
from ganinv.compute.render import render_result
from ganinv.editing.sources import read_code
from ganinv.errors import GaninvError
from ganinv.figures import loss_curve
from ganinv.files import write_csv
from ganinv.inversion.latent_files import load_noise
from ganinv.inversion.noise_maps import unstrengthened
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import check_refinement, load_refinement, render_refined
from ganinv.inversion.saved_code import CodeFile, restore_code, save_code
from ganinv.inversion.search import Search
from ganinv.inversion.starts import read_start
from ganinv.runs.overview import show
from ganinv.runs.params import Params
from ganinv.runs.records import collect
from ganinv.weights.convert import convert_checkpoint
from ganinv.weights.locate import describe_file
from ganinv.weights.readers.arrays import read_named
from ganinv.weights.readers.networks import read_parts
from helpers.toys import build_toy


@cache
def toy() -> Any:
    """The tiny generator."""
    return build_toy()


def _each(path, *calls):
    """Call each reader; all are tried, and the first one's refusal is raised."""
    refused = None
    for call in calls:
        try:
            call(path)
        except GaninvError as error:
            refused = refused or error
    if refused:
        raise refused


def _description(path):
    _each(path, load_generator, load_encoder, describe_file)


def _checkpoint(path):
    for part in read_parts(path):
        for tensor in part.tensors.values():
            tensor.clone()  # read every byte
    convert_checkpoint(path, path.with_name("out.safetensors"))
    for written in path.parent.glob("out*.safetensors"):
        _each(written, load_generator, load_encoder)
        written.unlink()


def _yaml(path):
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    for line in text.split("\n")[:4]:
        try:
            Params.load(None, [line.replace(": ", "=", 1)])
        except GaninvError as error:
            assert len(str(error)) < 4000, "a long message"
    Params.load(path)


def _latent(path):
    read_code("a", path)
    read_start(str(path), toy())
    maps = load_noise(path)
    if maps:
        unstrengthened(maps, toy())


def _saved_code(path):
    """What a search takes from a file, it can go on with; of another it is left as it was."""
    params = SearchParams.make({"noise_maps": "optimized"})
    start = toy().w_avg[None].clone()
    search = Search(toy(), start, toy().noise_maps(), params, rng=torch.Generator())
    before = search.best
    if not restore_code(CodeFile(path, "key"), search):
        assert search.best is before and not search.history and not search.snapshots
        raise ValueError("it was not restored")
    found = search.found()
    image = render_result(toy(), found.latent, found.noise)
    search.keep_snapshot(2, image)
    np.stack([picture for _, picture in search.snapshots])
    search.begin_refinement()
    search.note(3, 0.5, {"l2": 0.5}, image, {})
    search.record(0.1)
    write_csv(path.with_name("history.csv"), search.history)
    loss_curve(search.history, title="t", best_step=search.best.step, terms=("l2",))
    save_code(CodeFile(path.with_name("again.safetensors"), "key"), search)


def _refinement(path):
    refinement, _ = load_refinement(path)
    check_refinement(refinement, toy(), path)
    latent = toy().w_avg.expand(toy().num_ws, -1)
    render_refined(toy(), latent, {}, refinement)


def _arrays(path):
    for tensor in read_named(path).values():
        tensor.sum()


def _records(path):
    folder = path.with_name("run")
    (folder / "a").mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text("steps: 2\n")
    (folder / "metrics.json").write_bytes(path.read_bytes())
    record = folder / "a" / "record.json"
    for data in (b"", path.read_bytes()):
        record.write_bytes(data) if data else record.unlink(missing_ok=True)
        try:
            read_experiment(folder, "x", ["a"])
            collect(folder)
            show(folder, Params.load(folder / "params.yaml"), anew=True)
        finally:
            (folder / "metrics.json").write_bytes(path.read_bytes())


@dataclass(frozen=True)
class Target:
    """A reader: `call(path)`, the makers of its files, and what it raises, by its docstring."""

    call: Callable[[Path], object]
    makers: tuple[Callable[[random.Random], tuple[str, bytes]], ...]
    raises: tuple[type[Exception], ...] = (GaninvError,)


TARGETS = {
    "descriptions": Target(_description, (seeds.describe, seeds.describe, seeds.header)),
    "pickles": Target(_checkpoint, (seeds.pickles,)),
    "zips": Target(_checkpoint, (seeds.zips,)),
    "yaml": Target(_yaml, (seeds.yaml,)),
    "latents": Target(_latent, (seeds.latent, seeds.header), (GaninvError, ValueError)),
    "saved codes": Target(_saved_code, (seeds.saved_code, seeds.header), (ValueError,)),
    "refinements": Target(_refinement, (seeds.refinement, seeds.header), (GaninvError, ValueError)),
    "arrays": Target(_arrays, (seeds.arrays,), (ValueError,)),
    "records": Target(_records, (seeds.records,), (GaninvError, ValueError)),
}


def warm_up() -> None:
    """Load what a first call would, before memory is measured."""
    torch.set_num_threads(1)
    toy()
    seeds.states()

"""The loop that every training runs: resume or begin, step, look, save, publish.

What differs between trainings is passed in as a `Task`. The same call again goes on from the
checkpoint, to the same bits: a step depends on its number and on what the checkpoint holds, no
more. Of several processes all take every step, and the first alone looks, says and writes. A run
is a folder:

    OUT/params.yaml  checkpoint.safetensors  history.json  samples/step_NNNNNN.png
    and what the task publishes
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ganinv.compute.processes import ALONE, Processes, told_once
from ganinv.core_yaml import dump_yaml
from ganinv.files import write_json, write_text
from ganinv.seeds import image_rng
from ganinv.training import checkpoint
from ganinv.training.folder import (
    CHECKPOINT,
    HISTORY,
    PARAMS,
    Kind,
    check_folder,
    check_notes,
    clear,
)
from ganinv.training.settings import TrainingParams

Say = Callable[[str], object]


@dataclass
class Progress:
    """How far a training is: steps done, their seconds, a row of numbers for each, the last look.

    The first row is that of step 0, the start.
    """

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a training passes to the loop.

    `kind` tells whose its folder is, and what may be removed there. `decisive` is what a checkpoint
    must have been made under to be gone on with, by its name: parameters, and hashes of what they
    name. `modules` and `optimizers` are what moves, `state` gives the tensors of each module that a
    checkpoint keeps. `begin()` makes the start, `step(n)` does step n, from 0, and returns a row of
    numbers, `look(progress)` looks at what was learnt and returns what is noted of it,
    `publish(progress)` writes the result and returns its path; `ended(progress)` tells, after any
    step, whether a training is to end before its number of steps. `finite` are the numbers of a row
    that have to be finite (None for all of them), `finite_figures` those of a look; `rates` names
    the parameters to lower where one is not; `shown` are the numbers in a line of progress, with so
    many `digits`.
    """

    kind: Kind
    decisive: Mapping[str, Any]
    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, torch.optim.Optimizer]
    state: Callable[[], checkpoint.State]
    begin: Callable[[], object]
    step: Callable[[int], dict[str, float]]
    look: Callable[[Progress], dict[str, Any]]
    publish: Callable[[Progress], Path]
    ended: Callable[[Progress], bool] = lambda progress: False
    finite: tuple[str, ...] | None = None
    finite_figures: tuple[str, ...] = ()
    rates: str = "lr"
    shown: tuple[str, ...] = ()
    digits: int = 3


def train(
    task: Task,
    params: TrainingParams,
    *,
    fresh: bool = False,
    say: Say = print,
    processes: Processes = ALONE,
) -> Path:
    """Train to the end and publish; return the path of what was published.

    Continues an earlier call in the same folder, unless `fresh`; the caller holds the folder (see
    `folder.held`). Raises ParamsError where that call had other parameters or more steps, where its
    checkpoint is damaged, where the folder holds files of something else, and where a number is not
    finite; then the checkpoint from before is kept. Raises WriteError on a full disk, which leaves
    a folder that the same call goes on in.
    """
    out = Path(params.out)
    processes.agree(dict(task.decisive), "parameters, images or weights")
    if processes.by_first(_make_ready, task, params, fresh):
        progress = _resume(task, params, out / CHECKPOINT)
        processes.agree(progress.step, f"checkpoint in {out}")
        if processes.is_first:
            write_text(out / PARAMS, dump_yaml(params.model_dump()))
        say(f"going on from step {progress.step}")
    else:
        started = time.perf_counter()
        task.begin()
        progress = Progress(seconds=time.perf_counter() - started)
        progress.history = [{"step": 0, "seconds": progress.seconds}]
        _look_and_save(task, progress, out, processes)
    started, before = time.perf_counter(), progress.seconds
    while progress.step < params.steps and not task.ended(progress):
        row = task.step(progress.step)
        progress.step += 1
        progress.seconds = before + time.perf_counter() - started
        names = row if task.finite is None else task.finite
        with told_once():
            checkpoint.check_finite(row, names, progress.step, out, task.rates)
        progress.history.append({"step": progress.step, "seconds": progress.seconds} | row)
        if params.log_every and progress.step % params.log_every == 0:
            say(_describe(task, params, progress))
        if progress.step % params.save_every == 0 or progress.step == params.steps:
            _look_and_save(task, progress, out, processes)
    return processes.by_first(_publish, task, progress, out)


def _make_ready(task, params, fresh):
    """Check the folder; True where its checkpoint is to be gone on from, else begin it anew."""
    out = Path(params.out)
    check_folder(params, task.kind, fresh=fresh)
    if (out / CHECKPOINT).is_file() and not fresh:
        return True
    clear(out, task.kind)
    write_text(out / PARAMS, dump_yaml(params.model_dump()))
    return False


def _resume(task, params, path):
    """The progress that the checkpoint at `path` holds; modules and optimizers get their state."""
    notes = checkpoint.read_notes(path)
    check_notes(notes, task.decisive, notes["params"], params)
    checkpoint.load_state(path, task.modules, task.optimizers, task.state())
    return Progress(notes["step"], notes["seconds"], notes["history"], notes["figures"])


def _look_and_save(task, progress, out, processes):
    progress.figures = processes.by_first(task.look, progress)
    progress.history[-1] |= progress.figures
    figures = task.finite_figures if progress.step else ()  # a start may be as bad as it likes
    with told_once():
        checkpoint.check_finite(progress.figures, figures, progress.step, out, task.rates)
    if processes.is_first:
        _save(task, progress, out)


def _save(task, progress, out):
    notes = {
        "kind": task.kind.name,
        "params": dict(task.decisive),
        "step": progress.step,
        "seconds": progress.seconds,
        "history": progress.history,
        "figures": progress.figures,
    }
    checkpoint.save_state(out / CHECKPOINT, task.state(), task.optimizers, notes)
    write_json(out / HISTORY, progress.history)


def _publish(task, progress, out):
    write_json(out / HISTORY, progress.history)  # a kill may have come before it
    return task.publish(progress)


def _describe(task, params, progress):
    """A line of progress: means over the steps since the last one."""
    rows = progress.history[-params.log_every :]
    shown = [name for name in task.shown if name in rows[-1]]
    means = [(name, np.mean([row[name] for row in rows if name in row])) for name in shown]
    text = " ".join(f"{name} {value:.{task.digits}f}" for name, value in means)
    return f"step {progress.step}/{params.steps}  {progress.seconds:.0f} s  {text}"


def step_rng(params: TrainingParams, *names: object) -> torch.Generator:
    """Make a CPU generator of random numbers, seeded from the training's seed and `names`."""
    return image_rng(params.seed, "/".join(map(str, names)))

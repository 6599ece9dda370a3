"""Train a small GAN: DCGAN's two networks against each other, on a folder's images.

The objectives are those of `losses.adversarial`, one step is that of `step`, what goes wrong is
told by `trouble`, `loop` does the rest. What is kept is the generator's running average (Karras et
al. 2018, arXiv 1710.10196, section 6), with `patience` that of the look with the lowest FID. Its
BatchNorm statistics are not averaged, since those of averaged weights are not the average of the
statistics: whenever it is looked at or written, they are measured anew on fixed draws of z
(Izmailov et al. 2018, arXiv 1803.05407, section 3.2, for averaged weights). The folder of a
training gains generator.safetensors and card.json.

Nothing is compiled: of both networks at 64x64, width 32 and batch 64, on one core with bf16, a
step took 0.25 s plain and 0.33 s by `torch.compile`, which took three minutes first.

Every step draws from a generator of random numbers seeded by (seed, step), so that on one CPU the
result is the same to the bit.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganinv.compute.device import resolve_device
from ganinv.compute.memory import kept_memory
from ganinv.compute.processes import ALONE, Processes
from ganinv.files import write_json
from ganinv.training.folder import held
from ganinv.training.gan.augment import read_changes
from ganinv.training.gan.checks import GAN, check_gan_folder
from ganinv.training.gan.looks import (
    EARLY,
    Measure,
    look,
    looks_since_lowest,
    make_measure,
    picture_samples,
)
from ganinv.training.gan.model_card import gan_card
from ganinv.training.gan.networks import Networks
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.step import average_weights, averaging_decay, gan_step
from ganinv.training.loop import Say, Task, step_rng, train
from ganinv.training.sets.image_sets import load_image_set
from ganinv.weights.store import save_weights

GENERATOR = "generator.safetensors"


def train_gan(
    params: GanParams,
    *,
    fresh: bool = False,
    say: Say = print,
    load_images: Callable[..., np.ndarray] = load_image_set,
    measured_by: Callable[[Networks], Measure] = make_measure,
    processes: Processes = ALONE,
) -> Path:
    """Train by `GanParams`; return the path of generator.safetensors.

    Continues an earlier call in the same folder, unless `fresh`; with more steps, a finished one
    too. Raises ParamsError where that call had other parameters or images, where the images cannot
    be used, where the folder holds files of something else, and where the training diverges;
    InUseError where another training is at work in the folder, WriteError where the disk is full.
    One that collapses goes on: that is said, and noted in the history and on the card.
    `load_images(name, size, align=, say=)` gives uint8 (N, S, S, 3), or says first that there are
    none. Of several `processes`, each calls this; the first alone says and writes.
    """
    processes.by_first(processes.check_batch, params.batch)
    processes.by_first(check_gan_folder, params, fresh=fresh)
    device, say = processes.device or resolve_device(params.device), processes.said_by_first(say)
    with processes.held_by_first(held(params.out)), kept_memory(device):
        images = processes.first_then_others(
            load_images, params.images, params.resolution, align=params.align, say=say
        )
        networks = Networks(params, images, device, processes)
        task = gan_task(networks, say, measured_by(networks))
        return train(task, params, fresh=fresh, say=say, processes=processes)


def gan_task(networks: Networks, say: Say, measure: Measure) -> Task:
    """Make what the loop needs to train the networks."""
    return Task(
        kind=GAN,
        decisive=GAN.decisive(networks.params) | {"images": networks.images_sha256},
        modules=networks.modules,
        optimizers=networks.optimizers,
        state=networks.state,
        begin=lambda: None,  # the networks are as they were drawn
        step=lambda n: _step(networks, n),
        look=lambda progress: _look(networks, progress, say, measure),
        publish=lambda progress: _finish(networks, progress),
        ended=lambda progress: _has_stalled(networks.params, progress),
        rates="lr_generator or lr_discriminator",
        shown=("discriminator", "generator", "real", "fake"),
    )


def _step(networks, step):
    """One step of both networks, from 0, and of the running average."""
    params, rng = networks.params, step_rng(networks.params, "step", step)
    rows = networks.part.rows
    row = gan_step(
        *networks.learners,
        (networks.adam_generator, networks.adam_discriminator),
        lambda: networks.draw_real(params.batch, rng, params.flip, rows),
        lambda: networks.part.of(networks.draw_z(params.batch, rng)),
        objective=params.objective,
        critic_steps=params.critic_steps,
        gp_weight=params.gp_weight,
        rng=rng,
        precision=networks.precision,
        changes=read_changes(params.diff_augment),
        part=networks.part,
    )
    decay = averaging_decay(params.ema, params.batch, step + 1)
    average_weights(networks.average, networks.generator, decay)
    if step + 1 in EARLY:
        networks.part.processes.by_first(picture_samples, networks, step + 1)
    return row


def _look(networks, progress, say, measure):
    """A look; where `patience` asks for the best generator, one that is the best so far is kept."""
    figures = look(networks, progress, say, measure)
    *earlier, last = progress.history
    seen = replace(progress, history=[*earlier, last | figures], figures=figures)
    if networks.params.patience and progress.step and not looks_since_lowest(seen.history):
        _publish(networks, seen)
    return figures


def _has_stalled(params, progress):
    is_a_look = "fid" in progress.history[-1]
    return params.patience and is_a_look and looks_since_lowest(progress.history) >= params.patience


def _finish(networks, progress):
    """Publish the last generator, unless an earlier one is kept as the best."""
    path = Path(networks.params.out) / GENERATOR
    if networks.params.patience and looks_since_lowest(progress.history) and path.is_file():
        return path
    return _publish(networks, progress)


def _publish(networks, progress):
    """Write the running average as a generator that `load_generator` reads, and its card."""
    path = Path(networks.params.out) / GENERATOR
    description = {
        "architecture": "dcgan",
        "config": networks.config,
        "objective": networks.params.objective,
        "images": networks.images_sha256,
        "steps": progress.step,
    }
    save_weights(path, networks.average.state_dict(), description)
    write_json(path.with_name("card.json"), gan_card(networks, progress, path))
    return path

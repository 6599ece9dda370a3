"""Train the domain-guided encoder for a generator (Zhu et al. 2020, arXiv 2004.00049).

The start is `batches.begin`, one step is `step.encoder_step`, what is drawn for it
`batches.draw_batch`; `looks` tells how held-out images come back, `loop` does the rest. The folder
of a training gains encoder.safetensors, in half precision, and card.json.
"""

from pathlib import Path

import torch

from ganinv.compute.device import resolve_device
from ganinv.compute.memory import kept_memory
from ganinv.compute.processes import ALONE, Processes
from ganinv.encoders.domain import domain_config
from ganinv.files import write_json
from ganinv.generators.load import load_generator
from ganinv.training.checkpoint import copy_tensors
from ganinv.training.encoder.batches import begin, draw_batch
from ganinv.training.encoder.checks import ENCODER, check_encoder
from ganinv.training.encoder.draws import Photographs
from ganinv.training.encoder.looks import FIGURES, draw_held_out, look
from ganinv.training.encoder.model_card import encoder_card
from ganinv.training.encoder.networks import Networks
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.encoder.step import encoder_step
from ganinv.training.folder import held
from ganinv.training.loop import Say, Task, train
from ganinv.weights.store import save_weights


def train_encoder(
    params: EncoderParams,
    *,
    fresh: bool = False,
    say: Say = print,
    processes: Processes = ALONE,
) -> Path:
    """Train by `EncoderParams`; return the path of encoder.safetensors.

    Continues an earlier call in the same folder, unless `fresh`. Raises ParamsError where that call
    had other parameters, where the folder holds files of something else and where the training
    diverges, WeightsError where weights are not here, InUseError where another training is at work
    in the folder, WriteError where the disk is full. Of several `processes`, each calls this; the
    first alone says and writes.
    """
    processes.by_first(processes.check_batch, params.batch)
    processes.by_first(check_encoder, params, fresh=fresh)
    device, say = processes.device or resolve_device(params.device), processes.said_by_first(say)
    with processes.held_by_first(held(params.out)), kept_memory(device):
        generator = processes.first_then_others(load_generator, params.generator, device)
        photographs = None
        if params.photographs is not None:  # before minutes go into compiling
            resolution = domain_config(generator)["resolution"]
            photographs = Photographs(params.photographs, resolution, say)
        task = encoder_task(Networks(params, generator, say, processes), say, photographs)
        return train(task, params, fresh=fresh, say=say, processes=processes)


def encoder_task(networks: Networks, say: Say, photographs: Photographs | None = None) -> Task:
    """Make what the loop needs to train the encoder on drawn images, and on photographs."""
    params, generator = networks.params, networks.generator
    held_out = draw_held_out(networks)
    decisive = ENCODER.decisive(params) | {
        "generator": generator.sha256,
        "start": networks.earlier and networks.earlier[1],
    }
    return Task(
        kind=ENCODER,
        decisive=decisive,
        modules=networks.modules,
        optimizers=networks.optimizers,
        state=networks.state,
        begin=lambda: begin(networks, say),
        step=lambda n: encoder_step(networks, draw_batch(networks, photographs, n), n),
        look=lambda progress: look(networks, held_out, progress),
        publish=lambda progress: _publish(networks, photographs, progress),
        finite=("loss", "discriminator"),
        finite_figures=FIGURES,
        shown=("loss", "pixels", "features", "latent", "offsets"),
        digits=4,
    )


def _publish(networks, photographs, progress):
    """Write the encoder in half precision, and its card; return its path."""
    path = Path(networks.params.out) / "encoder.safetensors"
    made_for = {"name": networks.generator.name, "sha256": networks.generator.sha256}
    description = {"architecture": "domain", "config": networks.config, "generator": made_for}
    save_weights(path, copy_tensors(networks.encoder.head(), torch.float16), description)
    card = encoder_card(networks, photographs, progress, path, made_for)
    write_json(path.with_name("card.json"), card)
    return path

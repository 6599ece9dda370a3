"""Trainings of tiny GANs in processes of their own, which a test can kill."""

import multiprocessing
import os
import signal
import sys
import time

import torch

from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.train import train_gan
from helpers.tensors import quiet
from helpers.tiny_gans import TINY, Sets, discs

# a server that has imported torch once makes each process in a moment
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch", "ganinv.training.gan.train"])


def tiny(out, **changes):
    """The parameters of a tiny training into a folder."""
    return GanParams.make(TINY | dict(out=str(out)) | changes)


def train_tiny(params, **options):
    """Train on discs, in this process."""
    return train_gan(params, load_images=Sets(discs=discs()).load, **dict(say=quiet) | options)


def in_a_process(params, fresh=False, kill_at=None, started=None, pause=0.0):
    """Begin a training in a process of its own; return the process.

    `kill_at` lets it kill itself before it renames or removes so manieth a file, from 0. `started`,
    an event, is set once the folder is held; then the training waits for `pause` seconds.
    """
    arguments = (params.model_dump(), fresh, kill_at, started, pause)
    process = PROCESSES.Process(target=_train, args=arguments)
    process.start()
    return process


def _train(values, fresh, kill_at, started, pause):
    torch.set_num_threads(1)
    params = GanParams.make(values)
    if kill_at is not None:
        sys.addaudithook(_killer(kill_at))

    def load(images, size, *, align, say):
        if started is not None:
            started.set()
        time.sleep(pause)
        return discs()

    train_gan(params, fresh=fresh, say=quiet, load_images=load)


def _killer(kill_at):
    """A hook that kills the process before a file gets its name or loses it."""
    left = kill_at

    def hook(event, arguments):
        nonlocal left
        temporary = ".ganinv-" in str(arguments[:1])
        if event == "os.rename" or (event == "os.remove" and not temporary):
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    return hook

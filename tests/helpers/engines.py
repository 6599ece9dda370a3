"""Searches for the workers of a cluster, some of which die; and drivers in processes of their own.

They are functions of this file, since workers import what they are sent.
"""

import functools
import os
import signal
import time

import ganinv
from ganinv.runs.cluster import connected
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params


def noting(log, seconds, *arguments, image_id, **options):
    """Note the image in a file, wait, and search for it."""
    _note(log, image_id)
    time.sleep(seconds)
    return ganinv.invert(*arguments, image_id=image_id, **options)


def dying(log, name, times, *arguments, image_id, **options):
    """As `noting`; the process is killed at one image, so many times."""
    _note(log, image_id)
    if image_id == name and log.read_text().split().count(name) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return ganinv.invert(*arguments, image_id=image_id, **options)


def sees_nothing(folder, token):
    """How a worker looks for the driver's folder that has another one in its place."""
    return False


def _note(log, image_id):
    with open(log, "a") as file:
        file.write(f"{image_id}\n")


def drive(address, values, log, seconds, workers=1):
    """Run an experiment by Ray, in a process of its own; return the ids of its results."""
    search = functools.partial(noting, log, seconds)
    with connected(address, workers=workers, cpus_per_worker=1, say=_silent) as engine:
        params = Params.make(values)
        run = run_experiment(params, say=_silent, invert=search, engine=engine)
    return sorted(run.results["images"])


def _silent(text):
    pass

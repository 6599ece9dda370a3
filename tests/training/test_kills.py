"""Trainings that are killed, at any moment: the same command ends as if nothing had been."""

import random
import shutil
import signal
import time

import pytest

from helpers.checks import strict_json
from helpers.forked_trainings import PROCESSES, in_a_process, tiny, train_tiny
from helpers.tensors import assert_same
from helpers.tiny_gans import weights_of

TRIES = 10
SAVED = dict(steps=4, save_every=2)


def results(out):
    """What a training left, by its path, but for seconds and what holds them."""
    rows = strict_json(out / "history.json")
    for row in rows:
        del row["seconds"]
    kept = ("checkpoint.safetensors", "history.json", "card.json", "params.yaml", ".lock")
    files = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and path.name not in kept
    }
    return files | {"rows": rows}


def assert_as_whole(out, whole):
    assert results(out) == results(whole)
    assert_same(weights_of(out), weights_of(whole))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a training that nothing interrupted."""
    return train_tiny(tiny(tmp_path_factory.mktemp("whole") / "run", **SAVED)).parent


def test_a_training_killed_at_random_moments_ends_with_the_same_bits(whole, tmp_path):
    started, moments = time.perf_counter(), random.Random(0)
    train_tiny(tiny(tmp_path / "timed", **SAVED))
    seconds, stops = time.perf_counter() - started, []
    for number in range(TRIES):
        params = tiny(tmp_path / str(number), **SAVED)
        held = PROCESSES.Event()
        begun = in_a_process(params, started=held)
        assert held.wait(60)
        time.sleep(moments.uniform(0, seconds))
        begun.kill()
        begun.join()
        stops.append(begun.exitcode)
        train_tiny(params)
        assert_as_whole(tmp_path / str(number), whole)
    assert stops.count(-signal.SIGKILL) >= TRIES // 2  # the others had ended


@pytest.mark.parametrize("fresh", [False, True], ids=["new", "fresh"])
def test_a_training_killed_at_any_file_is_gone_on_with_by_the_same_command(tmp_path, fresh):
    """Before each file gets its name or loses it, also those of an earlier training."""
    params = dict(steps=1, save_every=1)
    whole = train_tiny(tiny(tmp_path / "whole", **params)).parent
    before = train_tiny(tiny(tmp_path / "before", seed=1, **params)).parent
    kills = 0
    while True:
        out = tmp_path / f"killed-{kills}"
        if fresh:
            shutil.copytree(before, out)
        process = in_a_process(tiny(out, **params), fresh, kill_at=kills)
        process.join()
        if not process.exitcode:
            break
        assert process.exitcode == -signal.SIGKILL
        train_tiny(tiny(out, **params), fresh=fresh)
        assert_as_whole(out, whole)
        kills += 1
    assert kills > 12  # as many files are written and removed, or more

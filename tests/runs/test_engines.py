"""The Ray engine, on two raylets of this machine: the same bits, whatever dies."""

import functools
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from ganinv.errors import ParamsError
from ganinv.files import read_json
from ganinv.runs.cluster import connected
from ganinv.runs.experiment import run_experiment
from ganinv.runs.record_files import is_finished, read_record
from ganinv.runs.workers import DEATHS
from helpers.engines import drive, dying, noting, sees_nothing
from helpers.processes import in_processes

pytestmark = pytest.mark.scale
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address():
    """Two raylets, as two machines of a cluster, one worker each."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_worker_niceness", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "120")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        one = dict(num_cpus=1, num_gpus=0, include_dashboard=False, object_store_memory=10**8)
        cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=one)
        try:
            cluster.add_node(**one)
            yield cluster.address
        finally:
            cluster.shutdown()


@pytest.fixture
def many(make_photo, tmp_path):
    return [make_photo(tmp_path / "photos" / f"{name}.png", i) for i, name in enumerate("abcde")]


@pytest.fixture
def by_ray(address, silent):
    """A function that runs parameters by two workers."""

    def run(params, *, invert=None, finds=None, **options):
        more = {} if finds is None else {"finds": finds}
        with connected(address, workers=2, cpus_per_worker=1, say=silent, **more) as engine:
            searching = {} if invert is None else {"invert": invert}
            return run_experiment(params, say=silent, engine=engine, **searching, **options)

    return run


def assert_as_serial(run, toy_params, photos, tmp_path, silent, but=()):
    """Hold every result to the bits of a run in this process."""
    serial = run_experiment(toy_params(photos, out=str(tmp_path / "serial")), say=silent)
    names = serial.results["images"].keys() - set(but)
    assert run.results["images"].keys() == names
    for name in names:
        here, there = tmp_path / "serial" / name, run.out / name
        files = {path.name for path in here.iterdir()}
        assert {path.name for path in there.iterdir()} == files, "no attempts, no locks are left"
        for file in ("latent.safetensors", "reconstruction.png", "progress.gif"):
            assert (here / file).read_bytes() == (there / file).read_bytes()
        entries = [read_json(place / "record.json") for place in (here, there)]
        for entry in entries:
            del entry["seconds"]
        assert entries[0] == entries[1]
    assert not [path for path in run.out.iterdir() if path.name.startswith(".")]


def test_ray_gives_the_bits_of_a_serial_run(by_ray, toy_params, many, tmp_path, silent):
    broken = tmp_path / "photos" / "z.png"
    broken.write_bytes(b"")
    run = by_ray(toy_params([*many, broken]))
    assert run.failed == {"z": "z.png: the file is empty"}
    assert silent.about("[6/6]") and silent.about("left for all")
    metrics = read_json(run.out / "metrics.json")
    assert set(metrics["images"]) == set("abcde") and set(metrics["failed"]) == {"z"}
    assert read_json(run.out / "environment.json")["threads"] == 1
    assert_as_serial(run, toy_params, many, tmp_path, silent)
    again = by_ray(toy_params(many))
    assert len(silent.about("finished earlier, kept")) == 5 and not again.failed


def test_a_killed_worker_costs_its_own_image(by_ray, toy_params, many, tmp_path, silent):
    log = tmp_path / "log"
    run = by_ray(toy_params(many), invert=functools.partial(dying, log, "b", 1))
    assert sorted(log.read_text().split()) == [*"abbcde"]
    assert run.failed == {} and silent.about("b: done again")
    assert_as_serial(run, toy_params, many, tmp_path, silent)


def test_a_photograph_that_kills_every_worker_is_recorded(
    by_ray, toy_params, many, tmp_path, silent
):
    log = tmp_path / "log"
    run = by_ray(toy_params(many), invert=functools.partial(dying, log, "b", 99), fresh=True)
    assert sorted(log.read_text().split()) == sorted("acde" + "b" * DEATHS)
    assert list(run.failed) == ["b"] and "3 workers died" in run.failed["b"]
    assert read_json(run.out / "b" / "record.json")["failed"] == run.failed["b"]
    assert_as_serial(run, toy_params, many, tmp_path, silent, but="b")


def test_the_call_goes_on_after_its_driver_was_killed(
    address, by_ray, toy_params, many, tmp_path, silent
):
    log = tmp_path / "log"
    values = toy_params(many).model_dump()
    context = multiprocessing.get_context("spawn")
    driver = context.Process(target=drive, args=(address, values, log, 1.0))
    driver.start()
    until = time.monotonic() + 120
    while not any(is_finished(read_record(tmp_path / "run", name)) for name in "abcde"):
        assert time.monotonic() < until and driver.is_alive()
        time.sleep(0.1)
    os.kill(driver.pid, signal.SIGKILL)
    driver.join()
    run = by_ray(toy_params(many), invert=functools.partial(noting, log, 0))
    begun = log.read_text().split()
    assert run.failed == {} and set(begun) == set("abcde")
    assert len(begun) <= 6, "at most the image at which the driver died is done again"
    assert silent.about("finished earlier, kept")
    metrics = read_json(run.out / "metrics.json")
    assert set(metrics["images"]) == set("abcde") and metrics["failed"] == {}


def test_two_drivers_share_a_folder(address, toy_params, many, tmp_path):
    log = tmp_path / "log"
    job = (address, toy_params(many).model_dump(), log, 0.5)
    assert in_processes(drive, [job, job]) == [[*"abcde"]] * 2
    assert sorted(log.read_text().split()) == [*"abcde"]
    assert set(read_json(tmp_path / "run" / "metrics.json")["images"]) == set("abcde")


def test_workers_that_do_not_see_the_folder_are_refused(by_ray, toy_params, many, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(ParamsError, match="does not see .*run, .*--out on a file system"):
        by_ray(toy_params(many), invert=functools.partial(noting, log, 0), finds=sees_nothing)
    assert not log.exists()

"""What a cluster has room for, and what is refused before one is asked."""

import sys

import pytest

from ganinv.errors import EngineError, ParamsError
from ganinv.files import write_json
from ganinv.runs.cluster import connected, cpus_of, room_of
from ganinv.runs.engines import RayEngine
from ganinv.runs.params import Params
from ganinv.runs.plan import Plan
from ganinv.runs.workers import MARKER, finds_marker


def test_without_the_extra_a_sentence_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(EngineError, match=r"needs Ray: pip install 'ganinv\[ray\]'"):
        connected().__enter__()


@pytest.mark.parametrize(
    ("node", "cpus", "gpus", "room"),
    [
        (dict(CPU=8), 2, 0, 4),
        (dict(CPU=8, GPU=2), 2, 1, 2),
        (dict(CPU=1, GPU=2), 2, 1, 0),
        (dict(CPU=8), 2, 1, 0),
        (dict(CPU=8, GPU=1), 2, 0.5, 2),
        ({}, 1, 0, 0),
    ],
)
def test_a_machine_has_room_for_whole_workers(node, cpus, gpus, room):
    assert room_of(node, cpus, gpus) == room


@pytest.mark.parametrize(
    ("nodes", "workers", "threads", "given", "cpus", "said"),
    [
        ([dict(CPU=8)], 4, 2, False, 2, False),
        ([dict(CPU=2)], 2, 2, False, 1, True),  # two threads each all the same
        ([dict(CPU=2), dict(CPU=2)], 4, 2, False, 1, True),
        ([dict(CPU=2)], 2, 2, True, 2, False),
        ([dict(CPU=4)], None, 8, False, 4, True),
        ([dict(CPU=1)], 3, 2, False, 1, False),
    ],
)
def test_workers_that_share_processors_keep_their_threads(
    nodes, workers, threads, given, cpus, said, silent
):
    assert cpus_of(nodes, workers, threads, given=given, say=silent) == cpus
    assert bool(silent.about("share")) == said


def engine_of(threads, given, say):
    return RayEngine(1, 1.0, 0.0, threads, given, say)


def plan_of(device="cpu"):
    return Plan(Params(device=device), "key", 32, print, dict)


def test_a_folder_keeps_its_number_of_threads(tmp_path, silent):
    write_json(tmp_path / "environment.json", dict(threads=3, settings="key"))
    engine = engine_of(2, False, silent)
    engine.take_threads(tmp_path, plan_of())
    assert engine.threads == 3
    with pytest.raises(ParamsError, match="--cpus-per-worker 3, or another --out"):
        engine_of(2, True, silent).take_threads(tmp_path, plan_of())
    engine = engine_of(2, True, silent)
    engine.take_threads(tmp_path, plan_of("cuda"))
    write_json(tmp_path / "environment.json", dict(threads=3, settings="other"))
    engine.take_threads(tmp_path, plan_of())
    assert engine.threads == 2


@pytest.mark.parametrize("threads", ["1e999", "NaN", "0", "-3", "true", '"4"', "[]"])
def test_a_number_of_threads_that_is_none_is_passed_over(tmp_path, silent, threads):
    (tmp_path / "environment.json").write_text(f'{{"settings": "key", "threads": {threads}}}')
    engine = engine_of(2, True, silent)
    engine.take_threads(tmp_path, plan_of())
    assert engine.threads == 2


def test_the_marker_of_another_call_is_none(tmp_path):
    (tmp_path / f"{MARKER}-one").write_text("one")
    assert finds_marker(tmp_path, "one")
    assert not finds_marker(tmp_path, "two", patience=0)
    assert not finds_marker(tmp_path / "elsewhere", "one", patience=0)

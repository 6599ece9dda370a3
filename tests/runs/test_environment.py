"""What a run notes about the machine, the code and the weights."""

import os

import torch

from ganinv import files
from ganinv.runs.environment import describe_machine, environment
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from helpers.checks import strict_json


def test_environment_says_what_a_result_depends_on(finished, toy_path):
    folder, _ = finished
    found = strict_json(folder / "environment.json")
    assert {"packages", "python", "device", "commit", "weights", "seed"} <= set(found)
    assert found["packages"]["torch"] in torch.__version__
    assert found["device"] in ("cpu", "cuda") and found["seed"] == 3
    assert found["weights"]["toy"] == files.sha256_file(toy_path)
    assert all(len(digest) == 64 for digest in found["weights"].values())
    assert set(found["weights"]) == {"toy", "lpips-alex", "lpips-vgg"}


def test_the_environment_is_that_of_the_computation(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos[:1]), say=silent)
    before = (tmp_path / "run" / "environment.json").read_bytes()
    run_experiment(toy_params(photos[:1]), say=silent)
    assert (tmp_path / "run" / "environment.json").read_bytes() == before


def test_environments_and_benchmarks_name_the_same_machine():
    machine, about = describe_machine("cpu"), environment(Params(device="cpu"), {})
    assert machine["device"] and about["device_name"] == (
        f"{machine['device']}, {os.cpu_count()} cores"
    )
    for key, other in {"python": "python", "platform": "system", "threads": "threads"}.items():
        assert about[key] == machine[other]
    assert about["date"].startswith(machine["date"])

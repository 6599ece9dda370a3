"""What a run notes about the machine, the code and the weights."""

import os
import subprocess

import torch

from ganinv import files
from ganinv.runs.environment import commit, describe_machine, environment
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


def git(folder, *words):
    named = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", "-C", str(folder), *named, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_commit_is_the_clones_with_a_mark_where_files_were_changed(root):
    assert commit() is None  # no repository
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "all")
    head = git(root, "rev-parse", "HEAD")
    assert commit() == head
    (root / "untracked").touch()
    assert commit() == head
    with open(root / "checkpoints" / "manifest.yaml", "a") as file:
        file.write("\n")
    assert commit() == head + "+"


def test_the_commit_of_a_repository_around_it_is_not_taken_for_its_own(root):
    git(root, "init", "--quiet")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "another project")
    assert commit() is None

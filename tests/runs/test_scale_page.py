"""What the page on scale tells to type: the job array's script and the lines beside it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from ganinv.core_yaml import parse_yaml
from ganinv.runs.record_files import read_records
from helpers.paths import ROOT

FOLDER = ROOT / "reports" / "scale"
SCRIPT = FOLDER / "invert.sbatch"
PAGE = (FOLDER / "README.md").read_text()
QUICK = ["steps=1", "space=w", "loss=l2", "precision=float32", "compile=off", "log_every=0"]


@pytest.fixture
def shell(make_photo, toy_path, tmp_path):
    """A function that runs a line of bash where `ganinv` is this one, of two photographs."""
    for seed, name in enumerate("ab"):  # b falls to 1/2, a to 2/2
        make_photo(tmp_path / "photos" / f"{name}.png", seed)
    program = tmp_path / "bin" / "ganinv"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ganinv "$@"\n')
    program.chmod(0o755)
    given = [f"--set {item}" for item in (*QUICK, f"generator={toy_path}")]
    options = " ".join([*given, "--no-align --device cpu"])
    way = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    way |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def run(line, **variables):
        line = line.replace("OPTIONS", options)
        command = ["bash", "-c", line]
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | way | variables, text=True, capture_output=True
        )

    return run


def test_the_script_is_bash_and_says_how_it_is_used(shell):
    assert shell(f"bash -n {SCRIPT}").returncode == 0
    done = shell(f"bash {SCRIPT} photos")
    assert done.returncode == 2 and "usage: sbatch --array=1-N" in done.stderr


def test_a_job_of_the_array_and_a_pod_do_their_shards(shell, tmp_path):
    array = dict(SLURM_ARRAY_TASK_ID="1", SLURM_ARRAY_TASK_COUNT="2", SLURM_CPUS_PER_TASK="1")
    done = shell(f"bash {SCRIPT} photos run OPTIONS", **array)
    assert done.returncode == 0, done.stderr
    assert list(read_records(tmp_path / "run")) == ["b"]
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    container = parse_yaml(text, "page")["spec"]["template"]["spec"]["containers"][0]
    (line,) = container["args"]
    assert container["command"] == ["bash", "-c"]
    line = line.replace("/data/photos", "photos").replace("/data/runs/mine", "run")
    done = shell(f"{line.replace('/64', '/2')} OPTIONS", JOB_COMPLETION_INDEX="1")
    assert done.returncode == 0, done.stderr
    assert list(read_records(tmp_path / "run")) == ["a", "b"]


@pytest.mark.skipif(shutil.which("parallel") is None, reason="GNU parallel is not installed")
def test_gnu_parallel_does_all_shards(shell, tmp_path):
    (line,) = re.findall(r"^seq .*$", PAGE, re.MULTILINE)
    line = line.replace("seq 8", "seq 2").replace("/8", "/2").replace("-j 2", "-j 1")
    done = shell(line.replace("runs/mine", "run") + " OPTIONS && ganinv collect run")
    assert done.returncode == 0, done.stderr
    assert list(read_records(tmp_path / "run")) == ["a", "b"]

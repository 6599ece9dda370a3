"""What holds the project together: dependencies, notebooks."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import ganinv
from ganinv.runs.params import Params

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared():
    project = pyproject()
    extras = project["optional-dependencies"].values()
    lines = project["dependencies"] + [line for extra in extras for line in extra]
    return [Requirement(line) for line in lines]


def locked():
    """Every version the lock file pins, by name."""
    found = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        match = re.match(r"([A-Za-z0-9_.-]+)==([^\s;]+)", line)
        if match:
            found.setdefault(match[1].lower(), []).append(match[2])
    return found


@pytest.mark.parametrize("requirement", declared(), ids=lambda r: r.name)
def test_lock_pins_every_dependency_within_its_range(requirement):
    versions = locked()[requirement.name.lower()]
    assert all(requirement.specifier.contains(version) for version in versions)


def test_lock_has_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^[A-Za-z0-9_.-]+==[^\n]*\\\n\s+--hash=sha256:", text, re.M)
    assert len(pins) == sum(len(versions) for versions in locked().values()) > 50
    assert "://" not in text and "--index-url" not in text


def test_conda_environment_is_a_layer_over_the_package():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert f"python{pyproject()['requires-python']}" in conda
    assert conda[1:] == ["pip"]
    (line,) = pip["pip"]
    extras = set(re.fullmatch(r"-e \.\[(.*)\]", line)[1].split(","))
    assert extras == set(pyproject()["optional-dependencies"])


def test_version_is_one():
    assert ganinv.__version__ == pyproject()["version"]


def test_import_selects_nothing_and_is_light():
    code = "import sys, ganinv; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


IMPORTS = """
import sys
import ganinv
assert "torch" not in sys.modules, "import ganinv should be quick"
import numpy, torch
states = torch.get_rng_state(), numpy.random.get_state()[1].tolist()
device, threads = torch.get_default_device(), torch.get_num_threads()
for name in ganinv.__all__:
    getattr(ganinv, name)
import ganinv.cli.main, ganinv.runs.samples
assert torch.equal(torch.get_rng_state(), states[0]), "torch's seed"
assert numpy.random.get_state()[1].tolist() == states[1], "numpy's seed"
assert torch.get_default_device() == device and torch.get_num_threads() == threads
assert not torch.cuda.is_initialized()
print("untouched")
"""


def test_importing_leaves_global_state_alone():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.stdout == "untouched\n", done.stderr


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_are_stored_without_outputs(path):
    for cell in json.loads(path.read_text())["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_notebooks_assert_something(path):
    cells = json.loads(path.read_text())["cells"]
    assert any("assert " in "".join(c["source"]) for c in cells if c["cell_type"] == "code")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("exp*.ipynb")), ids=str)
def test_parameters_cell_names_every_parameter_with_a_valid_value(path):
    cells = json.loads(path.read_text())["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    values = {}
    exec("".join(cell["source"]), values)
    params = Params(**{name: values[name] for name in Params.model_fields})
    assert params.steps <= 20, "notebooks are quick by default"


@pytest.mark.parametrize("name", ["exp01", "exp02", "exp03"])
def test_experiments_change_what_they_say(name):
    seeds = {
        "exp01": ("w", "l2", 300),
        "exp02": ("w+", "l2", 300),
        "exp03": ("w+", "lpips", 600),
    }
    params = Params.load(ROOT / "params" / f"{name}.yaml")
    photographs = ["sample:astronaut", "sample:hopper", "sample:obama"]
    assert (params.space, params.loss, params.steps) == seeds[name]
    assert (params.optimizer, params.init, params.images) == ("adam", "mean_w", photographs)

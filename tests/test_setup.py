"""What holds the project together: dependencies, notebooks, the pages that explain it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from typer.main import get_command

import ganinv
from ganinv.cli.main import app
from ganinv.runs.params import Params

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLDERS = ("", "ganinv", "checkpoints", "data", "notebooks", "reports", "reports/benchmarks")
PAGES = [ROOT / folder / "README.md" for folder in FOLDERS] + [ROOT / "PRD.md"]


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


def test_notebooks_are_numbered_in_reading_order():
    numbered = [path.name for path in NOTEBOOKS if path.name != "quickstart.ipynb"]
    assert [name[:3] for name in numbered] == [f"{n:02}_" for n in range(len(numbered))]
    listed = re.findall(
        r"\]\(\.\./notebooks/(\w+\.ipynb)\)", (ROOT / "reports/README.md").read_text()
    )
    assert sorted(listed) == [path.name for path in NOTEBOOKS]


def test_each_numbered_notebook_leads_to_the_next():
    numbered = [path for path in NOTEBOOKS if path.name != "quickstart.ipynb"]
    for path, following in zip(numbered, [*numbered[1:], None], strict=True):
        last = json.loads(path.read_text())["cells"][-1]
        links = re.findall(r"\]\((\w+\.ipynb)\)", "".join(last["source"]))
        assert last["cell_type"] == "markdown" and (not following or links[-1] == following.name)
        assert path.name[:2] == "00" or "notebook" in last["metadata"]["tags"]


def test_make_tries_every_notebook_in_reading_order():
    ask = ["make", "--no-print-directory", "--eval=tried:; @echo $(NOTEBOOKS)", "tried"]
    done = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f".nbval/{path.name}" for path in NOTEBOOKS]


@pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if p.name[:2] in ("01", "02", "03", "04", "07")], ids=str
)
def test_a_parameters_cell_is_its_experiment_made_quick(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    cells = json.loads(path.read_text())["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    values = {}
    exec("".join(cell["source"]), values)
    file = values.get("experiment") or values["file"]
    params = Params.collect(values, file, values.get("changes") or values["more"])
    assert params.steps <= 20, "notebooks are quick by default"
    full = Params.load(file)
    quick = {"steps", "refine_steps", "images", "log_every", "snapshot_every", "out"}
    assert params.model_dump(exclude=quick) == full.model_dump(exclude=quick)


@pytest.mark.parametrize("name", ["exp01", "exp02", "exp03"])
def test_experiments_change_what_they_say(name):
    seeds = {
        "exp01": ("w", "l2", 300),
        "exp02": ("w+", "l2", 300),
        "exp03": ("w+", "lpips", 600),
    }
    params = Params.load(ROOT / "params" / f"{name}.yaml")
    named = ("astronaut", "hopper", "portrait-050", "portrait-078")
    photographs = [f"sample:{photograph}" for photograph in named]
    assert (params.space, params.loss, params.steps) == seeds[name]
    assert (params.optimizer, params.init, params.images) == ("adam", "mean_w", photographs)


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def place(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_links_between_pages_resolve(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link} names no heading"


def code_of(page):
    """The code on a page: its console blocks, and a line for each text between backticks."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.M | re.S)
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_pages_name_commands_that_exist(page):
    code, commands = code_of(page), get_command(app).commands
    for name, below in re.findall(r"\bganinv ([a-z-]+)(?: ([a-z-]+))?", code):
        assert name in commands, f"no command ganinv {name}"
        group = getattr(commands[name], "commands", None)
        assert not (group and below) or below in group, f"no command ganinv {name} {below}"
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert set(re.findall(r"^make ([a-z-]+)", code, re.M)) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=place)
def test_pages_name_files_that_exist(page):
    code = code_of(page)
    names = re.findall(r"[\w/]+\.py\b", code) + re.findall(r"\bparams/[\w/-]+\.yaml", code)
    for name in names:
        assert any((root / name).is_file() for root in (ROOT, ROOT / "ganinv")), f"no file {name}"


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 180

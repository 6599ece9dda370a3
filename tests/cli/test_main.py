"""The program as a whole: its commands, its lists, the ways to call it."""

import os
import shutil
import subprocess
import sys

import pytest

import ganinv
from ganinv.paths import project_root
from helpers.commands import cli


def test_version(capsys):
    assert cli("--version") == 0
    assert capsys.readouterr().out.strip() == ganinv.__version__


def test_help_names_the_commands(capsys):
    assert cli("--help") == 0
    out = capsys.readouterr().out
    for name in ("invert", "verify", "align", "report", "weights", "data"):
        assert name in out


@pytest.mark.parametrize("words", [["inverse"], ["--colour"], ["weights", "steal"], ["data", "x"]])
def test_unknown_command_is_2(words, capsys):
    assert cli(*words) == 2
    assert "Traceback" not in capsys.readouterr().err


# --- the same program three ways ---


def test_module_and_script_are_the_same_program(quick, photo, tmp_path):
    bad = tmp_path / "photos" / "bad.png"
    bad.write_bytes(b"")
    ways = {
        "module": [sys.executable, "-m", "ganinv", "invert", photo],
        "script": [sys.executable, project_root() / "invert.py", photo, bad],
    }
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = {
        way: subprocess.Popen(
            [*words, *quick[:-1], tmp_path / way],
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for way, words in ways.items()
    }
    said = {way: process.communicate() for way, process in running.items()}
    assert running["module"].returncode == 0, said["module"]
    assert running["script"].returncode == 1, said["script"]
    assert "bad.png" in said["script"][1]
    latents = [tmp_path / way / "me" / "latent.safetensors" for way in ways]
    assert latents[0].read_bytes() == latents[1].read_bytes()


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], ["invert"]),
        (["--help"], ["invert", "--help"]),
        (["absent.jpg"], ["invert", "absent.jpg"]),
        (["verify", "absent"], ["verify", "absent"]),
        (["--version"], ["--version"]),
    ],
)
def test_the_script_means_invert_where_no_command_is_named(words, meant, tmp_path):
    script, module = (
        [sys.executable, project_root() / "invert.py"],
        [sys.executable, "-m", "ganinv"],
    )
    said = [
        subprocess.run([*way, *rest], cwd=tmp_path, text=True, capture_output=True)
        for way, rest in ((script, words), (module, meant))
    ]
    assert (said[0].stdout, said[0].stderr, said[0].returncode) == (
        (said[1].stdout, said[1].stderr, said[1].returncode)
    )
    assert said[0].returncode == (0 if words in (["--help"], ["--version"]) else 2)


def test_the_script_takes_a_folder_that_is_called_like_a_command(quick, make_photo, tmp_path):
    make_photo(tmp_path / "report" / "me.png")
    words = [sys.executable, project_root() / "invert.py", "report", *quick]
    done = subprocess.run(words, cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "me" / "latent.safetensors").is_file()


# --- lists ---


def test_weights_list_names_files_and_licences(capsys):
    assert cli("weights", "list") == 0
    out = capsys.readouterr().out
    heads = {line.partition(" ")[0]: line for line in out.splitlines() if line[:1] != " "}
    for name in ("ffhq-student", "lpips-alex", "lpips-vgg"):
        assert ", here)" in heads[name]
    assert {"stylegan2-ffhq", "stylegan2-ffhq-256", "e4e-ffhq"} <= heads.keys()
    assert "non-commercial" in out and "BSD-3-Clause" in out


def test_weights_list_says_what_is_not_here(tmp_path, monkeypatch, capsys):
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(project_root() / "checkpoints" / "manifest.yaml", tmp_path / "checkpoints")
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    assert cli("weights", "list") == 0
    assert capsys.readouterr().out.count("not here") >= 3


def test_data_list_names_samples_and_licences(capsys):
    assert cli("data", "list") == 0
    out = capsys.readouterr().out
    for name in ("astronaut", "hopper", "portrait-050", "obama", "biden", "control"):
        assert f"sample:{name}  (here)" in out
    assert "public domain" in out

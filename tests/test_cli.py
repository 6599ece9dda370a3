"""The command line: what it does, what it says, and its exit status."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import ganinv
from ganinv.cli.main import main
from ganinv.errors import ParamsError
from ganinv.paths import project_root
from ganinv.runs import experiment
from ganinv.runs.params import Params
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.toys import save_toy

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def quick(toy_path, tmp_path):
    """Options of a quick run of the toy into tmp_path/run."""
    settings = dict(
        generator=toy_path,
        steps=2,
        space="w",
        loss="l2",
        precision="float32",
        compile="off",
        log_every=0,
        snapshot_every=0,
    )
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return [*sets, "--device", "cpu", "--no-align", "--out", tmp_path / "run"]


@pytest.fixture
def photo(make_photo, tmp_path):
    return make_photo(tmp_path / "photos" / "me.png")


@pytest.fixture
def recorded(monkeypatch):
    """Parameters that `ganinv invert` would have run with; nothing runs."""
    seen = []

    def record(params, *, fresh=False, say=print):
        seen.append((params, fresh))
        raise ParamsError("recorded")

    monkeypatch.setattr(experiment, "run_experiment", record)
    return seen


# --- invert -------------------------------------------------------------------------------------


def test_success_is_0(quick, photo, tmp_path, capsys):
    assert cli("invert", photo, *quick) == 0
    out = capsys.readouterr().out
    entry = strict_json(tmp_path / "run" / "metrics.json")["images"]["me"]
    assert f"me: PSNR {entry['psnr']:.2f} dB" in out
    assert f"results in {tmp_path / 'run'}" in out


def test_some_failed_is_1_and_the_others_are_done(quick, photo, make_photo, tmp_path, capsys):
    (tmp_path / "photos" / "empty.png").write_bytes(b"")
    (tmp_path / "photos" / "text.png").write_text("<html>")
    make_photo(tmp_path / "photos" / "zoe.png", seed=1)
    assert cli("invert", tmp_path / "photos", *quick) == 1
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert set(metrics["images"]) == {"me", "zoe"} and set(metrics["failed"]) == {"empty", "text"}
    error = capsys.readouterr().err
    assert "failed: empty: empty.png: the file is empty" in error
    assert "failed: text: text.png: not an image" in error


def test_all_failed_is_1(quick, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    assert cli("invert", bad, *quick) == 1


def test_a_name_that_is_no_unicode_stops_nothing(quick, photo, make_photo, tmp_path, capsys):
    for name, content in (("caf\udce9.png", photo.read_bytes()), ("\udcff.png", b"")):
        try:
            (tmp_path / "photos" / name).write_bytes(content)
        except (OSError, UnicodeError):
            pytest.skip("the file system has no such names")
    assert cli("invert", tmp_path / "photos", *quick) == 1
    metrics = strict_json(tmp_path / "run" / "metrics.json")
    assert len(metrics["images"]) == 2 and len(metrics["failed"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "stepz=3"], "did you mean steps"),
        (["--set", "steps=many"], "steps"),
        (["--set", "steps=-1"], "steps"),
        (["--set", "steps"], "key=value"),
        (["--set", "space=z"], "space"),
        (["--set", "loss=l3"], "l3"),
        (["--set", "compile=true"], "compile"),
        (["--set", "lr=[1"], "YAML"),
        (["--device", "tpu"], "device"),
        (["--params", "absent.yaml"], "absent.yaml"),
        (["--colour", "red"], "--colour"),
        (["absent.png"], "absent.png"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_used_are_2(quick, photo, tmp_path, capsys, words, said):
    assert cli("invert", photo, *quick, *words) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_device_that_is_not_there_is_2(quick, photo, capsys):
    assert cli("invert", photo, *quick, "--device", "cuda") == 2
    assert "CUDA" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", ["stepz: 3", "steps: 3\nsteps: 4", "- steps", "a: [", "steps: 1e1"]
)
def test_params_file_that_cannot_be_used_is_2(quick, photo, tmp_path, capsys, content):
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    assert cli("invert", photo, "--params", file, *quick[-2:]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_folder_without_images_is_2(quick, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    assert cli("invert", tmp_path / "photos", *quick) == 2
    assert "no images" in capsys.readouterr().err


def test_no_input_is_2(capsys):
    assert cli("invert") == 2
    assert "INPUT" in capsys.readouterr().err.upper()


def test_start_that_does_not_fit_the_generator_is_2(quick, photo, tmp_path, capsys):
    start = tmp_path / "start.safetensors"
    save_file({"latent": torch.zeros(18, 512)}, start)
    assert cli("invert", photo, *quick, "--set", f"init={start}") == 2
    assert "(18, 512)" in capsys.readouterr().err


def test_missing_weights_are_1_and_say_what_to_do(quick, photo, tmp_path, monkeypatch, capsys):
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(project_root() / "checkpoints" / "manifest.yaml", tmp_path / "checkpoints")
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    assert cli("invert", photo, *quick, "--set", "generator=ffhq-student") == 1
    assert "ganinv weights fetch ffhq-student" in capsys.readouterr().err


def test_damaged_weights_are_1(quick, photo, toy, tmp_path, capsys):
    own = save_toy(tmp_path / "own.safetensors", toy.state_dict())
    own.write_bytes(own.read_bytes()[:-100])
    assert cli("invert", photo, *quick, "--set", f"generator={own}") == 1
    assert "own.safetensors" in capsys.readouterr().err


def test_options_win_over_set_and_set_over_the_file(recorded, photo, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "steps: 7\nlr: 0.5\nseed: 3\nout: from-file\ndevice: cuda\nimages: [other.png]\n"
    )
    sets = ["--set", "lr=1e-3", "--set", "out=from-set"]
    cli("invert", photo, "--params", file, *sets, "--device", "cpu", "--out", "from-option")
    params, fresh = recorded[0]
    assert (params.steps, params.lr, params.seed) == (7, 1e-3, 3)
    assert (params.out, params.device, params.images) == ("from-option", "cpu", [str(photo)])
    assert not fresh


@pytest.mark.parametrize(
    ("words", "align"),
    [([], False), (["--align"], True), (["--no-align"], False), (["--set", "align=true"], True)],
)
def test_align_options_win_over_the_file(recorded, photo, tmp_path, words, align):
    file = tmp_path / "mine.yaml"
    file.write_text("align: false\n")
    cli("invert", photo, "--params", file, *words)
    assert recorded[0][0].align is align


def test_alignment_is_the_default(recorded, photo):
    cli("invert", photo, "--fresh")
    params, fresh = recorded[0]
    assert params.align is True and fresh is True


def test_photo_without_a_face_fails_unless_taken_as_it_is(quick, photo, tmp_path, capsys):
    assert cli("invert", photo, *quick, "--align") == 1
    error = capsys.readouterr().err
    assert "me.png" in error and "no face" in error and "--no-align" in error
    assert cli("invert", photo, *quick, "--no-align") == 0


def test_same_command_continues_and_fresh_does_not(quick, photo, capsys):
    assert cli("invert", photo, *quick) == 0
    assert "kept" not in capsys.readouterr().out
    assert cli("invert", photo, *quick) == 0
    assert "kept" in capsys.readouterr().out
    assert cli("invert", photo, *quick, "--fresh") == 0
    assert "kept" not in capsys.readouterr().out


def test_a_runs_own_parameters_repeat_it(quick, photo, tmp_path):
    assert cli("invert", photo, *quick, "--set", "init=random", "--set", "seed=5") == 0
    file = tmp_path / "run" / "params.yaml"
    assert cli("invert", photo, "--params", file, "--out", tmp_path / "again") == 0
    latents = [tmp_path / run / "me" / "latent.safetensors" for run in ("run", "again")]
    assert latents[0].read_bytes() == latents[1].read_bytes()
    again = Params.load(tmp_path / "again" / "params.yaml")
    assert again.replace(out="x") == Params.load(file).replace(out="x")


def test_interrupting_is_130_and_says_that_nothing_is_lost(quick, photo, monkeypatch, capsys):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "invert", interrupt)
    assert cli("invert", photo, *quick) == 130
    assert "continues" in capsys.readouterr().err


def test_what_nobody_foresaw_keeps_its_traceback(quick, photo, monkeypatch):
    def fail(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(experiment, "invert", fail)
    with pytest.raises(ZeroDivisionError):
        main([str(word) for word in ("invert", photo, *quick)])


# --- the same program three ways ----------------------------------------------------------------


def test_module_and_script_are_the_same_program(quick, photo, tmp_path):
    bad = tmp_path / "photos" / "bad.png"
    bad.write_bytes(b"")
    ways = {
        "module": [sys.executable, "-m", "ganinv", "invert", photo],
        "script": [sys.executable, ROOT / "invert.py", photo, bad],
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


# --- verify -------------------------------------------------------------------------------------


def test_verify(quick, photo, tmp_path, capsys):
    assert cli("invert", photo, *quick) == 0
    run = tmp_path / "run"
    assert cli("verify", run) == 0
    assert "same" in capsys.readouterr().out
    metrics = strict_json(run / "metrics.json")
    metrics["images"]["me"]["psnr"] += 1
    (run / "metrics.json").write_text(json.dumps(metrics))
    assert cli("verify", run) == 1
    assert "psnr" in capsys.readouterr().out


def test_verify_of_what_is_no_run_is_2(tmp_path, capsys):
    assert cli("verify", tmp_path / "absent") == 2
    assert cli("verify", tmp_path) == 2
    assert "no run" in capsys.readouterr().err
    assert cli("verify") == 2


# --- align --------------------------------------------------------------------------------------


def test_align_cuts_out_the_face(tmp_path, capsys):
    astronaut = project_root() / "data" / "samples" / "astronaut.png"
    assert cli("align", astronaut, "--out", tmp_path / "aligned", "--size", "64") == 0
    written = tmp_path / "aligned" / "astronaut.png"
    assert str(written) in capsys.readouterr().out
    with Image.open(written) as image:
        assert image.size == (64, 64) and image.mode == "RGB"


def test_align_names_what_has_no_face_and_is_1(photo, make_photo, tmp_path, capsys):
    (tmp_path / "photos" / "empty.png").write_bytes(b"")
    assert cli("align", tmp_path / "photos", "--out", tmp_path / "aligned", "--size", "32") == 1
    error = capsys.readouterr().err
    assert "me.png: no face" in error and "empty.png: the file is empty" in error
    assert not (tmp_path / "aligned").exists()


@pytest.mark.parametrize("words", [["absent.png", "--out", "x"], ["me.png"], ["--out", "x"]])
def test_align_with_wrong_arguments_is_2(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert cli("align", *words) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["8", "big", "100000"])
def test_align_refuses_a_size_out_of_range(photo, tmp_path, size):
    assert cli("align", photo, "--out", tmp_path / "aligned", "--size", size) == 2


# --- lists --------------------------------------------------------------------------------------


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
    for name in ("astronaut", "hopper", "obama", "biden", "control"):
        assert f"sample:{name}  (here)" in out
    assert "public domain" in out


# --- the program itself -------------------------------------------------------------------------


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

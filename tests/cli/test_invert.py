"""ganinv invert: what it does, what it says, and its exit status."""

import os
import shutil

import pytest
import torch
from safetensors.torch import save_file

from ganinv.cli.main import main
from ganinv.paths import project_root
from ganinv.runs.params import Params
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.toys import save_toy

# --- results and failures ---


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


def fail_at_first_file(monkeypatch, error):
    """Raise `error` where the first file would be renamed into its place."""

    def failing(source, target):
        raise error

    monkeypatch.setattr(os, "replace", failing)


def test_interrupting_is_130_and_says_that_nothing_is_lost(quick, photo, monkeypatch, capsys):
    fail_at_first_file(monkeypatch, KeyboardInterrupt())
    assert cli("invert", photo, *quick) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_interrupting_what_starts_over_names_the_command_that_goes_on(
    quick, photo, monkeypatch, capsys
):
    fail_at_first_file(monkeypatch, KeyboardInterrupt())
    assert cli("invert", photo, *quick, "--fresh") == 130
    assert "the same command without --fresh goes on" in capsys.readouterr().err


@pytest.mark.parametrize("keep", [[], ["--keep-interrupted"]])
def test_an_interrupt_says_how_the_image_at_work_could_be_kept(
    quick, photo, monkeypatch, keep, capsys
):
    fail_at_first_file(monkeypatch, KeyboardInterrupt())
    assert cli("invert", photo, *quick, *keep) == 130
    assert ("begins anew the next time" in "".join(capsys.readouterr())) is (not keep)


def test_what_nobody_foresaw_keeps_its_traceback(quick, photo, monkeypatch):
    fail_at_first_file(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main([str(word) for word in ("invert", photo, *quick)])


# --- arguments ---


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


def test_options_win_over_set_and_set_over_the_file(toy_path, photo, tmp_path):
    file = tmp_path / "mine.yaml"
    given = "steps: 7\nlr: 0.5\nseed: 3\nout: from-file\ndevice: cuda\nimages: [other.png]\n"
    file.write_text(f"{given}generator: {toy_path}\nspace: w\nloss: l2\nalign: false\n")
    sets = ["--set", "lr=1e-3", "--set", f"out={tmp_path / 'from-set'}"]
    options = ["--device", "cpu", "--out", tmp_path / "from-option"]
    assert cli("invert", photo, "--params", file, *sets, *options) == 0
    params = Params.load(tmp_path / "from-option" / "params.yaml")
    assert (params.steps, params.lr, params.seed) == (7, 1e-3, 3)
    assert (params.device, params.images) == ("cpu", [str(photo)])
    assert params.out == str(tmp_path / "from-option")
    assert not (tmp_path / "from-set").exists()


@pytest.mark.parametrize(
    ("words", "align"),
    [([], False), (["--align"], True), (["--no-align"], False), (["--set", "align=true"], True)],
)
def test_align_options_win_over_the_file(quick, photo, tmp_path, words, align):
    file = tmp_path / "mine.yaml"
    file.write_text("align: false\n")
    chosen = [word for word in quick if word != "--no-align"]
    cli("invert", photo, "--params", file, *chosen, *words)
    assert Params.load(tmp_path / "run" / "params.yaml").align is align


def test_alignment_is_the_default(quick, photo, tmp_path):
    cli("invert", photo, *(word for word in quick if word != "--no-align"))
    assert Params.load(tmp_path / "run" / "params.yaml").align is True


def test_a_shard_does_its_photographs_and_says_how_to_gather(
    toy_path, make_photo, tmp_path, capsys
):
    photos = tmp_path / "photos"
    for k in range(3):
        make_photo(photos / f"p{k}.png", k)
    words = ["invert", photos, "--generator", toy_path, "--steps", "1", "--no-align"]
    words += ["--space", "w", "--loss", "l2", "--device", "cpu", "--out", tmp_path / "run"]
    for index in (1, 2):
        assert cli(*words, "--shard", f"{index}/2") == 0
        assert f"shard {index}/2" in capsys.readouterr().out
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert cli("collect", tmp_path / "run") == 0
    assert "3 finished" in capsys.readouterr().out
    assert cli(*words, "--shard", "3/2") == 2
    assert "no I/N" in capsys.readouterr().err

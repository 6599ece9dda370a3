"""The command line's benchmarks."""

import json

import numpy as np
import pytest

from ganinv.cli.main import main
from helpers.processes import Here

SMALL = ("steps=4", "loss_resolution=32", "precision=float32", "compile=off", "align=false")


@pytest.fixture
def here(monkeypatch):
    """Measure in this process."""
    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", Here)


def status_of(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *map(str, arguments)])
    return stopped.value.code


def test_the_step_command_measures_in_processes_and_says_the_ratio(toy_path, tmp_path, capsys):
    out = tmp_path / "step.json"
    options = "--loss lpips --batch 2 --steps 1 --device cpu"
    assert status_of(["step", "--generator", toy_path, *options.split(), "--out", out]) == 0
    printed = capsys.readouterr().out
    assert "toy, lpips, batch 2: " in printed and "times as fast as plain" in printed
    assert [row["batch"] for row in json.loads(out.read_text())["rows"]] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("step --loss psnr", "--loss is l2 or lpips; got 'psnr'"),
        ("step --resolution 48", "--resolution is a power of two; got 48"),
        ("step --steps 0", "--steps"),
        ("step --batch 0", "--batch"),
        ("step --device tpu", "a TPU is not supported"),
        ("step --device cpu --generator ffhq-studnet", "did you mean ffhq-student"),
        ("scale --loss psnr", "--loss"),
        ("scale --images 3", "--images needs two different numbers"),
        ("scale --workers 2", "--workers: only with --records"),
        ("scale --images 3 --images 3", "--images needs two different numbers"),
        ("scale --device cpu --generator config-f", "no weights named 'config-f'"),
    ],
)
def test_what_cannot_be_measured_is_said_before_it_begins(arguments, words, capsys):
    assert status_of(arguments.split()) == 2
    printed = capsys.readouterr()
    assert words in printed.err and "measuring" not in printed.out


def test_the_scale_command_prints_the_line(here, toy_path, tmp_path, capsys):
    options = "--loss l2 --batch 1 --images 1 --images 2 --steps 1 --device cpu"
    out = tmp_path / "scale.json"
    assert status_of(["scale", "--generator", toy_path, *options.split(), "--out", out]) == 0
    fit = json.loads(out.read_text())["fit"]
    printed = capsys.readouterr().out
    assert f"{fit['a']:.1f} s + {fit['b']:.1f} s per image" in printed
    assert "images per hour" in printed and np.isfinite(fit["r2"])


def test_the_command_writes_json_and_says_what_was_reached(
    here, toy_path, make_photo, tmp_path, capsys
):
    photo, out = make_photo(tmp_path / "a.png"), tmp_path / "quality.json"
    words = ["quality", "--recipe", "fast", "--recipe", "pti-pivot", "--image", photo]
    for item in (f"generator={toy_path}", *SMALL):
        words += ["--set", item]
    assert status_of([*words, "--points", 2, "--device", "cpu", "--out", out]) == 0
    assert "a: pti-pivot's final LPIPS-vgg of" in capsys.readouterr().out
    assert {"machine", "recipes", "rows", "plain", "reach"} <= json.loads(out.read_text()).keys()


def test_a_recipe_that_does_not_exist_is_2(capsys):
    assert status_of(["quality", "--recipe", "nobody"]) == 2
    assert "no preset named 'nobody'" in capsys.readouterr().err


def test_the_default_resolution_of_features_is_told(capsys):
    assert status_of(["refine", "--help"]) == 0
    assert "[default: 64]" in capsys.readouterr().out

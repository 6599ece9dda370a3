"""ganinv weights tune."""

import pytest

from ganinv import load_generator
from helpers.commands import cli

TUNED = ("--set", "refine=weights", "--set", "refine_steps=2", "--set", "refine_loss=l2")


@pytest.mark.parametrize("more", [(), ("--generator",)])
def test_tune_writes_a_generator_that_runs_take(quick, photo, toy_path, tmp_path, capsys, more):
    assert cli("invert", photo, *quick, *TUNED) == 0
    capsys.readouterr()
    out = tmp_path / "tuned" / "me.safetensors"
    given = (*more, *([toy_path] * len(more)))
    assert cli("weights", "tune", tmp_path / "run" / "me", out, *given) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert load_generator(out).name == "me"
    assert cli("weights", "info", out) == 0
    assert "source: toy, tuned to me" in capsys.readouterr().out.splitlines()
    assert cli("weights", "convert", out, "--out", tmp_path / "other.safetensors") == 0
    assert cli("weights", "info", tmp_path / "other.safetensors") == 0
    assert "source: toy, tuned to me" in capsys.readouterr().out.splitlines()
    init = tmp_path / "run" / "me" / "latent.safetensors"
    again = ("--generator", out, "--set", f"init={init}", "--out", tmp_path / "again")
    assert cli("invert", photo, *quick, *again) == 2  # a latent of the original's weights
    assert "init_any: true" in capsys.readouterr().err
    again = (*again, "--set", "init_any=true")
    assert cli("invert", photo, *quick, *again) == 0


def test_what_cannot_be_tuned_is_a_sentence_and_2(quick, photo, tmp_path, capsys):
    assert cli("invert", photo, *quick) == 0
    capsys.readouterr()
    out = tmp_path / "t.safetensors"
    for folder, says in (
        (tmp_path / "absent", "there is no folder"),
        (tmp_path / "run" / "me", "nothing was refined there"),
    ):
        assert cli("weights", "tune", folder, out) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("ganinv: ") and says in line
    damaged = tmp_path / "run" / "me" / "refinement.safetensors"
    damaged.write_bytes(b"x")
    assert cli("weights", "tune", tmp_path / "run" / "me", out) == 2
    assert "is not a whole safetensors file" in capsys.readouterr().err
    assert not out.exists()

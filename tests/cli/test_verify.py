"""ganinv verify."""

import json

from helpers.checks import strict_json
from helpers.commands import cli


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

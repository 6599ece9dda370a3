"""Records and metrics that are no numbers, or name other folders."""

import json

import pytest

from ganinv.analysis.finished import read_experiment, value
from ganinv.files import read_json
from ganinv.runs.record_files import read_record
from ganinv.runs.records import collect, read_metrics
from helpers.commands import cli
from helpers.runs import USUAL, fake_run


@pytest.fixture
def run(tmp_path):
    return fake_run(tmp_path / "run", {"a": {}, "b": {}})


def change(run, **changes):
    """Change what metrics.json says of the image a."""
    metrics = read_json(run / "metrics.json")
    metrics["images"]["a"] |= changes
    (run / "metrics.json").write_text(json.dumps(metrics))


ODD = ["x", [], {}, True, 10**400, float("inf")]


@pytest.mark.parametrize("number", ODD, ids=repr)
def test_a_metric_that_is_no_number_is_left_out_of_the_mean(run, number):
    (run / "a" / "record.json").write_text(json.dumps(USUAL | dict(ssim=number, seconds=1)))
    (run / "b" / "record.json").write_text(json.dumps(USUAL | dict(ssim=0.25, seconds=1)))
    assert cli("collect", run) == 0
    assert read_json(run / "metrics.json")["mean"]["ssim"] == 0.25
    read = value(read_experiment(run, "x"), "a", "ssim")
    assert read is None or read == float("inf")


@pytest.mark.parametrize("name", ["..", "", "a/b", "/etc", "../b", "x" * 300, "\0", "\ud800"])
def test_a_name_that_leads_out_of_the_run_is_no_image(run, name):
    metrics = read_json(run / "metrics.json")
    metrics["images"] = {name: metrics["images"]["a"]}
    (run / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match="damaged"):
        read_metrics(run / "metrics.json")
    (run.parent / "latent.safetensors").touch()
    (run / "latent.safetensors").touch()
    with pytest.raises(ValueError, match="no run"):
        collect(run)
    assert not (run.parent / "record.json").exists() and not (run / "record.json").exists()


@pytest.mark.parametrize("code", [5, "x", [1], True])
def test_an_entry_whose_code_is_no_entry_is_damaged(run, code):
    (run / "a" / "record.json").write_text(json.dumps(USUAL | dict(code=code)))
    assert read_record(run, "a") is None
    change(run, code=code)
    with pytest.raises(ValueError, match="damaged"):
        read_metrics(run / "metrics.json")


@pytest.mark.parametrize("failed", [5, "x", [1], True])
def test_failures_that_are_no_mapping_are_damage(run, failed):
    metrics = read_json(run / "metrics.json") | {"failed": failed}
    (run / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match="damaged"):
        read_experiment(run, "x", ["a"])

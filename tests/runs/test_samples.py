"""The sample photographs."""

import shutil

import pytest

from ganinv.errors import WeightsError
from ganinv.runs.experiment import run_experiment
from ganinv.runs.samples import fetch_samples, find_sample
from helpers.paths import ROOT


@pytest.fixture
def lists(root):
    """A project root with the list of samples and none of them."""
    (root / "data").mkdir()
    shutil.copy(ROOT / "data" / "samples.yaml", root / "data")
    return root


def test_unknown_sample_is_refused(toy_params):
    with pytest.raises(WeightsError, match="astronaut"):
        run_experiment(toy_params(["sample:astronaout"]))


@pytest.mark.parametrize("name", ["", "Astronaut"])
def test_a_sample_is_named_to_the_letter_since_its_name_seeds_it(name):
    with pytest.raises(WeightsError, match="astronaut"):
        find_sample(name)


def test_a_clone_brings_samples_by_command_alone(lists):
    with pytest.raises(WeightsError, match="ganinv data fetch"):
        find_sample("hopper")
    assert not (lists / "data" / "samples").exists()


def test_elsewhere_the_first_use_brings_a_sample_and_says_so(lists, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "home"))
    sample = find_sample("hopper")
    assert sample.path == tmp_path / "home" / "data" / "samples" / "hopper.jpg"
    assert sample.path.is_file() and not (lists / "data" / "samples").exists()
    said = capsys.readouterr()
    assert said.out == ""
    for part in ("first use of sample:hopper", "installed package", "US Navy", str(tmp_path)):
        assert part in said.err
    find_sample("hopper")
    assert capsys.readouterr().err == ""


def test_samples_need_a_home_that_can_be_written(lists, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANINV_HOME", str(tmp_path / "file"))
    for bring in (lambda: find_sample("hopper"), lambda: fetch_samples(lambda line: None)):
        with pytest.raises(WeightsError, match="GANINV_HOME"):
            bring()

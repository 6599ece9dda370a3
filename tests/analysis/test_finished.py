"""Finished runs, read back."""

import pytest

from ganinv.analysis.finished import ensure_runs, read_experiment
from ganinv.errors import ParamsError
from ganinv.runs.experiment import run_experiment


def test_runs_that_are_there_are_left_alone(toy_params, make_photo, tmp_path):
    photo = make_photo(tmp_path / "a.png", 0)
    run_experiment(toy_params([photo]), say=lambda text: None)
    (tmp_path / "run" / "metrics.json").unlink()  # as after a kill: the records count
    ensure_runs([tmp_path / "run"])
    assert read_experiment(tmp_path / "run", "it").params.steps == 4
    with pytest.raises(ParamsError, match="absent.yaml"):  # a missing one would be made
        ensure_runs([tmp_path / "absent"])

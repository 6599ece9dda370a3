"""The sample photographs."""

import pytest

from ganinv.errors import WeightsError
from ganinv.runs.experiment import run_experiment


def test_unknown_sample_is_refused(toy_params):
    with pytest.raises(WeightsError, match="astronaut"):
        run_experiment(toy_params(["sample:astronaout"]))

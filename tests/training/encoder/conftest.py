"""Trainings of an encoder for the toy."""

import pytest

from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.encoder.train import train_encoder
from helpers.checks import strict_json
from helpers.encoders import TRAINED, quick_params
from helpers.tensors import quiet


@pytest.fixture
def quick(toy_path, tmp_path):
    """A function that makes the parameters of a training of two steps into tmp_path/run."""
    return lambda **changes: quick_params(toy_path, tmp_path / "run", **changes)


@pytest.fixture(scope="session")
def trained(toy_path, tmp_path_factory):
    """The folder of a training whose strong ridge leaves the steps something to do."""
    out = tmp_path_factory.mktemp("trained") / "run"
    params = EncoderParams.make(TRAINED | dict(generator=str(toy_path), out=str(out)))
    assert train_encoder(params, say=quiet) == out / "encoder.safetensors"
    return out


@pytest.fixture(scope="session")
def looks(trained):
    """What was noted of the held-out images, by its step."""
    rows = strict_json(trained / "history.json")
    return {row["step"]: row for row in rows if "held_out_error" in row}

"""Trainings of tiny GANs."""

import pytest

import ganinv.training.gan.train as gan
from ganinv.training.gan.looks import make_measure
from ganinv.training.gan.networks import Networks
from ganinv.training.gan.settings import GanParams
from helpers.tensors import quiet
from helpers.tiny_gans import TINY, Compared, Sets, discs


@pytest.fixture
def quick(tmp_path):
    """A function that makes the parameters of a training of six steps into tmp_path/run."""
    return lambda **changes: GanParams.make(TINY | dict(out=str(tmp_path / "run")) | changes)


@pytest.fixture
def sets():
    """The sets that trainings read."""
    return Sets(discs=discs())


@pytest.fixture
def measures():
    """What was compared with what at looks."""
    return Compared()


@pytest.fixture
def train_gan(sets, measures):
    """The package's `train_gan` on those sets, by those measures."""

    def train(params, **options):
        def measured_by(networks):
            return make_measure(networks, measures.features, measures.compare)

        return gan.train_gan(params, load_images=sets.load, measured_by=measured_by, **options)

    return train


@pytest.fixture
def build(sets):
    """A function that makes the networks of a training, on the CPU."""
    return lambda params: Networks(params, sets.load(params.images, params.resolution, say=quiet))

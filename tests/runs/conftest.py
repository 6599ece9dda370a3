"""Fixtures for runs on disk."""

import pytest

import ganinv
from ganinv.runs.experiment import run_experiment
from helpers.searches import quick_params


@pytest.fixture
def silent():
    """A `say` that keeps what was said."""

    class Said(list):
        def __call__(self, text):
            self.append(text)

        def about(self, word):
            return [text for text in self if word in text]

    return Said()


@pytest.fixture
def inverted():
    """An `invert` that keeps the names of the images it searched for, in order."""

    class Inverted(list):
        def __call__(self, generator, target, params, *, image_id, **options):
            self.append(image_id)
            return ganinv.invert(generator, target, params, image_id=image_id, **options)

    return Inverted()


@pytest.fixture
def photos(make_photo, tmp_path):
    """Two photographs, a.png and b.png."""
    return [make_photo(tmp_path / "photos" / f"{name}.png", i) for i, name in enumerate("ab")]


@pytest.fixture(scope="session")
def finished(toy_path, make_photo, tmp_path_factory):
    """The folder of a finished run on two photographs, and its `Run`. Not to be changed."""
    root = tmp_path_factory.mktemp("finished")
    for seed, name in enumerate("ab"):
        make_photo(root / "photos" / f"{name}.png", seed)
    changes = dict(space="w+", loss={"l2": 1.0, "lpips_alex": 0.1}, snapshot_every=2, seed=3)
    params = quick_params(toy_path, [root / "photos"], root / "run", device="auto", **changes)
    run = run_experiment(params, say=lambda text: None)
    return root / "run", run

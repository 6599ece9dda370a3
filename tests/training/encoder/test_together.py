"""An encoder's steps by several processes: those of one, to rounding."""

import pytest

from ganinv.training.encoder.train import train_encoder
from helpers.checks import strict_json
from helpers.encoders import quick_params
from helpers.tensors import quiet
from helpers.tiny_gans import weights_of
from helpers.together import far, together

# after two steps Adam's moments are compared, too, which are what came of all gradients. Later the
# discriminator's, of images that hardly differ, are rounding: weights that differ by 1e-7 at the
# start have others by a factor at step ten, by one process too
CASES = {
    "ten steps": dict(steps=10, batch=4),
    "closed form": dict(batch=4, fit_samples=40, latent=0.0, r1_every=1),
    # the others have no image whose latent is known, and the first has fewer images
    "uneven": dict(batch=5, clean=0.2, change=0.9, r1_every=1),
}


def parameters(path, out, **case):
    shared = dict(steps=2, lr=0.05, clean=0.5, adversarial=0.1, held_out=2)
    return quick_params(path, out, **shared | case)


def train_all(processes, path, out):
    said = []
    for name, case in CASES.items():
        params = parameters(path, out / name, **case)
        train_encoder(params, say=said.append, processes=processes)
    return said


@pytest.fixture(scope="module")
def by_three(toy_path, tmp_path_factory):
    out = tmp_path_factory.mktemp("three")
    said, errors = together(out / "ends", 3, train_all, toy_path, out)
    assert errors == [""] * 3 and said[1] == said[2] == []
    return out


@pytest.mark.parametrize("name", CASES)
def test_steps_of_three_processes_are_those_of_one(by_three, toy_path, tmp_path, name):
    params = parameters(toy_path, tmp_path / name, **CASES[name])
    train_encoder(params, say=quiet)
    kinds = ("encoder", "discriminator") + (("adam", "adversary") if params.steps == 2 else ())
    a, b = (
        {k: x for k, x in weights_of(out / name).items() if k.startswith(kinds)}
        for out in (tmp_path, by_three)
    )
    assert far(a, b) < 2e-3  # of the closed form: its directions, of features in half precision
    rows, others = (strict_json(out / name / "history.json") for out in (tmp_path, by_three))
    assert len(rows) == params.steps + 1
    for row, other in zip(rows, others, strict=True):
        del row["seconds"], other["seconds"]
        assert other == pytest.approx(row, rel=1e-3, abs=1e-5)

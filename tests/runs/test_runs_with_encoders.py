"""A run loads its encoder once, records it, and fails early where it does not fit."""

import pytest
import torch
from torch import nn

from ganinv.encoders import load
from ganinv.encoders.base import Encoder
from ganinv.errors import ParamsError, WeightsError
from ganinv.inversion.latent_files import load_latent
from ganinv.runs.experiment import run_experiment
from ganinv.weights.store import save_weights
from helpers.checks import strict_json
from helpers.foreign_checkpoints import names_in, sha256


class Flat(Encoder):
    """An encoder that gives the same codes for every image."""

    resolution = 16
    made = 0  # how many were

    def __init__(self, *, num_ws, w_dim):
        super().__init__()
        Flat.made += 1
        self.num_ws, self.w_dim = num_ws, w_dim
        self.codes = nn.Parameter(torch.zeros(num_ws, w_dim))

    def forward(self, images):
        return self.codes.expand(len(images), -1, -1) + 0 * images.mean()


@pytest.fixture
def flat(tmp_path, monkeypatch):
    """A function that writes such an encoder to one path."""
    monkeypatch.setitem(load.ARCHITECTURES, "flat", Flat)
    monkeypatch.setattr(Flat, "made", 0)

    def write(codes):
        path = tmp_path / "flat.safetensors"
        config = dict(num_ws=codes.shape[0], w_dim=codes.shape[1])
        save_weights(path, {"codes": codes}, dict(architecture="flat", config=config))
        return path

    return write


def searched(out):
    """The images that were searched for, told by when their latents were written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/latent.safetensors")}


def test_a_run_loads_its_encoder_once_and_records_it(flat, toy, toy_params, make_photo, tmp_path):
    photos = [make_photo(tmp_path / f"{name}.png", i) for i, name in enumerate("ab")]
    codes = torch.randn(8, 32, generator=torch.Generator().manual_seed(4))
    path = flat(codes)
    params = toy_params(photos, init="encoder", encoder=str(path), space="w+", steps=0)
    run = run_experiment(params, say=lambda text: None)
    first = searched(run.out)
    assert Flat.made == 2  # once on torch's meta device, to compare shapes
    assert sorted(first) == ["a", "b"] and run.failed == {}
    weights = strict_json(run.out / "environment.json")["weights"]
    assert weights["flat (encoder)"] == sha256(path)
    assert set(weights) >= {"toy", "lpips-alex", "lpips-vgg"}
    for name in "ab":
        assert torch.equal(load_latent(run.out / name / "latent.safetensors")[0], codes)

    run_experiment(params, say=lambda text: None)
    assert searched(run.out) == first  # kept
    flat(codes + 1)
    with pytest.raises(ParamsError, match="weights"):
        run_experiment(params, say=lambda text: None)
    run_experiment(params, fresh=True, say=lambda text: None)
    second = searched(run.out)
    assert sorted(second) == ["a", "b"] and all(second[name] > first[name] for name in first)
    weights = strict_json(run.out / "environment.json")["weights"]
    assert weights["flat (encoder)"] == sha256(path)


@pytest.mark.parametrize(
    ("shape", "reason"), [((10, 32), "10 codes"), ((8, 31), "width 31")], ids=["rows", "width"]
)
def test_a_run_with_another_generators_encoder_fails_before_anything_runs(
    flat, toy_params, make_photo, tmp_path, shape, reason
):
    path = flat(torch.ones(shape))
    params = toy_params(
        [make_photo(tmp_path / "a.png")], init="encoder", encoder=str(path), space="w+"
    )
    with pytest.raises(ParamsError, match=f"{reason}.*takes 8"):
        run_experiment(params, say=lambda text: None)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("root")
def test_a_run_names_an_encoder_that_is_none(toy_params, make_photo, rosinality, tmp_path):
    params = toy_params([make_photo(tmp_path / "a.png")], init="encoder", encoder=str(rosinality))
    with pytest.raises(WeightsError, match="holds no encoder"):
        run_experiment(params, say=lambda text: None)
    assert names_in(tmp_path) == ["a.png", "net.pt"]

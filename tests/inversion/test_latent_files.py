"""Latents in files, and the noise maps beside them."""

import pytest
import torch

from ganinv.inversion.latent_files import load_latent, load_noise, save_latent
from ganinv.runs.experiment import run_experiment
from ganinv.runs.verify import verify
from helpers.latents import start, write_latent


def test_saved_latent_round_trips(toy, tmp_path):
    saved = torch.randn(8, 32)
    path = write_latent(tmp_path / "latent.safetensors", saved)
    latent, metadata = load_latent(path)
    assert torch.equal(latent, saved)
    assert metadata == {"ganinv": '{"generator": "toy"}'}
    assert torch.equal(start(toy, "w+", path), saved)


def test_file_without_a_latent_is_refused(toy, tmp_path):
    path = write_latent(tmp_path / "other.safetensors", torch.zeros(8, 32), name="w")
    with pytest.raises(ValueError, match="no tensor named latent"):
        start(toy, "w+", path)


def test_damaged_latent_is_refused(toy, tmp_path):
    path = tmp_path / "latent.safetensors"
    path.write_text("not a latent")
    with pytest.raises(ValueError, match="not a whole"):
        start(toy, "w+", str(path))


def test_numbers_beyond_float32_are_refused(toy, tmp_path):
    path = tmp_path / "latent.safetensors"
    large = torch.full((8, 32), 1e300, dtype=torch.float64)
    save_latent(path, large, toy, {"first": large.clone()})
    with pytest.raises(ValueError, match="the latent in .* is no finite floating-point numbers"):
        load_latent(path)
    with pytest.raises(ValueError, match="the noise map first in .* is no finite"):
        load_noise(path)


def test_maps_are_kept_with_the_latent_and_verified(toy_params, make_photo, tmp_path):
    params = toy_params([make_photo(tmp_path / "a.png")], noise_maps="optimized")
    run = run_experiment(params, say=lambda text: None)
    path = run.out / "a" / "latent.safetensors"
    assert load_latent(path)[0].shape == (8, 32)
    assert len(load_noise(path)) == 5
    assert verify(run.out, say=lambda text: None) == {}


def test_files_without_maps_have_none(toy_params, make_photo, tmp_path):
    run = run_experiment(toy_params([make_photo(tmp_path / "a.png")]), say=lambda text: None)
    assert load_noise(run.out / "a" / "latent.safetensors") == {}

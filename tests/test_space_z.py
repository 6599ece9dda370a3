"""Inverting a generator whose only latent is z: space, starts, a run on disk, the encoder."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import ganinv
from ganinv.errors import ParamsError
from ganinv.generators.base import freeze
from ganinv.generators.dcgan import DCGAN
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.runs.verify import verify
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.encoder.train import train_encoder
from ganinv.weights.store import save_weights

CONFIG = dict(resolution=32, width=4, z_dim=16)
SEARCH = dict(
    loss="l2", steps=80, lr=0.1, log_every=0, snapshot_every=0, compile="off", precision="float32"
)


@pytest.fixture(scope="module")
def small_path(tmp_path_factory):
    """A DCGAN of random weights, large enough that z shows, as a file."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = DCGAN(**CONFIG)
        for p in generator.parameters():
            torch.nn.init.normal_(p, mean=float(p.ndim == 1), std=0.2)  # biases, or z = 0 is flat
    freeze(generator)
    path = tmp_path_factory.mktemp("dcgan") / "generator.safetensors"
    save_weights(path, generator.state_dict(), {"architecture": "dcgan", "config": CONFIG})
    return path


@pytest.fixture(scope="module")
def small(small_path):
    return load_generator(small_path)


def draw(generator, seed=1):
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return z, generator.synthesis(generator.mapping(z))[0]


def test_loaded_generator_offers_z_alone(small):
    assert not small.styled
    assert not small.training and not any(p.requires_grad for p in small.parameters())
    assert (small.num_ws, small.w_dim) == (1, 16) and not small.w_avg.any()
    assert small.w_std.item() == pytest.approx(4.0)
    z, _ = draw(small)
    assert torch.equal(small.mapping(z), z[:, None])


def test_search_in_z_finds_an_image_of_the_generator(small):
    z, image = draw(small)
    start = ganinv.invert(small, image, space="z", **SEARCH | dict(steps=0))
    assert not start.latent.any()  # the mean of Z
    found = ganinv.invert(small, image, space="z", **SEARCH)
    assert found.latent.shape == (1, 16)
    assert found.metrics["psnr"] > start.metrics["psnr"] + 10
    assert (found.latent - z).norm() < 0.5 * z.norm()


@pytest.mark.parametrize("space", ["w", "w+"])
def test_asking_for_another_space_says_which_there_is(small, space):
    with pytest.raises(ValueError, match=rf"has no space {space.replace('+', r'.')}; it offers z"):
        ganinv.invert(small, draw(small)[1], space=space, **SEARCH)


def test_style_generators_have_no_z(toy, toy_images):
    with pytest.raises(ValueError, match="no space z; it offers w, w\\+"):
        ganinv.invert(toy, toy_images[0][0], space="z", **SEARCH)


def experiment(small_path, tmp_path, **changes):
    image = draw(load_generator(small_path))[1]
    save_png(tmp_path / "in" / "one.png", to_uint8(image))
    values = dict(
        generator=str(small_path),
        images=[str(tmp_path / "in")],
        align=False,
        space="z",
        out=str(tmp_path / "run"),
        device="cpu",
        **SEARCH,
    )
    return Params.make(values | changes)


def test_run_on_disk_holds_z_and_verifies(small_path, tmp_path):
    run = run_experiment(experiment(small_path, tmp_path), say=lambda text: None)
    assert not run.failed
    latent = load_file(tmp_path / "run" / "one" / "latent.safetensors")["latent"]
    assert latent.shape == (1, 16)
    assert verify(tmp_path / "run", say=lambda text: None) == {}
    params = experiment(
        small_path,
        tmp_path,
        init=str(tmp_path / "run" / "one" / "latent.safetensors"),
        steps=1,
        out=str(tmp_path / "again"),
    )
    again = run_experiment(params, say=lambda text: None).results["images"]["one"]
    assert again["psnr"] >= run.results["images"]["one"]["psnr"] - 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [(dict(space="w+"), "no space w\\+; it offers z"), (dict(coordinates="style"), "style inputs")],
)
def test_what_it_does_not_have_is_said_before_anything_runs(small_path, tmp_path, changes, message):
    with pytest.raises(ParamsError, match=message):
        run_experiment(experiment(small_path, tmp_path, **changes), say=lambda text: None)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_random_start_is_drawn_from_z(small):
    _, image = draw(small)
    runs = [
        ganinv.invert(small, image, space="z", init="random", seed=seed, **SEARCH | dict(steps=0))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0].latent, runs[1].latent)
    assert not torch.equal(runs[0].latent, runs[2].latent)


def test_encoder_learns_z_and_serves_start_and_eq_4(small_path, small, tmp_path):
    params = EncoderParams.make(
        dict(
            generator=str(small_path),
            fit_samples=512,
            steps=2,
            batch=16,
            held_out=8,
            truncation_min=1.0,
            truncation_max=1.0,
            mixing=0.0,
            log_every=0,
            save_every=2,
            device="cpu",
            precision="float32",
            compile="off",
            out=str(tmp_path / "encoder"),
        ),
    )
    encoder = train_encoder(params, say=lambda text: None)
    history = json.loads((tmp_path / "encoder" / "history.json").read_text())
    assert history[-1]["held_out_error"] < 0.9  # of that of the mean of Z
    zs = torch.randn(8, 16, generator=torch.Generator().manual_seed(9))
    images = small.synthesis(small.mapping(zs))
    codes = ganinv.load_encoder(encoder)(images)
    assert codes.shape == (8, 1, 16)
    correlation = np.corrcoef(codes[:, 0].flatten().numpy(), zs.flatten().numpy())[0, 1]
    assert correlation > 0.3
    params = experiment(
        small_path,
        tmp_path,
        init="encoder",
        encoder=str(encoder),
        steps=3,
        loss={"l2": 1, "domain": 2},
    )
    run = run_experiment(params, say=lambda text: None)
    assert not run.failed


def test_images_too_small_for_the_metrics_are_refused_before_anything_runs(tmp_path):
    config = CONFIG | dict(resolution=16)
    path = tmp_path / "tiny.safetensors"
    description = {"architecture": "dcgan", "config": config}
    save_weights(path, freeze(DCGAN(**config)).state_dict(), description)
    with pytest.raises(ParamsError, match="16 pixels; LPIPS needs 32"):
        run_experiment(experiment(path, tmp_path), say=lambda text: None)

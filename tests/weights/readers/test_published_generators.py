"""Generators of published code are read: images, W and gradients are the original code's."""

import warnings

import numpy as np
import pytest
import torch

from ganinv.generators.stylegan2 import StyleGAN2
from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.stylegan2 import from_nvidia, from_rosinality, from_tensorflow
from helpers.networks import assert_close, distance, network_of
from helpers.paths import DATA

READ = {
    "nvidia": lambda: from_nvidia(read_checkpoint(DATA / "nvidia_64.pkl")),
    "tensorflow": lambda: from_tensorflow(read_checkpoint(DATA / "tf_64.pkl")),
}


@pytest.fixture(scope="module", params=READ)
def nvidia(request):
    return network_of(*READ[request.param]())


def vectors(name):
    with np.load(DATA / name) as file:
        return {key: torch.from_numpy(file[key]) for key in file}


@pytest.fixture(scope="module")
def outputs():
    return vectors("nvidia_64_outputs.npz")


def test_mapping_and_truncation_match_nvidia(nvidia, outputs):
    assert_close(nvidia.mapping(outputs["z"]), outputs["ws"])
    assert_close(nvidia.mapping(outputs["z"], truncation=0.6), outputs["ws_psi06"])


def test_images_match_nvidia(nvidia, outputs):
    assert_close(nvidia.synthesis(outputs["ws"]), outputs["img_w_const"])
    assert_close(nvidia.synthesis(outputs["wplus"]), outputs["img_wplus_const"])
    assert_close(nvidia.synthesis(outputs["wplus"], noise="none"), outputs["img_wplus_none"])
    assert distance(outputs["img_wplus_none"], outputs["img_wplus_const"]) > 0.01


def test_gradient_matches_nvidia(nvidia, outputs):
    ws = outputs["wplus"].clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(nvidia.synthesis(ws).square().mean(), ws)
    assert_close(gradient, outputs["grad_wplus_of_mean_square_img_const"])


def test_nvidias_two_formats_give_the_same_network():
    (torch_config, torch_state), (tf_config, tf_state) = (read() for read in READ.values())
    assert StyleGAN2(**torch_config).state_dict().keys() == torch_state.keys() | {"w_std"}
    assert torch_state.keys() == tf_state.keys()
    for name, tensor in torch_state.items():
        assert torch.equal(tf_state[name], tensor)
    for option in ("channels", "z_dim", "mapping", "architecture"):
        assert torch_config[option] == tf_config[option]


def test_images_match_rosinality():
    checkpoint = read_checkpoint(DATA / "rosinality_64.pt")
    outputs = vectors("rosinality_64_outputs.npz")
    generator = network_of(*from_rosinality(checkpoint["g_ema"], checkpoint["latent_avg"]))
    assert torch.equal(generator.w_avg, checkpoint["latent_avg"])
    assert_close(generator.mapping(outputs["z"]), generator.broadcast(outputs["w"]))
    assert_close(generator.synthesis(generator.broadcast(outputs["w"])), outputs["img_w_const"])
    assert_close(generator.synthesis(outputs["wplus"]), outputs["img_wplus_const"])


def test_reading_warns_of_nothing():
    torch.set_warn_always(True)  # else what warns once per process may have done so
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for read in READ.values():
                read()
    finally:
        torch.set_warn_always(False)

"""BasicSR's generator: rosinality's under other names."""

import re

import pytest
import torch

from ganinv import load_generator
from ganinv.weights.readers.basicsr import as_rosinality
from ganinv.weights.readers.networks import read_parts
from helpers.foreign_checkpoints import sentence, vectors
from helpers.networks import assert_close
from helpers.paths import DATA

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(scope="module")
def saved():
    return torch.load(DATA / "rosinality_64.pt")


def theirs(name):
    """How BasicSR calls a weight of rosinality's code, as its convert_stylegan.py pairs them."""
    if name.startswith("style."):
        return name.replace("style.", "style_mlp.")
    if name == "input.input":
        return "constant_input.weight"
    if name.startswith("noises."):
        return name.replace("noise_", "noise")
    name = re.sub(r"^conv", "style_conv", name).replace("noise.weight", "weight")
    return name.replace(".conv.", ".modulated_conv.")


@pytest.fixture
def state(saved):
    kept = {name: x for name, x in saved["g_ema"].items() if not name.endswith(".kernel")}
    return {theirs(name): x for name, x in kept.items()}


def test_the_names_are_basicsrs(state):
    known = (
        *("style_mlp.1.weight", "constant_input.weight", "style_conv1.modulated_conv.weight"),
        *("style_conv1.modulated_conv.modulation.bias", "style_conv1.weight", "noises.noise0"),
        *("style_convs.0.weight", "style_convs.1.activate.bias", "to_rgb1.modulated_conv.weight"),
        *("to_rgbs.0.bias", "to_rgbs.0.modulated_conv.modulation.weight"),
    )
    assert {*known} < state.keys() and state["style_convs.0.weight"].shape == (1,)


def test_names_come_back_with_the_blur_that_the_file_lacks(state, saved):
    found = as_rosinality(state)
    own = {k: x for k, x in saved["g_ema"].items() if not k.endswith("upsample.kernel")}
    assert found.keys() == own.keys()
    assert all(torch.allclose(x, own[name]) for name, x in found.items())


@pytest.mark.parametrize("wrap", ["params_ema", "params", ""])
def test_images_are_those_of_rosinalitys_code(state, saved, tmp_path, wrap):
    average = {"latent_avg": saved["latent_avg"]}
    torch.save({wrap: state} | average if wrap else state | average, tmp_path / "net.pth")
    (part,), (known,) = read_parts(tmp_path / "net.pth"), read_parts(DATA / "rosinality_64.pt")
    assert part.format == "basicsr" and part.config == known.config
    generator, outputs = load_generator(tmp_path / "net.pth"), vectors("rosinality")
    assert_close(generator.synthesis(outputs["wplus"]), outputs["img_wplus_const"])
    assert torch.equal(generator.w_avg, saved["latent_avg"].flatten())


def test_the_average_of_two_is_read(state, tmp_path):
    more = {name: x + 1 for name, x in state.items()}
    torch.save({"params": more, "params_ema": state}, tmp_path / "net.pth")
    (part,) = read_parts(tmp_path / "net.pth")
    torch.save({"params_ema": state}, tmp_path / "alone.pth")
    (alone,) = read_parts(tmp_path / "alone.pth")
    assert all(torch.equal(x, alone.tensors[name]) for name, x in part.tensors.items())


def test_what_is_no_such_generator_is_refused(state, tmp_path):
    path = tmp_path / "net.pth"
    clean = {name.replace("activate.bias", "bias"): x for name, x in state.items()}
    torch.save({"params_ema": clean}, path)  # its code scales no weights: another network
    assert "no network that is known" in sentence(load_generator, path)
    torch.save(state | {"style.1.weight": torch.ones(2)}, path)
    assert "two of its weights" in sentence(load_generator, path)
    del state["style_convs.0.modulated_conv.weight"]
    torch.save(state, path)
    assert "lacks convs.0.conv" in sentence(load_generator, path)

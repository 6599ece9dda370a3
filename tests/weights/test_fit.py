"""Descriptions that do not fit the tensors beside them are refused in little memory."""

import json

import pytest
import torch
from safetensors.torch import save_file

from ganinv import load_encoder, load_generator
from ganinv.errors import WeightsError
from ganinv.inversion.starts import find_start
from helpers.memory import GIB, at_most
from helpers.toys import TOY_CONFIG, save_toy

STYLEGAN2 = dict(z_dim=8, mapping=[8], channels=[8, 8])
HUGE = {
    "wide layers": ("stylegan2", STYLEGAN2 | {"channels": [20_000, 20_000]}),
    "widths below the bound": ("stylegan2", STYLEGAN2 | {"channels": [16_000, 16_000]}),
    "a wide mapping": ("stylegan2", STYLEGAN2 | {"mapping": [10**9]}),
    "a wide z": ("stylegan2", STYLEGAN2 | {"z_dim": 10**10}),
    "many labels": ("stylegan2", STYLEGAN2 | {"c_dim": 10**9, "c_embed": 8}),
    "many blocks": ("stylegan2", STYLEGAN2 | {"channels": [8] * 60}),
    "a million layers": ("stylegan2", STYLEGAN2 | {"mapping": [8] * 10**6}),
    "many layers": ("mobile_stylegan", TOY_CONFIG | {"mapping_layers": 10**10}),
    "a resolution of 2^30": ("dcgan", dict(resolution=2**30)),
    "wide DCGAN": ("dcgan", dict(resolution=2**14, width=16_000)),
    "many rows": ("irse", dict(num_ws=10**9)),
    "rows below the bound": ("irse", dict(num_ws=16_000)),
    "many offsets": ("domain", dict(resolution=32, num_ws=10**9, w_dim=512)),
    "a fine grid": ("domain", dict(resolution=32, num_ws=8, w_dim=32, grid=10**6)),
}
WRONG = {
    "no mapping": ("stylegan2", STYLEGAN2 | {"mapping": []}),
    "no blocks": ("stylegan2", STYLEGAN2 | {"channels": []}),
    "a width of zero": ("stylegan2", STYLEGAN2 | {"mapping": [0]}),
    "a negative width": ("stylegan2", STYLEGAN2 | {"channels": [-5, 8]}),
    "a float": ("stylegan2", STYLEGAN2 | {"z_dim": 8.5}),
    "a text": ("stylegan2", STYLEGAN2 | {"z_dim": "8"}),
    "a limit of NaN": ("stylegan2", STYLEGAN2 | {"conv_clamp": float("nan")}),
    "a list": ("stylegan2", [8, 8]),
    "nothing": ("stylegan2", None),
    "a name of Python's": ("stylegan2", {"self": 1}),
    "an odd resolution": ("dcgan", dict(resolution=48)),
    "an unknown head": ("irse", dict(head="x")),
}


def _write(path, tensors, architecture, config):
    described = json.dumps({"architecture": architecture, "config": config})
    save_file(tensors, path, metadata={"ganinv": described})
    return path


@pytest.mark.parametrize("held", [{}, {"const": torch.zeros(1)}], ids=["empty", "one tensor"])
@pytest.mark.parametrize("architecture, config", (HUGE | WRONG).values(), ids=HUGE | WRONG)
def test_a_description_of_another_network_takes_little_memory(tmp_path, architecture, config, held):
    path = _write(tmp_path / "net.safetensors", held, architecture, config)
    load = load_encoder if architecture in ("irse", "domain") else load_generator
    with at_most(GIB // 2), pytest.raises(WeightsError, match="does not fit"):
        load(path)
    assert torch.is_grad_enabled()  # whatever was being built when it was refused


DAMAGED = {
    "NaN": (lambda x: x * float("nan"), "NaN"),
    "infinite": (lambda x: x / 0, "NaN or infinite"),
    "whole numbers": (lambda x: x.to(torch.int64), "int64"),
    "complex": (lambda x: x.to(torch.complex64), "complex64"),
}


@pytest.mark.parametrize("change, reason", DAMAGED.values(), ids=DAMAGED)
def test_weights_that_are_no_finite_floats_are_refused(toy, tmp_path, change, reason):
    state = toy.state_dict()
    path = save_toy(tmp_path / "net.safetensors", state | {"const": change(state["const"])})
    with pytest.raises(WeightsError, match=f"const .*{reason}"):
        load_generator(path)


def test_w_is_not_measured_for_a_width_that_takes_gigabytes(toy, tmp_path):
    state = {name: x for name, x in toy.state_dict().items() if name not in ("w_avg", "w_std")}
    state["fc.0.weight"] = torch.zeros(32, 16_000)
    config = TOY_CONFIG | {"z_dim": 16_000}
    path = save_toy(tmp_path / "net.safetensors", state, config=config)
    with at_most(GIB // 2), pytest.raises(WeightsError, match="w_avg"):
        load_generator(path)


def test_half_precision_is_read_as_float32(toy, tmp_path):
    halves = {name: x.half() for name, x in toy.state_dict().items()}
    loaded = load_generator(save_toy(tmp_path / "net.safetensors", halves))
    assert loaded.const.dtype == torch.float32
    assert torch.equal(loaded.const, toy.const.half().float())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1, True, 1j])
def test_a_latent_that_is_no_finite_floats_is_no_start(toy, tmp_path, value):
    path = tmp_path / "latent.safetensors"
    save_file({"latent": torch.full((1, toy.w_dim), value)}, path)
    target = torch.zeros(3, toy.resolution, toy.resolution)
    with pytest.raises(ValueError, match="no finite"):
        find_start(toy, str(path), target=target, rng=torch.Generator())

"""Safetensors whose headers say what no tensor is, or what would take all memory to read."""

import json
import os
import struct

import pytest
import torch
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.errors import WeightsError
from ganinv.inversion.latent_files import load_latent, load_noise, maker_of
from ganinv.losses.lpips import package_lpips
from ganinv.weights.store import read_description, read_tensors
from helpers.memory import GIB, at_most
from helpers.toys import DCGAN_CONFIG, build_dcgan, save_toy

ONE = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}


def write(path, header, body=bytes(4)):
    data = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(data)) + data + body)
    return path


HEADERS = {
    "a width beyond 64 bits": {"latent": ONE | {"shape": [0, 2**64 - 1], "data_offsets": [0, 0]}},
    "hundreds of dimensions": {"latent": ONE | {"shape": [1] * 300}},
    "numbers of 8 bits": {"latent": ONE | {"dtype": "F8_E8M0", "shape": [4]}},
    "half a byte": {"latent": ONE | {"dtype": "F4", "shape": [8]}},
    "no type": {"latent": {"shape": [1, 1]}},
    "no mapping": {"latent": 5},
    "a list": [5],
    "very many tensors": {str(i): ONE for i in range(30_000)},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_no_tensors_have_is_refused(tmp_path, header):
    path = write(tmp_path / "x.safetensors", header)
    with pytest.raises(ValueError, match="whole safetensors"):
        read_tensors(path)
    for read in (read_description, load_generator):
        with pytest.raises(WeightsError, match="whole safetensors"):
            read(path)


def test_metadata_of_null_are_none(tmp_path):
    path = write(tmp_path / "x.safetensors", {"__metadata__": None, "latent": ONE})
    latent, metadata = load_latent(path)
    assert latent.tolist() == [[0.0]] and metadata == {} and maker_of(metadata) == ""


def test_a_file_of_gigabytes_takes_none(tmp_path):
    large = ONE | {"shape": [2**33], "data_offsets": [0, 2**35]}
    path = write(tmp_path / "x.safetensors", {"latent": large})
    os.truncate(path, path.stat().st_size - 4 + 2**35)  # sparse: it takes no room on the disk
    with at_most(GIB // 4), pytest.raises(ValueError, match="too large"):
        load_latent(path)


@pytest.mark.parametrize("length", [2**30, 2**63])
def test_a_header_that_would_take_all_memory_is_refused(tmp_path, length):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b"{}")
    with at_most(GIB // 4), pytest.raises(ValueError, match="announces"):
        read_tensors(path)


def test_a_pipe_or_a_device_is_no_file_of_tensors(tmp_path):
    os.mkfifo(tmp_path / "x.safetensors")
    for path in (tmp_path / "x.safetensors", "/dev/zero"):
        with pytest.raises(ValueError, match="a pipe"):
            read_tensors(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1, 1j])
def test_noise_maps_that_are_no_finite_floats_are_refused(tmp_path, value):
    path = tmp_path / "latent.safetensors"
    save_file({"latent": torch.zeros(1, 8), "noise.a": torch.full((1, 1, 4, 4), value)}, path)
    with pytest.raises(ValueError, match="the noise map a .* no finite"):
        load_noise(path)


def test_half_and_double_precision_latents_are_read_as_float32(tmp_path):
    for kind in (torch.float16, torch.float64):
        save_file({"latent": torch.full((1, 8), 0.5, dtype=kind)}, tmp_path / "x.safetensors")
        latent, _ = load_latent(tmp_path / "x.safetensors")
        assert latent.dtype == torch.float32 and latent.eq(0.5).all()


ZERO = {
    "all": lambda name, x: True,
    "convolutions": lambda name, x: x.ndim == 4,
    "linear layers": lambda name, x: x.ndim == 2,
}


@pytest.mark.parametrize("which", ZERO.values(), ids=ZERO)
def test_weights_of_zero_are_refused(toy, tmp_path, which):
    state = {name: x * (not which(name, x)) for name, x in toy.state_dict().items()}
    path = save_toy(tmp_path / "net.safetensors", state)
    with pytest.raises(WeightsError, match="all zero"):
        load_generator(path)


def test_a_dcgan_of_zeros_is_refused(tmp_path):
    state = {name: x * 0 for name, x in build_dcgan().state_dict().items()}
    path = save_toy(tmp_path / "x.safetensors", state, architecture="dcgan", config=DCGAN_CONFIG)
    with pytest.raises(WeightsError, match="all zero"):
        load_generator(path)


BACKBONES = {
    "no tensor": lambda state: {},
    "one missing": lambda state: dict(list(state.items())[1:]),
    "another shape": lambda state: {name: x.flatten() for name, x in state.items()},
    "NaN": lambda state: {name: x * float("nan") for name, x in state.items()},
    "zeros": lambda state: {name: x * 0 for name, x in state.items()},
}


@pytest.mark.parametrize("change", BACKBONES.values(), ids=BACKBONES)
def test_a_backbone_of_lpips_that_is_another_is_damaged(tmp_path, monkeypatch, change):
    convs = [(64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3)]  # AlexNet's
    state = {f"conv.{i}.weight": torch.ones(a, b, k, k) for i, (a, b, k) in enumerate(convs)}
    state |= {f"conv.{i}.bias": torch.zeros(a) for i, (a, _, _) in enumerate(convs)}
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "lpips-alex.safetensors"
    monkeypatch.setattr("ganinv.losses.lpips.ensure", lambda name: path)
    save_file(state, path)
    assert package_lpips("alex").net.slice1[0].weight.eq(1).all()
    save_file(change(state), path)
    with pytest.raises(WeightsError, match="damaged"):
        package_lpips("alex")

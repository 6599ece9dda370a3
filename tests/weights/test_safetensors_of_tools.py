"""States that other tools save as safetensors: read by the names of their layers."""

import shutil

import pytest
import torch
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.weights.convert import convert_checkpoint
from ganinv.weights.locate import describe_file
from ganinv.weights.readers.checkpoints import read_checkpoint
from helpers.foreign_checkpoints import kept_in, sentence, sha256, state_of, vectors
from helpers.networks import assert_close
from helpers.paths import DATA

pytestmark = pytest.mark.usefixtures("root")


def rosinality():
    return dict(torch.load(DATA / "rosinality_64.pt")["g_ema"])


def nvidia():
    return state_of(read_checkpoint(DATA / "nvidia_64.pkl")["G_ema"])


STATES = {"rosinality": rosinality, "nvidia": nvidia}
PREFIXES = ["", "g_ema.", "module.", "params_ema."]


def save(path, state, **metadata):
    save_file({name: x.contiguous().clone() for name, x in state.items()}, path, metadata or None)
    return path


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("format_", STATES)
def test_images_are_those_of_the_original_code(format_, prefix, tmp_path):
    state = {prefix + name: x for name, x in STATES[format_]().items()}
    path = save(tmp_path / "net.safetensors", state, format="pt")
    generator, outputs = load_generator(path), vectors(format_)
    assert generator.name == "net" and generator.sha256 == sha256(path)
    assert_close(generator.synthesis(outputs["wplus"]), outputs["img_wplus_const"])
    assert describe_file(path)[0]["format"] == format_


def test_the_mean_of_w_beside_a_state_is_read(root, tmp_path):
    average = torch.load(DATA / "rosinality_64.pt")["latent_avg"]
    path = save(tmp_path / "net.safetensors", rosinality() | {"latent_avg": average + 0.5})
    assert torch.equal(load_generator(path).w_avg, average + 0.5)
    before = kept_in(root)
    load_generator(path)
    assert len(before) == 2 and kept_in(root) == before  # converted once


def test_it_is_converted_to_another_file_alone(tmp_path):
    path = save(tmp_path / "net.safetensors", rosinality())
    data = path.read_bytes()
    for out in (None, path):
        assert "would be overwritten" in sentence(convert_checkpoint, path, out)
    (made,) = convert_checkpoint(path, tmp_path / "ours.safetensors")
    assert torch.equal(load_generator(made).w_avg, load_generator(path).w_avg)
    assert path.read_bytes() == data and not (tmp_path / "net.json").exists()


def test_of_two_networks_the_average_is_read(tmp_path):
    state = rosinality()
    both = {f"g.{name}": x + 1 for name, x in state.items()}
    both |= {f"g_ema.{name}": x for name, x in state.items()}
    alone = load_generator(save(tmp_path / "alone.safetensors", state))
    found = load_generator(save(tmp_path / "both.safetensors", both))
    assert all(torch.equal(x, found.state_dict()[name]) for name, x in alone.state_dict().items())
    both = {name.replace("g_ema.", "other."): x for name, x in both.items()}
    message = sentence(load_generator, save(tmp_path / "two.safetensors", both))
    assert "several networks, g, other" in message


DAMAGED = {
    "a weight missing": (lambda state: state.pop("style.1.bias"), "lacks style.1.bias"),
    "whole numbers": (
        lambda state: state.update({"style.1.bias": torch.ones(512, dtype=torch.int32)}),
        "no",
    ),
    "NaN": (lambda state: state["conv1.conv.weight"].fill_(torch.nan), "NaN"),
}


@pytest.mark.parametrize("change, said", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_state_is_refused(tmp_path, root, change, said):
    state = {name: x.clone() for name, x in rosinality().items()}
    change(state)
    path = save(tmp_path / "net.safetensors", state)
    message = sentence(load_generator, path)
    assert f"{path} is not read" in message and said in message
    assert kept_in(root) == []


def test_a_file_cut_short_is_refused(tmp_path):
    path = save(tmp_path / "net.safetensors", rosinality())
    data = path.read_bytes()
    for size in (0, 7, 100, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        assert "not a whole safetensors file" in sentence(load_generator, path)


def test_a_pickle_under_this_name_is_refused(tmp_path):
    path = shutil.copy(DATA / "rosinality_64.pt", tmp_path / "net.safetensors")
    assert "not a whole safetensors file" in sentence(load_generator, path)

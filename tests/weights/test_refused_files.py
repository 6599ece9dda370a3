"""Files that hold no network of the kind that is wanted are refused by name and reason."""

from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.encoders.load import load_encoder
from ganinv.weights.convert import convert_checkpoint
from ganinv.weights.locate import describe_file
from ganinv.weights.store import save_weights, write_tensors
from helpers.commands import cli
from helpers.foreign_checkpoints import kept_in, names_in, pickled, saved, sentence, stylegan3
from helpers.paths import DATA
from helpers.toys import save_toy

pytestmark = pytest.mark.usefixtures("root")


def write_png(path):
    Image.new("RGB", (8, 8)).save(path, "PNG")


def write_half(name):
    data = (DATA / name).read_bytes()
    return lambda path: path.write_bytes(data[: len(data) // 2])


TORCHVISION = OrderedDict({"features.0.weight": torch.zeros(4, 3, 3, 3), "classifier.6.bias": None})
TORCHVISION["classifier.6.bias"] = torch.zeros(10)
OF_NO_USE = {
    "missing": (lambda path: None, "there is no file"),
    "folder": (Path.mkdir, "there is no file"),
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "web page": (lambda path: path.write_text("<!DOCTYPE html><html>"), "web page"),
    "PNG": (write_png, "no checkpoint"),
    "text": (lambda path: path.write_text("weights"), "no checkpoint"),
    "zip cut short": (write_half("rosinality_64.pt"), "not a whole zip archive"),
    "pickle cut short": (write_half("nvidia_64.pkl"), "not a whole pickle"),
    "TensorFlow pickle cut short": (write_half("tf_64.pkl"), "not a whole pickle"),
    "state dict": (saved(TORCHVISION), r"entries are features.0.weight (4, 3, 3, 3)"),
    "StyleGAN3": (lambda path: path.write_bytes(stylegan3()), "StyleGAN3"),
    "no G_ema": (
        lambda path: path.write_bytes(pickled({"G_ema": None})),
        "entries are G_ema (a NoneType)",
    ),
    "number": (saved(3), "no network that is known"),
    "empty dict": (saved({}), "no network that is known"),
    "list": (saved([torch.zeros(2)]), "no network that is known"),
    "rosinality's discriminator": (
        saved({"d": {"a": torch.zeros(1)}}),
        "entries are d (the entries are a (1,))",
    ),
    "other g_ema": (saved({"g_ema": TORCHVISION}), "g_ema (the entries are features.0.weight"),
    "g_ema of no kind": (saved({"g_ema": 3}), "entries are g_ema (a int)"),
    "neither part": (saved({"state_dict": TORCHVISION}), "what is read: a StyleGAN2 generator"),
    "other decoder": (
        saved({"state_dict": {"decoder.a": torch.zeros(1)}}),
        "decoder.a (1,)",
    ),
}


@pytest.mark.parametrize("case", OF_NO_USE)
def test_what_is_no_checkpoint_is_refused_by_its_name_and_reason(case, tmp_path, root, capsys):
    write, reason = OF_NO_USE[case]
    path = tmp_path / "some net.pt"
    write(path)
    before = names_in(tmp_path)
    for call in (load_generator, load_encoder, convert_checkpoint, describe_file):
        message = sentence(call, path)
        assert str(path) in message and reason in message
    for command in ("convert", "info"):
        assert cli("weights", command, path) == 1
        error = capsys.readouterr().err
        assert str(path) in error and reason in error and len(error.splitlines()) == 1
    assert names_in(tmp_path) == before and kept_in(root) == []


def test_a_run_names_a_generator_that_is_none(tmp_path, make_photo, capsys):
    path, photo = tmp_path / "net.pkl", make_photo(tmp_path / "me.png")
    path.write_bytes(stylegan3())
    sets = ["--set", f"generator={path}", "--out", tmp_path / "run"]
    assert cli("invert", photo, "--no-align", *sets) == 1
    assert "StyleGAN3" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.fixture
def own_files(toy, tmp_path):
    """Files of ours, one of each kind."""
    made = {name: tmp_path / f"{name}.safetensors" for name in ("backbone", "encoder", "bare")}
    tensors = {"conv.0.weight": torch.zeros(1)}
    save_weights(made["backbone"], tensors, dict(architecture="lpips_backbone", config={}))
    save_weights(made["encoder"], tensors, dict(architecture="irse", config=dict(num_ws=1)))
    save_weights(made["bare"], tensors, {})
    made["generator"] = save_toy(tmp_path / "generator.safetensors", toy.state_dict())
    return made


def test_our_own_files_of_another_kind_are_refused(own_files):
    for name in ("backbone", "encoder"):
        message = sentence(load_generator, own_files[name])
        assert f"{own_files[name]} holds no generator" in message
    for name in ("backbone", "generator"):
        message = sentence(load_encoder, own_files[name])
        assert f"{own_files[name]} holds no encoder" in message
    assert "'irse'" in sentence(load_generator, own_files["encoder"])


def test_a_file_of_bare_tensors_is_no_network(own_files, tmp_path):
    """Another tool's file: what is in it is said, and what would be read."""
    path = own_files["bare"]
    for read in (load_generator, load_encoder, describe_file):
        message = sentence(read, path)
        assert f"{path} is not read: it holds no network" in message
        assert "the entries are" in message and "what is read: a StyleGAN2 generator" in message
    assert "holds no network" in sentence(convert_checkpoint, path, tmp_path / "o.safetensors")
    assert not (tmp_path / "o.safetensors").exists()


def test_latents_and_refinements_are_no_networks(tmp_path):
    """Files of ours, whose tensors might pass for another tool's."""
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"latent": torch.zeros(8, 32)}, {"ganinv": '{"generator": "toy"}'})
    assert f"{path} holds no generator" in sentence(load_generator, path)
    assert "holds no network that ganinv knows" in sentence(convert_checkpoint, path)


def test_an_encoder_without_its_layers_is_refused(own_files):
    message = sentence(load_encoder, own_files["encoder"])
    assert "does not fit its own description" in message and "input_layer.0" in message


@pytest.mark.parametrize("data", [b"", b"junk", b"\xff" * 99, (9**9).to_bytes(8, "little") + b"{"])
def test_a_file_of_ours_that_is_not_whole_is_refused(tmp_path, data):
    path = tmp_path / "net.safetensors"
    path.write_bytes(data)
    for call in (load_generator, load_encoder, describe_file):
        assert f"{path} is not a whole safetensors file" in sentence(call, path)
    path.unlink()
    for call in (load_generator, load_encoder, describe_file, convert_checkpoint):
        assert f"there is no file {path}" in sentence(call, path)


@pytest.mark.parametrize("text", ["{", "[]", "3", "[" * 100_000, '{"architecture": null}'])
def test_metadata_of_any_kind_are_refused(tmp_path, text):
    path = tmp_path / "net.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"ganinv": text})
    for call in (load_generator, load_encoder):
        assert str(path) in sentence(call, path)

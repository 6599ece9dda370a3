"""Loading: a saved generator comes back, frozen; files that do not fit are refused."""

import hashlib
import shutil

import pytest
import torch
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.errors import WeightsError
from ganinv.paths import project_root
from helpers.toys import TOY_CONFIG, save_toy


def test_loaded_generator_is_the_saved_one(toy, toy_path, toy_images):
    loaded = load_generator(toy_path)
    _, ws = toy_images
    for generator in (loaded, toy):  # a search may have left toy so; layouts decide last bits
        generator.to(memory_format=torch.channels_last)
    assert torch.equal(loaded.synthesis(ws), toy.synthesis(ws))
    assert torch.equal(loaded.w_avg, toy.w_avg) and torch.equal(loaded.w_std, toy.w_std)
    assert loaded.name == "toy"
    assert loaded.sha256 == hashlib.sha256(toy_path.read_bytes()).hexdigest()


def test_loaded_generator_is_frozen(toy_path):
    loaded = load_generator(str(toy_path))
    assert not loaded.training
    assert all(not p.requires_grad and p.dtype == torch.float32 for p in loaded.parameters())


def test_mean_of_w_is_measured_where_the_file_lacks_it(toy, tmp_path):
    state = {name: t for name, t in toy.state_dict().items() if name not in ("w_avg", "w_std")}
    loaded = load_generator(save_toy(tmp_path / "bare.safetensors", state))
    assert torch.equal(loaded.w_avg, toy.w_avg) and torch.equal(loaded.w_std, toy.w_std)


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(project_root() / "checkpoints" / "manifest.yaml", tmp_path / "checkpoints")
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    with pytest.raises(WeightsError, match="ganinv weights fetch ffhq-student"):
        load_generator("ffhq-student")


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(WeightsError, match="ffhq-student"):
        load_generator("ffhq-studnet")


def test_weights_that_are_no_generator_are_refused():
    with pytest.raises(WeightsError, match="no generator"):
        load_generator("lpips-alex")


def test_absent_file_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="no file"):
        load_generator(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("content", [b"", b"hello, I am text", b"<!doctype html><html></html>"])
def test_text_under_the_name_of_weights_is_refused(tmp_path, content):
    path = tmp_path / "text.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"text\.safetensors"):
        load_generator(path)


def test_truncated_weights_are_refused(toy_path, tmp_path):
    path = tmp_path / "short.safetensors"
    path.write_bytes(toy_path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="not a whole"):
        load_generator(path)


def test_tensors_without_a_description_are_refused(tmp_path):
    path = tmp_path / "bare.safetensors"
    save_file({"latent": torch.zeros(8, 32)}, path)
    with pytest.raises(WeightsError, match="no network that is known"):
        load_generator(path)


def _without(state, name):
    return {key: tensor for key, tensor in state.items() if key != name}


UNFIT = {
    "a tensor missing": lambda state: _without(state, "const"),
    "a tensor too many": lambda state: state | {"extra": torch.zeros(1)},
    "another shape": lambda state: state | {"const": torch.zeros(1, 16, 4, 4)},
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT.keys())
def test_state_that_does_not_fit_is_refused(toy, tmp_path, change):
    path = save_toy(tmp_path / "unfit.safetensors", change(toy.state_dict()))
    with pytest.raises(WeightsError, match="does not fit"):
        load_generator(path)


@pytest.mark.parametrize("config", [{}, TOY_CONFIG | {"depth": 3}, TOY_CONFIG | {"z_dim": 16}])
def test_description_that_does_not_fit_is_refused(toy, tmp_path, config):
    path = save_toy(tmp_path / "unfit.safetensors", toy.state_dict(), config=config)
    with pytest.raises(WeightsError, match="does not fit"):
        load_generator(path)

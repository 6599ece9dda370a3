"""Encoder trainings that stop, go on, diverge or begin again."""

import json

import pytest
import torch
from safetensors.torch import load, load_file, save_file

from ganinv.encoders.load import load_encoder
from ganinv.errors import ParamsError
from ganinv.training.checkpoint import read_notes
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.encoder.train import train_encoder
from helpers.checks import strict_json
from helpers.tensors import assert_same, noise, quiet
from helpers.toys import build_toy, save_toy

RESUMED = dict(
    steps=6, batch=4, fit_samples=176, lr=0.3, save_every=2, r1_every=3, progressive=0.5, clean=0.5
)


def test_an_interrupted_training_ends_as_one_that_was_not(quick, tmp_path):
    whole = train_encoder(quick(out=str(tmp_path / "whole"), **RESUMED), say=quiet).parent
    params, said = quick(log_every=1, **RESUMED), []

    def interrupt(text):
        if text.startswith("step 5/6"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder(params, say=interrupt)
    out = tmp_path / "run"
    assert read_notes(out / "checkpoint.safetensors")["step"] == 4
    assert not (out / "encoder.safetensors").exists()
    train_encoder(params, say=said.append)
    assert said[0] == "going on from step 4" and not any("fitting" in text for text in said)
    files = [folder / "encoder.safetensors" for folder in (whole, out)]
    assert files[0].read_bytes() == files[1].read_bytes()
    tensors = [load_file(folder / "checkpoint.safetensors") for folder in (whole, out)]
    assert_same(*tensors)
    parts = {name.split(".")[0] for name in tensors[0]}
    assert parts == {"encoder", "discriminator", "adam", "adversary"}
    rows, again = (strict_json(folder / "history.json") for folder in (whole, out))
    for row in (*rows, *again):
        row.pop("seconds")
    assert rows == again and len(rows) == 7
    for step in (0, 2, 4, 6):
        name = f"samples/step_{step:06d}.png"
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_training_interrupted_in_the_fit_begins_again(quick, tmp_path):
    def interrupt(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder(quick(fit_samples=8, steps=0, batch=8), say=interrupt)
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()
    said = []
    train_encoder(quick(fit_samples=8, steps=0, batch=8), say=said.append)
    assert said == ["fitting w to 8 drawn images in closed form"]


def test_a_finished_training_is_kept(quick, tmp_path):
    first, said = train_encoder(quick(), say=quiet).read_bytes(), []
    rows = strict_json(tmp_path / "run" / "history.json")
    assert train_encoder(quick(), say=said.append).read_bytes() == first
    assert said == ["going on from step 2"]
    assert strict_json(tmp_path / "run" / "history.json") == rows


def test_other_parameters_need_another_folder_or_fresh(quick, tmp_path):
    out = tmp_path / "run"
    first = train_encoder(quick(), say=quiet).read_bytes()
    checkpoint = (out / "checkpoint.safetensors").read_bytes()
    for changes in ({"lr": 0.03}, {"steps": 3}, {"seed": 1}, {"precision": "bf16"}):
        with pytest.raises(ParamsError, match=f"{out} holds .* --fresh"):
            train_encoder(quick(**changes), say=quiet)
    assert (out / "checkpoint.safetensors").read_bytes() == checkpoint
    assert (out / "encoder.safetensors").read_bytes() == first
    assert train_encoder(quick(seed=1), fresh=True, say=quiet).read_bytes() != first
    assert EncoderParams.load(out / "params.yaml") == quick(seed=1)
    assert [row["step"] for row in strict_json(out / "history.json")] == [0, 1, 2]


def test_another_generator_is_another_training(quick, tmp_path):
    train_encoder(quick(steps=0), say=quiet)
    other = save_toy(tmp_path / "toy.safetensors", build_toy(seed=5).state_dict())
    with pytest.raises(ParamsError, match="other parameters"):
        train_encoder(quick(steps=0, generator=str(other)), say=quiet)


def test_what_decides_nothing_may_change(quick, toy_path, tmp_path):
    said = []
    train_encoder(quick(), say=quiet)
    moved = (tmp_path / "run").rename(tmp_path / "elsewhere")
    generator = tmp_path / "renamed.safetensors"
    generator.write_bytes(toy_path.read_bytes())
    train_encoder(quick(out=str(moved), log_every=1, generator=str(generator)), say=said.append)
    assert said == ["going on from step 2"]


def test_a_loss_that_is_not_finite_stops_and_leaves_the_checkpoint(quick, tmp_path):
    params, out = quick(steps=8, lr=1e30), tmp_path / "run"
    with pytest.raises(ParamsError, match=f"loss became .* at step .*{out} is from before.*lr"):
        train_encoder(params, say=quiet)
    notes, tensors = (read(out / "checkpoint.safetensors") for read in (read_notes, load_file))
    assert notes["step"] == 0 and all(x.isfinite().all() for x in tensors.values())
    assert not (out / "encoder.safetensors").exists()
    assert [row["step"] for row in strict_json(out / "history.json")] == [0]
    said = []
    with pytest.raises(ParamsError, match="diverged"):
        train_encoder(params, say=said.append)
    assert said == ["going on from step 0"]


@pytest.mark.parametrize("save_every", [1, 100])
def test_diverging_overwrites_no_checkpoint_and_publishes_nothing(quick, tmp_path, save_every):
    with pytest.raises(ParamsError, match="the training diverged"):
        train_encoder(quick(steps=1, lr=1e30, save_every=save_every), say=quiet)
    assert read_notes(tmp_path / "run" / "checkpoint.safetensors")["step"] == 0
    assert not (tmp_path / "run" / "encoder.safetensors").exists()


def test_a_damaged_checkpoint_is_said_and_fresh_starts_over(quick, tmp_path):
    params, path = quick(steps=1), tmp_path / "run" / "checkpoint.safetensors"
    train_encoder(params, say=quiet)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ParamsError, match=r"is damaged .*start over with --fresh"):
        train_encoder(params, say=quiet)
    notes, tensors = {"ganinv": json.dumps(_notes_of(whole, tmp_path))}, load(whole)
    save_file({k: x for k, x in tensors.items() if k != "encoder.base.bias"}, path, metadata=notes)
    with pytest.raises(ParamsError, match="it lacks base.bias of the encoder"):
        train_encoder(params, say=quiet)
    train_encoder(params, fresh=True, say=quiet)
    assert read_notes(path)["step"] == 1


def _notes_of(data, folder):
    copy = folder / "whole.safetensors"
    copy.write_bytes(data)
    return read_notes(copy)


def test_fresh_leaves_nothing_of_the_training_before(quick, tmp_path):
    train_encoder(quick(steps=2, save_every=1), say=quiet)

    def interrupt(text):
        assert "fitting" in text
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder(quick(steps=1, fit_samples=8), fresh=True, say=interrupt)
    assert {p.name for p in (tmp_path / "run").rglob("*") if p.is_file()} == {"params.yaml"}
    train_encoder(quick(steps=1), say=quiet)


@pytest.mark.parametrize("count", [4, 8, 64])
def test_few_images_for_the_closed_form_do_not_blow_up(quick, tmp_path, count):
    path = train_encoder(quick(fit_samples=count, batch=4, steps=2), say=quiet)
    assert all(x.isfinite().all() for x in load_file(path).values())
    last = strict_json(tmp_path / "run" / "history.json")[-1]
    assert last["held_out_error"] < 3


def test_without_a_closed_form_the_start_is_the_mean_of_w(quick, toy, tmp_path):
    path = train_encoder(quick(fit_samples=0, steps=0), say=quiet)
    codes = load_encoder(path)(noise(0))
    assert (codes - toy.w_avg).abs().max() < 1e-3  # half precision
    first = strict_json(tmp_path / "run" / "history.json")[0]
    assert first["held_out_error"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("changes", [{"clean": 1.0}, {"clean": 0.9}, {"clean": 0.25, "batch": 2}])
def test_any_share_may_be_left_as_drawn(quick, tmp_path, changes):
    train_encoder(quick(steps=1, **changes), say=quiet)
    assert "latent" in strict_json(tmp_path / "run" / "history.json")[-1]


def test_steps_0_publishes_the_start(quick, tmp_path):
    path = train_encoder(quick(steps=0), say=quiet)
    codes = load_encoder(path)(noise(0))
    assert torch.equal(codes, codes[:, :1].expand_as(codes))
    assert strict_json(tmp_path / "run" / "card.json")["steps"] == 0

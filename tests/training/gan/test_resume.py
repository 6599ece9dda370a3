"""GAN trainings that stop, go on, or begin again."""

import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.training.checkpoint import read_notes
from helpers.checks import strict_json
from helpers.tensors import quiet
from helpers.tiny_gans import discs, weights_of

CHOICES = [{"objective": name} for name in OBJECTIVES]
CHOICES += [
    {"objective": "hinge", "spectral_norm": True},
    {"objective": "wgan-gp", "critic_steps": 2},
    {"precision": "bf16"},
    {"beta1": 0.9},
    {"objective": "wgan-gp", "spectral_norm": True, "precision": "bf16"},
    {"diff_augment": "color,translation,cutout"},
    {"objective": "wgan-gp", "critic_steps": 2, "diff_augment": "translation,cutout"},
]


CHANGED = [{"seed": 1}, {"flip": False}, {"objective": "lsgan"}, {"diff_augment": "cutout"}]


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_six_steps_are_three_and_three_to_the_bit(quick, tmp_path, choice, train_gan):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train_gan(quick(out=str(whole), **choice), say=quiet)
    train_gan(quick(out=str(halves), steps=3, **choice), say=quiet)
    three = weights_of(halves)
    said = []
    torch.manual_seed(99)  # nothing depends on the global state
    path = train_gan(quick(out=str(halves), **choice), say=said.append)
    assert said[0] == "going on from step 3"
    a, b = weights_of(whole), weights_of(halves)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    moved = [name for name in a if not torch.equal(a[name], three[name])]
    assert {name.partition(".")[0] for name in moved} == {
        "generator",
        "discriminator",
        "average",
        "adam_generator",
        "adam_discriminator",
    }
    if choice.get("spectral_norm"):
        assert any(name.endswith("_u") for name in moved)
    rows = [strict_json(folder / "history.json") for folder in (whole, halves)]
    for row in (row for history in rows for row in history):
        del row["seconds"]
    for row in (rows[0][3], rows[1][3]):  # where the first half was looked at
        row.pop("spread", None), row.pop("trouble", None)
    assert rows[0] == rows[1]
    bytes_of = [(f / "generator.safetensors").read_bytes() for f in (whole, halves)]
    assert bytes_of[0] == bytes_of[1] == path.read_bytes()


def test_an_interrupted_training_loses_nothing_that_was_saved(quick, tmp_path, train_gan):
    train_gan(quick(out=str(tmp_path / "whole"), save_every=2), say=quiet)

    def interrupt(text):
        if text.startswith("step 4/6"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_gan(quick(save_every=2, log_every=1), say=interrupt)
    assert read_notes(tmp_path / "run" / "checkpoint.safetensors")["step"] == 2
    train_gan(quick(save_every=2), say=quiet)
    a, b = (weights_of(tmp_path / name) for name in ("whole", "run"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_finished_training_is_not_done_again(quick, train_gan):
    path = train_gan(quick(), say=quiet)
    before, said = path.read_bytes(), []
    assert train_gan(quick(log_every=1), say=said.append).read_bytes() == before
    assert said == ["going on from step 6"]


@pytest.mark.parametrize("change", CHANGED)
def test_other_parameters_are_another_training(quick, change, train_gan):
    train_gan(quick(steps=1), say=quiet)
    with pytest.raises(ParamsError, match="under other parameters or images.*--out.*--fresh"):
        train_gan(quick(steps=1, **change), say=quiet)
    train_gan(quick(steps=1, **change), fresh=True, say=quiet)


def test_other_images_under_the_same_name_are_another_training(quick, sets, train_gan):
    train_gan(quick(steps=1), say=quiet)
    sets["discs"] = discs(seed=1)
    with pytest.raises(ParamsError, match="other parameters or images"):
        train_gan(quick(steps=1), say=quiet)


def test_fewer_steps_than_were_done_are_refused(quick, train_gan):
    train_gan(quick(steps=2), say=quiet)
    with pytest.raises(ParamsError, match="at step 2 already, beyond steps: 1"):
        train_gan(quick(steps=1), say=quiet)


def test_fresh_begins_again_and_leaves_nothing_behind(quick, tmp_path, train_gan):
    train_gan(quick(steps=4, save_every=2), say=quiet)
    train_gan(quick(steps=1, save_every=2), fresh=True, say=quiet)
    pictures = {path.name for path in (tmp_path / "run" / "samples").iterdir()}
    assert pictures == {"step_000000.png", "step_000001.png"}
    assert len(strict_json(tmp_path / "run" / "history.json")) == 2


def test_a_damaged_checkpoint_is_told(quick, tmp_path, train_gan):
    train_gan(quick(steps=1), say=quiet)
    path = tmp_path / "run" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ParamsError, match=r"checkpoint.safetensors is damaged .*--fresh"):
        train_gan(quick(steps=2), say=quiet)

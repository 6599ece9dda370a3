"""Trainings that begin from an earlier encoder."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import ganinv.encoders.domain
import ganinv.training.encoder.draws
from ganinv.encoders.domain import DomainEncoder
from ganinv.encoders.load import load_encoder
from ganinv.errors import ParamsError, WeightsError
from ganinv.training.checkpoint import read_notes
from ganinv.training.encoder.publish import _card_of
from ganinv.training.encoder.step import set_rates
from ganinv.training.encoder.train import train_encoder
from ganinv.weights.manifest import weight_path
from ganinv.weights.store import save_weights
from helpers.checks import strict_json
from helpers.encoders import build
from helpers.tensors import noise, quiet


def test_a_training_goes_on_from_an_earlier_encoder(quick, trained, toy, tmp_path):
    earlier = trained / "encoder.safetensors"
    path = train_encoder(quick(start=str(earlier), steps=0, fit_samples=300), say=quiet)
    old, new = load_encoder(earlier), load_encoder(path)
    assert torch.equal(new(noise(0)), old(noise(0)))
    card = strict_json(tmp_path / "run" / "card.json")
    assert card["start"] == {"name": str(earlier), "sha256": old.sha256}
    assert card["images_drawn"] == 0  # no closed form was fitted


def test_steps_from_an_earlier_encoder_change_it(quick, trained):
    earlier = trained / "encoder.safetensors"
    path = train_encoder(quick(start=str(earlier), steps=2), say=quiet)
    assert not torch.equal(load_encoder(path)(noise(0)), load_encoder(earlier)(noise(0)))


def test_another_start_is_another_training(quick, trained, tmp_path):
    earlier = tmp_path / "earlier.safetensors"
    earlier.write_bytes((trained / "encoder.safetensors").read_bytes())
    train_encoder(quick(start=str(earlier), steps=1), say=quiet)
    train_encoder(quick(start=str(earlier), steps=1), say=quiet)  # the same is kept
    tensors = load_file(earlier)
    tensors["base.bias"] += 1
    with open(earlier, "rb") as file:
        described = json.loads(file.read(int.from_bytes(file.read(8), "little")))["__metadata__"]
    save_file(tensors, earlier, metadata=described)
    with pytest.raises(ParamsError, match="other parameters"):
        train_encoder(quick(start=str(earlier), steps=1), say=quiet)


def test_the_card_of_a_start_is_found_by_name_and_by_path(trained):
    assert _card_of(str(trained / "encoder.safetensors")) == trained / "card.json"
    assert _card_of("domain-ffhq") == weight_path("domain-ffhq").with_suffix(".json")
    assert _card_of("domain-ffhq").is_file()


def test_an_earlier_encoders_offsets_stay_unlocked(quick, trained):
    earlier = str(trained / "encoder.safetensors")
    networks = build(quick(start=earlier, steps=100, progressive=0.9))
    set_rates(networks, 0)
    assert networks.encoder.unlocked == networks.encoder.num_ws


def test_a_training_of_other_numerics_is_not_gone_on_with(quick, tmp_path):
    train_encoder(quick(steps=1), say=quiet)
    path = tmp_path / "run" / "checkpoint.safetensors"
    notes = read_notes(path)
    notes["params"]["numerics"] += 1
    save_file(load_file(path), path, metadata={"ganinv": json.dumps(notes)})
    with pytest.raises(ParamsError, match="name another folder"):
        train_encoder(quick(steps=1), say=quiet)


def test_a_start_of_other_sizes_is_refused(quick, toy, tmp_path):
    other = DomainEncoder(**ganinv.encoders.domain.domain_config(toy, hidden=5))
    config = ganinv.encoders.domain.domain_config(toy, hidden=5)
    path = tmp_path / "other.safetensors"
    save_weights(path, other.head(), {"architecture": "domain", "config": config})
    with pytest.raises(ParamsError, match="no domain-guided encoder for this generator"):
        train_encoder(quick(start=str(path)), say=quiet)


def test_a_start_that_is_not_here_is_said(quick):
    with pytest.raises(WeightsError, match="nowhere"):
        train_encoder(quick(start="nowhere.safetensors"), say=quiet)

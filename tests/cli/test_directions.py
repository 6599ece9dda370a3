"""ganinv directions list | check."""

import json

import pytest
import torch

from ganinv import load_generator
from ganinv.editing.attributes import ATTRIBUTES
from ganinv.editing.named import named_path, save_named
from helpers.checks import strict_json
from helpers.commands import cli


@pytest.fixture
def loaded(toy_path):
    return load_generator(toy_path)


@pytest.fixture
def named(root, loaded):
    """The file of a named direction, found by a card that says what it does."""
    row = {"own": 2.0, "others": {"yaw": 0.5}, "rising": 1.0, "identity": float("nan")}
    row |= {"held_out_correlation": 0.9, "holds": True, "fails": []}
    card = {"sha256": loaded.sha256, "directions": {"smile": row}}
    path = named_path(loaded)
    save_named(path, {"smile": (torch.ones(32), "coarse", "the mouth's width")}, loaded, card)
    return path


def test_a_generator_without_named_directions(root, toy_path, capsys):
    assert cli("directions", "list", "--generator", toy_path) == 0
    out = capsys.readouterr().out
    assert "toy has none; `ganinv directions find`" in out and "sefa:K, pca:K" in out


def test_the_list_says_what_each_does(named, toy_path, capsys):
    assert cli("directions", "list", "--generator", toy_path) == 0
    out = capsys.readouterr().out
    assert "smile  (the mouth's width; layers coarse)" in out
    assert "by 2.0 standard deviations and yaw by +0.5" in out and "identity unknown" in out


def test_a_file_without_its_card(named, toy_path, capsys):
    named.with_suffix(".json").unlink()
    assert cli("directions", "list", "--generator", toy_path) == 0
    assert "smile  (the mouth's width" in capsys.readouterr().out


def test_a_damaged_file(named, toy_path, tmp_path, capsys):
    named.write_bytes(named.read_bytes()[:-5])
    assert cli("directions", "list", "--generator", toy_path) == 2
    err = capsys.readouterr().err
    assert named.name in err and "find them again" in err and "Traceback" not in err


def test_check_measures_again_and_says_what_fails(named, toy_path, tmp_path, capsys):
    """No face is found in a toy's 32 pixels."""
    card = json.loads(named.with_suffix(".json").read_text())
    card["deviations"] = dict.fromkeys(ATTRIBUTES, 1.0)
    named.with_suffix(".json").write_text(json.dumps(card))
    words = ["--generator", toy_path, "--faces", "2", "--work", tmp_path / "work"]
    out = tmp_path / "found.json"
    assert cli("directions", "check", *words, "--out", out) == 1
    assert "fails in own" in capsys.readouterr().out
    found = strict_json(out)
    assert found["faces"] == 2 and found["directions"]["smile"]["own"] is None
    assert cli("directions", "check", *words, "--direction", "simle") == 2
    assert "did you mean smile" in capsys.readouterr().err
    assert cli("directions", "check", *words, "--keep") == 1
    capsys.readouterr()
    assert cli("directions", "list", "--generator", toy_path) == 0
    said = capsys.readouterr().out
    assert "left out, for what they failed in: smile (own" in said and "toy has none" in said


def test_check_needs_a_card(root, toy_path, tmp_path, capsys):
    assert cli("directions", "check", "--generator", toy_path, "--work", tmp_path / "work") == 2
    assert "directions find" in capsys.readouterr().err

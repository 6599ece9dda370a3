"""Directions are asked what they do: closed forms, planted attributes, what cannot be measured."""

import json

import pytest
import torch

from ganinv.editing.attributes import ATTRIBUTES
from ganinv.editing.check import STEPS, check, check_all, measure_named, named_with_deviations
from ganinv.editing.directions import Direction
from ganinv.editing.effects import Effects, Faces, Kept
from ganinv.editing.named import named_path, save_named
from ganinv.errors import BadArgumentsError, UnknownNameError
from ganinv.files import read_json
from ganinv.generators.load import load_generator
from helpers.tensors import normal, quiet
from helpers.toys import rendering_by

NAMES = ("red", "green")


class Measured:
    """Effects that were measured: a table by strength, and distances of identity."""

    class faces:  # noqa: N801
        names = NAMES

    def __init__(self, rows, distance):
        self.rows, self.distance = torch.tensor(rows).double(), distance

    def uncertainty(self, shift):
        return torch.tensor([0.04, 0.0]).double()

    def of(self, name, move, strengths):
        table = self.rows.expand(3, len(strengths), 2)
        return table, torch.tensor([[self.distance, 0.0]]).double().expand(3, 2)


def checked(red, green, distance=0.2, same=True):
    rows = list(zip(red, green, strict=True))
    return check(Measured(rows, distance), 0, normal(8, 32), torch.ones(2).double(), same)


RISING = [-1.0, -0.5, 0.0, 0.5, 1.0]
FLAT = [0.0] * 5


def test_what_a_direction_is_asked():
    good = checked(RISING, FLAT)
    assert good["holds"] and good["own"] == 2.0 and good["others"] == {"green": 0.0}
    assert good["identity"] == pytest.approx(0.2)
    assert checked([x * 0.7 for x in RISING], FLAT)["fails"] == ["own"]
    assert checked(RISING, [x * -0.4 for x in RISING])["fails"] == ["others"]
    assert checked([-1.0, -0.5, -0.6, 0.5, 1.0], FLAT)["fails"] == ["rising"]
    assert checked([-1.0, -0.5, -0.57, 0.5, 1.0], FLAT)["holds"]  # no more than is sure
    assert checked(RISING, FLAT, 0.5)["fails"] == ["identity"]
    assert checked(RISING, FLAT, 0.5, same=False)["holds"]
    assert checked([torch.nan] * 5, FLAT)["fails"] == ["own", "others", "rising"]


# --- on codes -------------------------------------------------------------------------------------


@pytest.fixture
def planted(toy):
    """A generator whose pictures' red is the mean of w's first number, and green of its second."""

    def synthesis(ws, **options):
        colours = torch.cat([ws[..., :2].mean(1) / 8, torch.zeros(len(ws), 1)], 1)
        return colours[:, :, None, None].expand(-1, -1, 32, 32) + 0 * ws.sum()

    return rendering_by(toy, synthesis)


def colours(picture, place):
    red, green, _ = picture.mean((0, 1)) / 255
    return {"red": float(red), "green": float(green)}, None


def move_of(place, rows=8):
    move = torch.zeros(8, 32)
    move[:rows, place] = 1.0
    return move


def test_a_direction_moves_what_it_was_planted_to_move(planted, tmp_path):
    faces = Faces(planted, NAMES, quiet, measure=colours)
    effects = Effects(faces, [normal(8, 32) for _ in range(3)], Kept(tmp_path / "k", {}), quiet)
    known = {
        "red": Direction("red", move_of(0)),
        "green": Direction("green", move_of(1), layers="0-3"),
    }
    rows = check_all(effects, known, torch.tensor([0.05, 0.05]).double())
    span = STEPS[-1] - STEPS[0]
    # the first number moves by 1 in every row; pictures are on [0, 1] and rounded to 8 bits
    assert rows["red"]["own"] == pytest.approx(span / 8 / 2 / 0.05, rel=0.05)
    assert rows["red"]["others"]["green"] == pytest.approx(0, abs=0.05)
    assert rows["green"]["own"] == pytest.approx(rows["red"]["own"] / 2, rel=0.1)
    assert rows["red"]["rising"] == 1.0 and rows["red"]["holds"]


# --- named ones -----------------------------------------------------------------------------------


@pytest.fixture
def named(root, toy_path):
    """A toy, loaded, with a file of named directions and its card."""
    loaded = load_generator(toy_path)
    card = {"sha256": loaded.sha256, "deviations": dict.fromkeys(ATTRIBUTES, 0.5)}
    rows = {
        name: (normal(32, seed=seed), "0-3", name) for seed, name in enumerate(("smile", "yaw"))
    }
    save_named(named_path(loaded), rows, loaded, card)
    return loaded


def test_named_directions_come_with_the_deviations_of_their_card(named):
    chosen, deviations = named_with_deviations(named)
    assert set(chosen) == {"smile", "yaw"} and deviations.tolist() == [0.5] * len(ATTRIBUTES)
    assert set(named_with_deviations(named, ["yaw"])[0]) == {"yaw"}
    with pytest.raises(UnknownNameError, match="simle.*did you mean smile"):
        named_with_deviations(named, ["simle"])


def test_without_a_card_nothing_can_be_checked(named):
    named_path(named).with_suffix(".json").unlink()
    with pytest.raises(BadArgumentsError, match="directions find"):
        named_with_deviations(named)


@pytest.mark.parametrize("value", [0, "0.5", None, float("inf")])
def test_a_card_with_damaged_deviations_is_refused(named, value):
    path = named_path(named).with_suffix(".json")
    card = read_json(path)
    card["deviations"][next(iter(ATTRIBUTES))] = value
    path.write_text(json.dumps(card))
    with pytest.raises(BadArgumentsError, match="directions find"):
        named_with_deviations(named)


def test_pictures_without_a_face_fail(named, tmp_path):
    """A toy's 32 pixels show none."""
    found = measure_named(named, ["yaw"], count=2, work=tmp_path, say=quiet)
    row = found["directions"]["yaw"]
    assert not row["holds"] and "own" in row["fails"]
    assert (found["faces"], found["drawn"], list(found["directions"])) == (2, True, ["yaw"])


def test_what_was_measured_is_kept(named, tmp_path):
    said = []
    measure_named(named, count=2, work=tmp_path, say=said.append)
    assert sum(text.startswith("measuring") for text in said) == 2
    said.clear()
    measure_named(named, count=2, work=tmp_path, say=said.append)
    assert not any(text.startswith("measuring") for text in said)
    measure_named(named, count=2, seed=1, work=tmp_path, say=said.append)
    assert sum(text.startswith("measuring") for text in said) == 2, "other faces"


def test_codes_of_ones_own_are_moved(named, tmp_path):
    codes = [normal(8, 32) for _ in range(3)]
    found = measure_named(named, ["smile"], ws=codes, work=tmp_path, say=quiet)
    assert (found["faces"], found["drawn"]) == (3, False)

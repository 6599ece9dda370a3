"""Named directions in files: there and back, whose they are, damaged ones, their cards."""

import json

import pytest
import torch
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.editing.directions import directions, find_direction
from ganinv.editing.named import (
    describe_card,
    describe_row,
    keep_checked,
    left_out,
    load_card,
    load_named,
    named_path,
    save_named,
)
from ganinv.errors import GaninvError, ParamsError, UnknownNameError
from helpers.tensors import normal
from helpers.toys import save_toy

ROW = {
    "layers": "coarse",
    "held_out_correlation": 0.91,
    "own": 2.5,
    "others": {"mouth": 0.1, "yaw": -0.6, "age": 0.3},
    "rising": 0.98,
    "identity": 0.3,
    "holds": True,
    "fails": [],
}


@pytest.fixture(scope="module")
def loaded(toy_path):
    """The toy with a weight file, and so with a hash."""
    return load_generator(toy_path)


@pytest.fixture
def named(root, loaded):
    """The file of the toy's named directions, where `directions` looks."""
    w = normal(2, loaded.w_dim)
    rows = {"smile": (w[0], "all", "the mouth's width"), "yaw": (w[1], "coarse", "the turn")}
    card = {"sha256": loaded.sha256, "directions": {"smile": ROW}}
    path = named_path(loaded)
    save_named(path, rows, loaded, card)
    return path, rows


def test_there_and_back(named, loaded):
    path, rows = named
    found = load_named(path, loaded)
    assert found.keys() == rows.keys()
    for name, (w, layers, words) in found.items():
        assert torch.equal(w, rows[name][0]) and (layers, words) == rows[name][1:]


def test_named_directions_are_found_by_their_name(named, loaded):
    _, rows = named
    assert list(directions(loaded)) == ["smile", "yaw"]
    yaw = find_direction(loaded, "Yaw")
    assert yaw.layers == "coarse" and yaw.about == "the turn"
    assert torch.equal(yaw.move, rows["yaw"][0].float().expand(loaded.num_ws, -1))
    assert find_direction(loaded, "yaw", "5-7").layers == "5-7"
    with pytest.raises(UnknownNameError, match="did you mean smile"):
        find_direction(loaded, "smiel")


def test_another_generator_s_directions_are_not_used(named, toy, toy_path, tmp_path):
    path, _ = named
    state = {name: x + 0.01 for name, x in toy.state_dict().items()}
    other = load_generator(save_toy(tmp_path / "toy.safetensors", state))
    assert other.name == load_generator(toy_path).name
    assert load_named(path, other) == {} == directions(other)
    assert describe_card("smile", other) == []
    assert load_named(path, toy) == {} == directions(toy)  # without a file, it has no hash


def damage(path, about=None, tensors=None):
    if about is None and tensors is None:
        path.write_bytes(path.read_bytes()[:-7])
    else:
        save_file(tensors or {"smile": torch.ones(32)}, path, {"ganinv": json.dumps(about)})


DAMAGED = {
    "cut short": (None, None),
    "no layers": ({"words": {"smile": "x"}}, None),
    "no words": ({"layers": {"smile": "all"}}, None),
    "another name": ({"layers": {"x": "all"}, "words": {"x": "x"}}, None),
    "lists": ({"layers": [], "words": []}, None),
}


@pytest.mark.parametrize("about, tensors", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_says_so(named, loaded, about, tensors):
    path, _ = named
    damage(path, about and {"sha256": loaded.sha256} | about, tensors)
    for call in (lambda: directions(loaded), lambda: find_direction(loaded, "smile")):
        with pytest.raises(ParamsError, match="holds no directions.*directions find"):
            call()


@pytest.mark.parametrize("w", [torch.ones(31), torch.ones(8, 32), torch.full((32,), torch.nan)])
def test_directions_that_do_not_fit_the_generator(named, loaded, w):
    about = {"sha256": loaded.sha256, "layers": {"smile": "all"}, "words": {"smile": "x"}}
    damage(named[0], about, {"smile": w})
    with pytest.raises(GaninvError, match="smile, which is no 32 finite numbers"):
        directions(loaded)


# --- cards ---


def test_a_card_says_what_a_direction_does(named, loaded):
    (text,) = describe_card("smile", loaded)
    assert "by 2.5 standard deviations and yaw by -0.6 and age by +0.3;" in text
    assert "98% of faces" in text and "identity 0.30" in text and "correlation 0.91" in text
    assert describe_card("yaw", loaded) == []
    assert "fails in own, others" in describe_row(
        ROW | {"holds": False, "fails": ["own", "others"]}
    )


def test_a_card_of_what_could_not_be_measured(loaded, root):
    """A generator of 32 pixels shows no face that dlib describes: null in JSON."""
    row = ROW | {"identity": float("nan"), "others": {"mouth": float("nan")}}
    path = named_path(loaded)
    card = {"sha256": loaded.sha256, "directions": {"smile": row}}
    save_named(path, {"smile": (torch.ones(32), "all", "x")}, loaded, card)
    assert load_card(path)["directions"]["smile"]["identity"] is None
    assert "identity unknown" in describe_card("smile", loaded)[0]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"directions": 5}', '{"directions": {"smile": 1}}']
)
def test_a_damaged_card_is_as_none(named, loaded, text):
    path, _ = named
    path.with_suffix(".json").write_text(text.replace("{", f'{{"sha256": "{loaded.sha256}", ', 1))
    assert describe_card("smile", loaded) == [] and left_out(loaded) == {}
    path.with_suffix(".json").unlink()
    assert describe_card("smile", loaded) == [] and load_card(path) == {}


def checked(drawn, **rows):
    return {"faces": 200, "drawn": drawn, "directions": rows}


def test_what_fails_on_more_faces_leaves_the_list(named, loaded):
    path, rows = named
    fails = ROW | {"rising": 0.9, "holds": False, "fails": ["rising"]}
    fails.pop("layers")
    assert keep_checked(loaded, checked(True, smile=fails)) == [path]
    assert list(load_named(path, loaded)) == ["yaw"] and left_out(loaded) == {"smile": "rising"}
    assert torch.equal(load_named(path, loaded)["yaw"][0], rows["yaw"][0])
    row = load_card(path)["directions"]["smile"]
    assert row["layers"] == "coarse" and row["rising"] == 0.9 and row["checked"] == 200
    assert not path.with_suffix(".lock").exists()


def test_what_holds_on_more_faces_stays_with_its_new_numbers(named, loaded):
    path, _ = named
    keep_checked(loaded, checked(True, smile=ROW | {"own": 2.25}))
    assert list(load_named(path, loaded)) == ["smile", "yaw"] and left_out(loaded) == {}
    assert "by 2.2 standard" in describe_card("smile", loaded)[0]


def test_what_photographs_show_stands_beside(named, loaded):
    path, _ = named
    fails = {"own": 1.3, "others": {}, "rising": 1.0, "identity": 0.3}
    fails |= {"holds": False, "fails": ["own"]}
    keep_checked(loaded, checked(False, smile=fails, yaw=fails) | {"faces": 8})
    assert list(load_named(path, loaded)) == ["smile", "yaw"]
    drawn, photographs = describe_card("smile", loaded)
    assert "by 2.5" in drawn
    assert photographs.startswith("codes of photographs: moves its own attribute by 1.3")
    assert "100% of 8 faces" in photographs and photographs.endswith("fails in own")


def test_nothing_is_kept_of_directions_that_are_not_there(named, loaded):
    path, _ = named
    before = path.read_bytes(), path.with_suffix(".json").read_bytes()
    assert keep_checked(loaded, checked(True, pose=ROW)) == []
    assert (path.read_bytes(), path.with_suffix(".json").read_bytes()) == before

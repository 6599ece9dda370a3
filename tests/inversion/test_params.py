"""The parameters of a search."""

import math

import pytest

from ganinv.errors import ParamsError
from ganinv.inversion.params import SearchParams
from helpers.yaml_files import write_yaml


@pytest.mark.parametrize("word", ["on", "off", "auto"])
def test_compile_takes_the_bare_words_on_and_off(tmp_path, word):
    params = SearchParams.load(write_yaml(tmp_path, f"compile: {word}\nlr: 1e-3\n"))
    assert params.compile == word
    assert params.lr == 0.001 and type(params.lr) is float


@pytest.mark.parametrize("name", ["l2", "lpips", "lpips_vgg", "lpips_alex"])
def test_every_loss_is_known_by_name_and_as_a_weight(name):
    assert SearchParams.make({"loss": name}).loss == name
    assert SearchParams.make({"loss": {name: 2}}).loss == {name: 2.0}


def test_weights_of_a_loss_become_floats():
    loss = SearchParams.load(overrides=["loss={l2: 1, lpips_alex: 8e-1, lpips_vgg: 0}"]).loss
    assert loss == {"l2": 1.0, "lpips_alex": 0.8, "lpips_vgg": 0.0}
    assert {type(weight) for weight in loss.values()} == {float}


@pytest.mark.parametrize(
    "loss, says",
    [
        ("l1", "l1"),
        ("", ""),
        ({}, ""),
        ([], ""),
        (3, ""),
        (["l2"], ""),
        ({"l1": 1}, "l1"),
        ({"l2": -1}, "l2"),
        ({"l2": "1"}, "l2"),
        ({"l2": True}, "l2"),
        ({"l2": None}, "l2"),
        ({"l2": math.nan}, "l2"),
        ({"l2": math.inf}, "l2"),
        ({"l2": 0, "lpips": 0.0}, "above 0"),
        ({1: 2}, "1"),
    ],
)
def test_a_loss_that_is_none_is_refused(loss, says):
    with pytest.raises(ParamsError, match="^loss: ") as caught:
        SearchParams.make({"loss": loss})
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"plateau": 5}, {"noise_injection": 0.1}, {"noise_maps": "optimized"}]
)
def test_what_would_move_under_a_line_search_is_refused(change):
    with pytest.raises(ParamsError, match="optimizer: adam"):
        SearchParams.make({"optimizer": "lbfgs"} | change)

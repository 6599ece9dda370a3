"""Codes moved: which rows, how far, in which shapes; what does not fit is refused."""

import math

import pytest
import torch

import ganinv
from ganinv.editing.directions import Direction, find_direction
from ganinv.editing.edit import edit
from ganinv.errors import ParamsError
from helpers.tensors import normal


@pytest.fixture
def latent(toy):
    return normal(toy.num_ws, toy.w_dim, seed=4)


@pytest.mark.parametrize("name, layers, rows", [("pca:0", "0-2", [0, 1, 2]), ("s:1:3", None, [1])])
def test_other_rows_stay_equal_to_the_bit(toy, latent, name, layers, rows):
    moved = edit(toy, latent, name, 1.5, layers=layers)
    chosen = torch.isin(torch.arange(toy.num_ws), torch.tensor(rows))
    assert torch.equal(moved[~chosen], latent[~chosen])
    assert (moved[chosen] != latent[chosen]).any(1).all()


def test_rows_move_by_strength_deviations(toy, latent, w_samples):
    moved = (edit(toy, latent, "sefa:2", -2.5) - latent).double()
    w = w_samples(toy)
    step = find_direction(toy, "sefa:2").move[0].double()
    deviation = (w @ step / step.norm()).std()
    assert torch.allclose(moved @ step / step.norm(), -2.5 * deviation, rtol=0.03)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_strength_0_is_the_code_to_the_bit(toy, latent, dtype):
    latent = latent.to(dtype)
    for strength in (0, 0.0, -0.0, [0.0], torch.zeros(())):
        same = edit(toy, latent, "pca:1", strength)
        assert same.dtype == dtype and torch.equal(same.reshape(latent.shape), latent)


def test_shapes(toy, latent):
    two = torch.stack([latent, latent + 1])
    assert edit(toy, latent, "pca:0", 1).shape == latent.shape
    assert edit(toy, latent, "pca:0", [1, 2, 3]).shape == (3, *latent.shape)
    assert edit(toy, latent, "pca:0", torch.tensor([2.0])).shape == (1, *latent.shape)
    assert edit(toy, two, "pca:0", 1).shape == two.shape
    each = edit(toy, two, "pca:0", [1, -2])
    assert torch.equal(each[0], edit(toy, latent, "pca:0", 1))
    assert torch.equal(each[1], edit(toy, latent + 1, "pca:0", -2))
    series = edit(toy, latent, "pca:0", [0, 1])
    assert torch.equal(series[0], latent) and torch.equal(series[1], each[0])


def test_layers_of_the_call_go_before_those_of_the_direction(toy, latent):
    direction = find_direction(toy, "pca:0", "0")
    moved = edit(toy, latent, direction, 1, layers="7")
    assert torch.equal(moved[:7], latent[:7]) and not torch.equal(moved[7], latent[7])
    with pytest.raises(ParamsError, match="moves no row of 7"):
        edit(toy, latent, "s:0:1", 1, layers="7")


def test_edits_add_up(toy, latent):
    once = edit(toy, edit(toy, latent, "pca:0", 1), "pca:0", 2)
    assert torch.allclose(once, edit(toy, latent, "pca:0", 3), atol=1e-5)


def test_the_code_that_is_given_stays(toy, latent):
    before = latent.clone()
    edit(toy, latent, "pca:0", 1).add_(1)
    edit(toy, latent, "pca:0", 0).add_(1)
    assert torch.equal(latent, before)


@pytest.mark.parametrize("strength", [math.nan, math.inf, [0, math.nan], [[1.0]], 1e300])
def test_strengths_that_are_none(toy, latent, strength):
    with pytest.raises(ParamsError, match="strength is a number"):
        edit(toy, latent, "pca:0", strength)


def test_strengths_as_many_as_codes(toy, latent):
    with pytest.raises(ParamsError, match="3 strengths were given for 2 latents"):
        edit(toy, torch.stack([latent, latent]), "pca:0", [1, 2, 3])


@pytest.mark.parametrize("shape", [(8,), (8, 31), (7, 32), (1, 1, 8, 32), (2, 32, 8), ()])
def test_codes_of_another_shape(toy, shape):
    with pytest.raises(ParamsError, match=r"takes \(8, 32\)"):
        edit(toy, torch.zeros(shape), "pca:0", 1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_codes_that_are_no_finite_numbers(toy, latent, value):
    latent[3, 3] = value
    for code in (latent, latent[None], torch.ones(8, 32, dtype=torch.int64)):
        with pytest.raises(ParamsError, match="no finite"):
            edit(toy, code, "pca:0", 1)


def test_a_direction_of_another_generator(toy, latent, small):
    with pytest.raises(ParamsError, match=r"pca:0 is \(8, 20\)"):
        edit(toy, latent, find_direction(small, "pca:0"), 1)
    with pytest.raises(ParamsError, match="layers"):
        edit(toy, latent, Direction("own", torch.ones(8, 32), "9"), 1)


def test_edit_and_directions_are_public_names(toy, latent, root):
    assert torch.equal(ganinv.edit(toy, latent, "pca:0", 1), edit(toy, latent, "pca:0", 1))
    assert ganinv.directions(toy) == {}

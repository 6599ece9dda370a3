"""A refinement taken along: warps and flows of known shifts, edits of refined codes."""

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from ganinv.compute.render import render_result
from ganinv.editing.carry import Rendered, find_flow, warp
from ganinv.editing.edit import edit
from ganinv.editing.sources import Code
from ganinv.inversion.refinement import render_refined
from helpers.codes import refinement_of
from helpers.moves import SIDE, cut, shift_of, texture
from helpers.refinements import AT, REFINES, bumped_image, smooth_offset
from helpers.tensors import normal
from helpers.toys import rendering_by

# --- warp ---


@pytest.mark.parametrize("down, right", [(0, 0), (3, 0), (0, -5), (-2, 7)])
def test_a_warp_by_whole_pixels_is_a_roll(down, right):
    x = normal(5, SIDE, SIDE)
    inner = slice(8, SIDE - 8)
    wanted = torch.roll(x, (down, right), (1, 2))[:, inner, inner]
    moved = warp(x, shift_of(down, right))
    assert torch.allclose(moved[:, inner, inner], wanted, atol=1e-4)
    assert moved.shape == x.shape and moved.dtype == x.dtype


def test_a_flow_is_in_shares_of_the_side():
    """The same flow moves features of another resolution by as much of their side."""
    x = normal(3, 32, 32)
    moved = warp(x, shift_of(4, -8))
    inner = slice(6, 26)
    wanted = torch.roll(x, (2, -4), (1, 2))[:, inner, inner]
    assert torch.allclose(moved[:, inner, inner], wanted, atol=1e-4)


def test_half_a_pixel_is_the_mean_of_two():
    x = normal(1, SIDE, SIDE)
    moved = warp(x, shift_of(0, 0.5))
    assert torch.allclose(moved[:, :, 1:], (x[:, :, 1:] + x[:, :, :-1]) / 2, atol=1e-4)


def test_beyond_the_border_lies_the_border():
    x = normal(2, SIDE, SIDE)
    assert torch.allclose(warp(x, shift_of(0, 300)), x[:, :, :1].expand_as(x), atol=1e-5)


# --- flow ---


@pytest.mark.parametrize("down, right", [(0, 0), (2, -3), (-4, 1)])
def test_the_flow_of_a_moved_picture_is_its_move(down, right):
    picture = texture()
    back, agreed = find_flow(cut(picture, 0, 0), cut(picture, down, right))
    inner = slice(12, SIDE - 12)
    wanted = shift_of(down, right)[:, inner, inner]
    assert (back[:, inner, inner] - wanted).abs().max() < 0.3 / SIDE
    assert agreed.shape == (1, SIDE, SIDE) and agreed.min() >= 0 and agreed.max() <= 1
    assert agreed[:, inner, inner].min() > 0.9


def test_what_a_flow_says_moves_the_picture():
    picture = texture(3)
    before, after = cut(picture, 0, 0), cut(picture, 3, 2)
    back, _ = find_flow(before, after)
    moved = warp(torch.from_numpy(before.copy())[None], back)[0].numpy()
    inner = (slice(10, -10), slice(10, -10))
    assert np.abs(moved - after)[inner].mean() < 0.1 * np.abs(before - after)[inner].mean()


def test_flows_disagree_where_something_was_hidden():
    """A square moves over a background that stays: beside it, something is hidden or comes out."""
    ground, square = texture(1)[:SIDE, :SIDE], texture(2)[:24, :24]
    before, after = ground.copy(), ground.copy()
    before[20:44, 14:38] = square
    after[20:44, 22:46] = square
    _, agreed = find_flow(before, after)
    at = agreed[0]
    uncovered, still = at[22:42, 14:22], at[:12, :]
    assert still.mean() > 0.95 and uncovered.mean() < 0.75 * still.mean()
    assert uncovered.min() < 0.3


# --- edits of refined codes ---


@pytest.fixture(scope="module")
def results(toy):
    """Codes as they are refined: {what by: Code}, all of one latent."""
    code = functools.partial(Code, "a", bumped_image(toy)[0], Path("x"))
    return {by: code(refinement=refinement_of(toy, by)) for by in REFINES}


@pytest.fixture
def code(toy):
    """A code with an offset that shows, and a noise map of its own."""
    noise = {name: x * 0.5 for name, x in toy.noise_maps().items()}
    ws = bumped_image(toy)[0]
    offset = {f"features.{AT}": smooth_offset(toy, 0.5)}
    return Code("a", ws, Path("latent.safetensors"), noise=noise, refinement=offset)


def test_offsets_of_zero_change_nothing(toy, code):
    code.refinement[f"features.{AT}"].zero_()
    latent = edit(toy, code.latent, "pca:0", 1)
    for features in ("carry", "stay", "drop"):
        image = Rendered(toy, code, features)(latent)
        assert torch.equal(image, render_result(toy, latent, code.noise))


@pytest.mark.parametrize("refine", REFINES)
@pytest.mark.parametrize("features", ["carry", "stay"])
def test_strength_0_is_the_refined_reconstruction_to_the_bit(toy, results, refine, features):
    code = results[refine]
    image = Rendered(toy, code, features)(edit(toy, code.latent, "sefa:0", 0.0))
    assert torch.equal(image, render_refined(toy, code.latent, {}, code.refinement))
    assert not torch.equal(image, render_result(toy, code.latent))


@pytest.mark.parametrize("features", ["carry", "stay", "drop"])
def test_changed_weights_draw_whatever_is_drawn(toy, results, features):
    code = results["weights"]
    latent = edit(toy, code.latent, "sefa:0", 1.5)
    image = Rendered(toy, code, features)(latent)
    assert torch.equal(image, render_refined(toy, latent, {}, code.refinement))


def test_both_keep_their_weights_when_features_are_dropped(toy, results):
    code = results["both"]
    weights = {name: x for name, x in code.refinement.items() if name.startswith("weights.")}
    image = Rendered(toy, code, "drop")(code.latent)
    assert torch.equal(image, render_refined(toy, code.latent, {}, weights))


def test_ways(toy, code):
    latent = edit(toy, code.latent, "pca:0", 1)
    images = {way: Rendered(toy, code, way)(latent) for way in ("carry", "stay", "drop")}
    assert torch.equal(images["stay"], render_refined(toy, latent, code.noise, code.refinement))
    assert torch.equal(images["drop"], render_result(toy, latent, code.noise))
    assert not torch.equal(images["carry"], images["stay"])
    assert not torch.equal(images["carry"], images["drop"])
    with pytest.raises(ValueError, match="features must be carry, stay, drop"):
        Rendered(toy, code, "leave")


def test_an_offset_moves_as_the_picture_does(toy, code):
    """A generator that draws one picture, shifted by its code: the offset shifts with it."""
    picture = texture(4)

    def synthesis(ws, noise="const", features=None):
        shown = torch.from_numpy(cut(picture, 0, round(ws[0, 0, 0].item())).copy())
        return (shown * 2 - 1).expand(1, 3, -1, -1)

    own = rendering_by(toy, synthesis)
    at = torch.zeros_like(code.latent)
    code = Code("a", at, code.path, refinement=code.refinement)
    moved = at.clone()
    moved[0, 0] = 4  # of 64 pixels: one of the 16 of the features
    render = Rendered(own, code)
    found = render.carried(moved)[AT]
    offset = code.refinement[f"features.{AT}"]
    inner = slice(3, 13)
    wanted = torch.roll(offset, 1, 2)[:, inner, inner]
    close = (found[:, inner, inner] - wanted).norm() / wanted.norm()
    left = (offset[:, inner, inner] - wanted).norm() / wanted.norm()
    assert close < 0.1 < left

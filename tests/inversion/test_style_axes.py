"""Axes along which the styles differ, and searches along them."""

import functools

import pytest
import torch

from ganinv.inversion.spaces import SPACES
from ganinv.inversion.style_axes import AXES_POWER, style_axes
from helpers.networks import random_stylegan2
from helpers.searches import search as quick_search

search = functools.partial(quick_search, steps=30)


@pytest.mark.parametrize("kind", ["toy", "stylegan2"])
def test_style_matrices_say_what_each_row_feeds(toy, kind):
    """A change of one row that its matrices cannot see changes no image; another one does."""
    generator = toy if kind == "toy" else random_stylegan2()
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(5))
    ws = generator.mapping(z).clone()
    matrices = generator.style_matrices()
    assert len(matrices) == generator.num_ws
    with torch.no_grad():
        image = generator.synthesis(ws)
        for row, fed in enumerate(matrices):
            change = torch.randn(generator.w_dim, generator=torch.Generator().manual_seed(row))
            seen = torch.linalg.pinv(torch.cat(fed)) @ torch.cat(fed) if fed else 0.0
            unseen = change - seen @ change if fed else change
            for moved, same in ((unseen, True), (change, not fed)):
                other = ws.clone()
                other[0, row] += moved
                assert torch.allclose(generator.synthesis(other), image, atol=1e-4) == same


def test_axes_are_orthogonal_and_of_mean_square_length_1(toy):
    for space, rows in (("w", 1), ("w+", toy.num_ws)):
        axes = style_axes(toy, SPACES[space])
        assert axes.shape == (rows, toy.w_dim, toy.w_dim)
        gram = axes @ axes.transpose(1, 2)
        lengths = gram.diagonal(dim1=1, dim2=2)
        assert torch.allclose(gram, torch.diag_embed(lengths), atol=1e-5)
        assert torch.allclose(lengths.mean(1), torch.ones(rows), atol=1e-5)


def test_axes_are_longer_where_the_styles_change_more(toy):
    matrix = toy.first.style.weight
    axes = style_axes(toy, SPACES["w+"])[0]
    lengths = axes.norm(dim=1)
    change = (axes / lengths[:, None] @ matrix.T).norm(dim=1)
    order = lengths.argsort()
    assert (change[order].diff() > -1e-5).all()
    wanted = (change / change.max()).square().clamp_min(1e-6) ** (AXES_POWER / 2)
    assert torch.allclose(lengths / lengths.max(), wanted, atol=1e-4)


@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_search_along_axes_comes_nearer_and_stays_in_its_space(toy, toy_images, space):
    run = search(toy, toy_images[0][0], space=space, coordinates="style")
    assert run.history[0]["loss"] == search(toy, toy_images[0][0], steps=1).history[0]["loss"]
    assert run.best_loss < run.history[0]["loss"] / 3
    rows_agree = torch.equal(run.latent, run.latent[:1].expand_as(run.latent))
    assert rows_agree == (space == "w")


def test_a_step_along_axes_is_what_it_says(toy, toy_images):
    """One step of Adam is the rate times the sign in the coordinates."""
    run = search(
        toy,
        toy_images[0][0],
        space="w+",
        coordinates="style",
        steps=2,
        lr=1e-2,
        lr_schedule="constant",
    )
    moved = run.latent - toy.w_avg
    axes = style_axes(toy, SPACES["w+"])
    along = torch.linalg.solve(axes.transpose(1, 2), moved[:, :, None])[:, :, 0]
    wide = [sum(len(matrix) for matrix in row) >= toy.w_dim for row in toy.style_matrices()]
    fed = [row for row, full in enumerate(wide) if full]  # all of their axes reach the image
    assert (along[fed].abs() < 1.01e-2).all()  # less where a gradient is next to nothing
    assert along[fed].abs().quantile(0.1).item() == pytest.approx(1e-2, rel=0.01)


def test_a_generator_without_styles_is_refused(dcgan):
    image = torch.zeros(3, 32, 32)
    with pytest.raises(ValueError, match="needs style inputs"):
        search(dcgan, image, space="z", coordinates="style")

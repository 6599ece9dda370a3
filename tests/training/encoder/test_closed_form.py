"""The closed-form start of the encoder: ridge regression, principal components."""

import math

import numpy as np
import pytest
import torch

from ganinv.encoders.domain import DomainEncoder
from ganinv.training.encoder.closed_form import fit_head, ridge
from helpers.tensors import normal


@pytest.mark.parametrize(("rows", "columns"), [(12, 30), (30, 12), (15, 15)])
@pytest.mark.parametrize("strength", [1e-3, 0.5, 20.0])
def test_ridge_is_the_closed_form_in_both_spaces(rows, columns, strength):
    features = normal(rows, columns, seed=1).double() * 3 + 5
    wanted = normal(rows, 4, seed=2).double() - 7
    weight, bias = ridge(features, wanted, strength)
    x, y = features.numpy() - features.numpy().mean(0), wanted.numpy() - wanted.numpy().mean(0)
    penalty = strength * np.square(x).sum() / min(rows, columns)
    columns_solved = np.linalg.inv(x.T @ x + penalty * np.eye(columns)) @ x.T @ y
    rows_solved = x.T @ np.linalg.inv(x @ x.T + penalty * np.eye(rows)) @ y
    assert np.allclose(weight.numpy().T, columns_solved, atol=1e-9)
    assert np.allclose(weight.numpy().T, rows_solved, atol=1e-9)  # the push-through identity
    means = features.mean(0) @ weight.T + bias
    assert torch.allclose(means, wanted.mean(0), atol=1e-9)


def test_ridge_of_many_rows_agrees_with_that_of_few():
    """Each row three times is the same problem, but solved in the columns' space."""
    few, wanted = normal(10, 24, seed=3).double(), normal(10, 2, seed=4).double()
    weight, bias = ridge(few, wanted, 0.3)
    again = ridge(few.repeat(3, 1), wanted.repeat(3, 1), 0.3 * 24 / 10)
    assert torch.allclose(again[0], weight, atol=1e-9)
    assert torch.allclose(again[1], bias, atol=1e-9)


def test_a_strong_ridge_gives_the_mean():
    features, wanted = normal(40, 8).double(), normal(40, 3, seed=1).double()
    weight, bias = ridge(features, wanted, 1e9)
    assert weight.abs().max() < 1e-8
    assert torch.allclose(bias, wanted.mean(0), atol=1e-7)


WIDTHS = (128, 256, 512, 512)


def small_encoder(w_dim=6, channels=4, hidden=12):
    return DomainEncoder(
        resolution=32, num_ws=3, w_dim=w_dim, view=32, grid=2, channels=channels, hidden=hidden
    )


def random_levels(count, seed, causes=30):
    """Features of a few random causes, each weaker than the one before, and a little noise."""
    cause = normal(count, causes, seed=seed) * torch.logspace(0.5, -0.5, causes)
    return [
        torch.einsum("nd,dchw->nchw", cause, normal(causes, width, 2, 2, seed=seed + width + i))
        + 0.1 * normal(count, width, 2, 2, seed=seed + width + 10 + i)
        for i, width in enumerate(WIDTHS)
    ]


@torch.no_grad()
def test_fit_finds_w_where_the_features_are_linear_in_it():
    encoder, w = small_encoder(), normal(340, 6, seed=5)
    levels = [
        torch.einsum("nd,dchw->nchw", w, normal(6, width, 2, 2, seed=width + i)) + 3
        for i, width in enumerate(WIDTHS)
    ]
    fit_head(encoder, [x[:300] for x in levels], w[:300] - 2, 1e-5)
    found = encoder.codes(encoder.gather(levels))[0][:, 0]
    assert (found - (w - 2)).abs().max() < 0.02  # of the last forty as well, never seen


@torch.no_grad()
def test_fit_of_few_images_with_a_weak_ridge_gives_back_their_w():
    encoder, w = small_encoder(channels=8), normal(40, 6)
    levels = [normal(40, width, 2, 2, seed=width) for width in WIDTHS]
    fit_head(encoder, levels, w, 1e-4)
    found, offsets = encoder.codes(encoder.gather(levels))
    assert (found[:, 0] - w).abs().max() < 0.02
    assert not offsets.any()


@torch.no_grad()
def test_base_is_the_ridge_of_the_features():
    encoder, levels, w = small_encoder(), random_levels(300, seed=8), normal(300, 6)
    fit_head(encoder, [x.half() for x in levels], w, 0.5)
    features = encoder.gather([x.half().float() for x in levels])
    weight, bias = ridge(features.double(), w.double(), 0.5)
    assert torch.allclose(encoder.base.weight.double(), weight, atol=1e-5)
    assert torch.allclose(encoder.base.bias.double(), bias, atol=1e-4)


@torch.no_grad()
def test_hidden_units_have_variance_1_and_are_uncorrelated():
    encoder, levels = small_encoder(), random_levels(500, seed=9)
    fit_head(encoder, levels, normal(500, 6), 0.5)
    features = encoder.gather(levels)
    units = encoder.hidden(features).double()
    covariance = units.T @ units / len(units)
    assert units.mean(0).abs().max() < 1e-3
    assert (covariance - torch.eye(12)).abs().max() < 0.05
    spread = torch.linalg.svdvals((features - features.mean(0)).double())[:12] / math.sqrt(500)
    found = 1 / encoder.hidden.weight.double().norm(dim=1)  # along each unit's direction
    assert torch.allclose(found[:6], spread[:6], rtol=0.01)
    assert (found > 0.9 * spread).all()  # the method is randomized


@torch.no_grad()
def test_channels_are_principal_components():
    encoder, levels = small_encoder(), random_levels(100, seed=10)
    fit_head(encoder, levels, normal(100, 6), 0.5)
    for reduce, level in zip(encoder.reduce, levels, strict=True):
        seen = level[:64]
        pixels, out = (x.double().permute(1, 0, 2, 3).flatten(1) for x in (seen, reduce(seen)))
        widest = torch.linalg.eigvalsh(torch.cov(pixels))[-4:].flip(0)
        wanted = (widest / (pixels - pixels.mean(1, keepdim=True)).var()).diag()
        assert out.mean(1).abs().max() < 1e-3
        assert torch.allclose(torch.cov(out), wanted, atol=0.01 * wanted.max().item())


def test_fit_leaves_the_global_seed_alone_and_repeats():
    before, fitted = torch.get_rng_state(), []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = small_encoder()
        fit_head(encoder, random_levels(50, seed=11), normal(50, 6), 0.5)
        fitted.append(encoder.head())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(fitted[0][name], fitted[1][name]) for name in fitted[0])

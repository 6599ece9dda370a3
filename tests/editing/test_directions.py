"""Directions in the weights and in W, against numpy and against what the styles do."""

import numpy as np
import pytest
import torch

from ganinv.editing.directions import along, find_direction, principal_components
from ganinv.editing.layers import parse_layers
from ganinv.errors import GaninvError, ParamsError, UnknownNameError, printable
from ganinv.generators.mobile_stylegan import Style
from helpers.tensors import doubles
from helpers.toys import build_dcgan


def unit(direction):
    """The direction's w, of length 1: it is one w in all rows."""
    w = direction.move[0].double()
    assert torch.equal(direction.move, direction.move[:1].expand_as(direction.move))
    return w / w.norm()


def styles_of(generator, text="all"):
    """The style weights of rows, stacked, as numpy has them: float64 (C, w_dim)."""
    chosen = parse_layers(text, generator)
    rows = [m for row, ms in enumerate(generator.style_matrices()) if chosen[row] for m in ms]
    return np.concatenate([m.numpy().astype(np.float64) for m in rows])


# --- SeFa ---


@pytest.mark.parametrize("layers", ["all", "coarse", "middle", "2", "0,5-6"])
def test_sefa_is_numpy_s_svd_of_the_style_weights(toy, small, layers):
    for generator in (toy, small):
        _, values, vectors = np.linalg.svd(styles_of(generator, layers))
        for k in (0, 1, 4):
            direction = find_direction(generator, f"sefa:{k}", layers)
            assert abs(vectors[k] @ unit(direction).numpy()) == pytest.approx(1, abs=1e-5)
            assert f"{values[k] ** 2 / (values**2).sum():.1%}" in direction.about
            chosen = parse_layers(layers, generator)
            assert torch.equal(parse_layers(direction.layers, generator), chosen)


def test_no_unit_vector_changes_the_styles_more_than_sefa_s_first(toy):
    a = torch.from_numpy(styles_of(toy))
    first = (a @ unit(find_direction(toy, "sefa:0"))).norm()
    v = doubles(toy.w_dim, 500)
    assert (a @ (v / v.norm(dim=0))).norm(dim=0).max() < first
    x = v[:, 0]
    for _ in range(2000):  # power iteration
        x = a.T @ (a @ x)
        x = x / x.norm()
    assert (a @ x).norm().item() == pytest.approx(first.item(), rel=1e-5)


def test_sefa_s_first_moves_the_styles_more_than_its_last(toy):
    """Measured at the network's own style modules, not by its matrices."""
    styles = [m for m in toy.modules() if isinstance(m, Style)]

    def changes(k):
        w = toy.w_avg[None]
        step = unit(find_direction(toy, f"sefa:{k}")).float()
        return sum(((s(w + step) - s(w)) / s.gain).square().sum() for s in styles)

    moved = [changes(k) for k in range(toy.w_dim)]
    assert all(a >= b * 0.999 for a, b in zip(moved, moved[1:], strict=False))
    assert moved[0] > 2 * moved[-1]


def test_sefa_of_layers_is_not_that_of_all(toy):
    one = unit(find_direction(toy, "sefa:0", "0"))
    assert abs(one @ unit(find_direction(toy, "sefa:0"))) < 0.99


def test_sefa_of_layers_without_styles(toy):
    """Rows 3 and 6 of the toy feed nothing: the image heads that a student lacks."""
    with pytest.raises(ParamsError, match="no style weights"):
        find_direction(toy, "sefa:0", "3,6")


# --- PCA ---


def test_pca_is_numpy_s_of_samples(toy, small, w_samples):
    for generator in (toy, small):
        w = w_samples(generator, 50_000).numpy()
        values, vectors = np.linalg.eigh(np.cov(w.T))
        found, components = principal_components(generator)
        assert found.numpy() == pytest.approx(values[::-1], rel=0.1)
        for k in (0, 1, 2):  # of variances that samples tell apart
            if values[-1 - k] / values[-2 - k] > 1.15:
                assert abs(components[k].numpy() @ vectors[:, -1 - k]) > 0.95
        moved = find_direction(generator, "pca:0")
        assert moved.move[0].norm().item() == pytest.approx(values[-1] ** 0.5, rel=0.05)


def test_components_are_orthogonal_and_their_variances_those_of_samples(toy, w_samples):
    values, components = principal_components(toy)
    assert torch.allclose(components @ components.T, torch.eye(toy.w_dim).double(), atol=1e-9)
    seen = (w_samples(toy) @ components.T).var(0)
    assert seen.numpy() == pytest.approx(values.numpy(), rel=0.1)
    assert (components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all()


# --- one channel of a style ---


def style_modules(generator):
    """The toy's modules Style with the rows that feed them, in the order of `s:L:C`."""
    first, (one, two) = generator.first, generator.blocks
    own = [(0, first.style)]
    for i, block in enumerate((one, two)):
        own += [
            (3 * i + 1, block.up),
            (3 * i + 1, block.conv1.style),
            (3 * i + 2, block.conv2.style),
        ]
    return [*own, (7, generator.to_img_style)]


@pytest.mark.parametrize("layer, channel", [(0, 0), (0, 31), (1, 5), (2, 3), (4, 9), (7, 15)])
def test_a_channel_moves_by_its_deviation_over_w(toy, w_samples, layer, channel):
    row, style = style_modules(toy)[layer]
    w = w_samples(toy)
    deviation = style(w.float())[:, channel, 0, 0].std()
    direction = find_direction(toy, f"s:{layer}:{channel}")
    assert direction.layers == str(row)
    assert not direction.move[torch.arange(toy.num_ws) != row].any()
    at = toy.w_avg[None]
    change = (style(at + direction.move[row]) - style(at))[0, :, 0, 0]
    assert change[channel].item() == pytest.approx(deviation.item(), rel=0.03)
    others = torch.cat([change[:channel], change[channel + 1 :]])
    assert others.abs().max() < change[channel]


def test_where_a_row_feeds_one_style_no_more_of_it_moves(toy):
    """Rows 0 and 7: 32 and 16 channels of 32 numbers, so that each can move by itself."""
    for layer, channel in ((0, 4), (7, 2)):
        row, style = style_modules(toy)[layer]
        move = find_direction(toy, f"s:{layer}:{channel}").move[row]
        change = style.weight @ move
        own = change[channel].item()
        change[channel] = 0
        assert change.abs().max() < 0.05 * own


def test_no_other_move_of_the_row_spills_less(small):
    """Rows of StyleGAN2 that feed two styles: the best move is least squares, as numpy finds it."""
    row, matrices = next((i, m) for i, m in enumerate(small.style_matrices()) if len(m) == 2)
    layer = sum(len(m) for m in small.style_matrices()[:row])
    a = torch.cat(list(matrices)).double().numpy()
    move = find_direction(small, f"s:{layer}:3").move[row].double().numpy()
    others = np.delete(a, 3, 0)
    null = np.linalg.svd(a[3:4])[2][1:]  # moves that leave the channel where it is
    start = a[3] / (a[3] @ a[3])
    best = start + null.T @ np.linalg.lstsq(others @ null.T, -others @ start, rcond=None)[0]
    ours = np.linalg.norm(others @ move) / (a[3] @ move)
    assert ours == pytest.approx(np.linalg.norm(others @ best), rel=0.02)


# --- strength ---


def test_strength_1_is_one_standard_deviation_of_w(toy, small, w_samples):
    for generator in (toy, small):
        w = w_samples(generator)
        for i in range(5):
            given = doubles(generator.w_dim, seed=i) * 10**i
            move = along(generator, given.expand(generator.num_ws, -1))[0].double()
            assert torch.allclose(move / move.norm(), given / given.norm(), atol=1e-6)
            deviation = (w @ given / given.norm()).std()
            assert move.norm().item() == pytest.approx(deviation.item(), rel=0.03)


def test_rows_of_their_own_keep_their_shares(toy, w_samples):
    """Of rows that differ, each moves by its share; the mean variance is what W has along them."""
    given = doubles(toy.num_ws, toy.w_dim)
    move = along(toy, given).double()
    assert torch.allclose(move / move.norm(), given / given.norm(), atol=1e-6)
    w = w_samples(toy)
    variances = torch.stack([(w @ row / row.norm()).var() for row in given])
    shares = given.square().sum(1) / given.square().sum()
    wanted = (variances @ shares * toy.num_ws).sqrt().item()
    assert move.norm().item() == pytest.approx(wanted, rel=0.03)


def test_rows_that_do_not_move_do_not_shorten_the_others(toy):
    given = doubles(toy.w_dim).expand(toy.num_ws, -1)
    part = given.clone()
    part[3:] = 0
    assert torch.allclose(along(toy, part)[:3], along(toy, given)[:3], rtol=1e-5)
    assert not along(toy, part)[3:].any()


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_direction_without_length(toy, value):
    with pytest.raises(ParamsError, match="no length, or is not finite"):
        along(toy, torch.full((toy.num_ws, toy.w_dim), value))


# --- names ---

WRONG = [
    "sefa",
    "sefa:",
    "sefa:32",
    "sefa:-1",
    "sefa:1.0",
    "pca:x",
    "pca:99999",
    "pca:" + "9" * 9999,
]
WRONG += ["s:0", "s:8:0", "s:0:32", "s:0:-1", "s:::", "s:0:0:0", "s:\x1b[2J:1"]


@pytest.mark.parametrize("name", WRONG)
def test_names_that_the_generator_cannot_have(toy, name):
    with pytest.raises(ParamsError) as caught:
        find_direction(toy, name)
    assert not isinstance(caught.value, UnknownNameError)
    assert len(str(caught.value)) < 300 and str(caught.value) == printable(caught.value)


@pytest.mark.parametrize("name", ["smiel", "", " ", "nosuch:0", "x" * 9999, "\x1b[2J"])
def test_names_that_are_none(toy, root, name):
    with pytest.raises(GaninvError, match="no named directions") as caught:
        find_direction(toy, name)
    assert len(str(caught.value)) < 400 and str(caught.value) == printable(caught.value)


def test_case_and_space_do_not_matter(toy):
    assert torch.equal(find_direction(toy, " SeFa:1 ").move, find_direction(toy, "sefa:1").move)
    assert torch.equal(find_direction(toy, "S:1:2").move, find_direction(toy, "s:1:2").move)


def test_layers_that_a_direction_does_not_move(toy):
    """A channel lies in one row: in others there is nothing to move."""
    assert find_direction(toy, "s:0:1", "0-2").layers == "0-2"
    with pytest.raises(ParamsError, match="moves no row of 5"):
        find_direction(toy, "s:0:1", "5")


def test_a_generator_without_styles_has_components_only():
    dcgan = build_dcgan()
    assert find_direction(dcgan, "pca:0").move.shape == (dcgan.num_ws, dcgan.w_dim)
    for name in ("sefa:0", "s:0:0"):
        with pytest.raises(ParamsError, match="no style inputs; take pca"):
            find_direction(dcgan, name)

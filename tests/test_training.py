"""What trains the encoder: closed forms, losses by hand, and trainings of the toy."""

import copy
import hashlib
import json
import math
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load, load_file, save_file
from torch import nn

import ganinv.encoders.domain
import ganinv.training.encoder.draws
from ganinv.cli.main import main
from ganinv.encoders.domain import DomainEncoder
from ganinv.encoders.load import load_encoder
from ganinv.errors import ParamsError, WeightsError
from ganinv.generators.load import load_generator
from ganinv.images.alignment import load_image
from ganinv.losses.adversarial import (
    logistic_discriminator,
    nonsaturating_generator,
    r1_penalty,
)
from ganinv.losses.lpips import load_lpips
from ganinv.params import dump_yaml, read_yaml
from ganinv.paths import project_root
from ganinv.seeds import image_rng
from ganinv.training.checkpoint import copy_tensors, load_state, read_notes, save_state
from ganinv.training.encoder import draws
from ganinv.training.encoder.closed_form import fit_head, ridge
from ganinv.training.encoder.discriminator import Discriminator
from ganinv.training.encoder.publish import _card_of
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.encoder.train import Training, train_encoder
from ganinv.weights.manifest import weight_path
from ganinv.weights.store import save_weights
from helpers.checks import strict_json
from helpers.toys import build_toy, save_toy


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed))


def noise(seed, n=4, size=32):
    return torch.rand(n, 3, size, size, generator=seeded(seed)) * 2 - 1


# --- ridge regression ---------------------------------------------------------------------------


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


# --- the closed-form start ----------------------------------------------------------------------

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


# --- drawn latents ------------------------------------------------------------------------------


def draw(toy, count=12, seed=0, **options):
    return draws.draw_ws(toy, count, seeded(seed), **options)


def test_without_truncations_share_latents_are_the_mean(toy):
    ws, one = draw(toy, truncation=(0, 0), mixing=1)
    assert torch.equal(ws, toy.w_avg.expand(12, 8, 32))
    assert not one.any()


def test_truncation_scales_the_distance_to_the_mean(toy):
    full, _ = draw(toy, truncation=(1, 1))
    half, _ = draw(toy, truncation=(0.5, 0.5))
    assert torch.allclose(half - toy.w_avg, (full - toy.w_avg) / 2, atol=1e-5)
    between, _ = draw(toy, count=100, truncation=(0.5, 1.0), mixing=0)
    whole, _ = draw(toy, count=100, truncation=(1, 1), mixing=0)
    psi = (between - toy.w_avg).norm(dim=(1, 2)) / (whole - toy.w_avg).norm(dim=(1, 2))
    assert 0.5 <= psi.min() < 0.55 and 0.95 < psi.max() <= 1
    assert psi.mean().item() == pytest.approx(0.75, abs=0.05)


def test_untruncated_latents_are_the_mappings_own(toy):
    many = draw(toy, count=400, truncation=(1, 1), mixing=0)[0][:, 0]
    assert (many.mean(0) - toy.w_avg).norm() < 0.2 * toy.w_std
    root_mean_square = (many - toy.w_avg).square().sum(1).mean().sqrt()
    assert root_mean_square.item() == pytest.approx(toy.w_std.item(), rel=0.1)


def test_without_mixing_all_rows_are_one_w(toy):
    ws, one = draw(toy, mixing=0)
    assert ws.shape == (12, 8, 32) and ws.is_contiguous()
    assert torch.equal(ws, ws[:, :1].expand_as(ws)) and one.tolist() == [True] * 12
    assert len({tuple(w.tolist()) for w in ws[:, 0]}) == 12


def test_with_mixing_rows_change_once_to_a_second_w(toy):
    mixed, one = draw(toy, count=60, mixing=1)
    plain, _ = draw(toy, count=60, mixing=0)
    assert not one.any()
    changes = (mixed[:, 1:] != mixed[:, :-1]).any(2)  # (60, 7)
    assert changes.sum(1).tolist() == [1] * 60
    assert changes.any(0).all()  # at every row of some image
    assert torch.equal(mixed[:, 0], plain[:, 0])
    assert not torch.isclose(mixed[:, -1], plain[:, -1]).all(1).any()


def test_mask_says_which_images_are_one_w(toy):
    ws, one = draw(toy, count=300)
    same = (ws == ws[:, :1]).all(2).all(1)
    assert torch.equal(one, same)
    assert one.float().mean().item() == pytest.approx(0.6, abs=0.08)


def test_latents_depend_on_the_generator_of_random_numbers_alone(toy):
    before = torch.get_rng_state()
    first, again, other = draw(toy), draw(toy), draw(toy, seed=1)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert (first[0] - other[0]).abs().amax((1, 2)).min() > 0.1
    assert torch.equal(torch.get_rng_state(), before)


# --- changed images -----------------------------------------------------------------------------


def test_no_share_leaves_the_very_images():
    images = noise(0)
    assert draws.change(images, seeded(), 0) is images


def test_a_tiny_share_mirrors_half_of_them_and_nothing_else():
    images = noise(1, n=64, size=8)
    changed = draws.change(images, seeded(), 1e-12)
    same = (changed == images).flatten(1).all(1)
    mirrored = (changed == images.flip(3)).flatten(1).all(1)
    assert torch.equal(same, ~mirrored)
    assert 20 <= mirrored.sum() <= 44


@pytest.mark.parametrize("share", [0.4, 1.0])
@pytest.mark.parametrize(("n", "size"), [(6, 32), (1, 64)])
def test_changed_images_keep_their_shape_and_range(share, n, size):
    images = (noise(2, n=n, size=size) * 3).clamp(-1, 1)
    before, state = images.clone(), torch.get_rng_state()
    for seed in range(5):
        changed = draws.change(images, seeded(seed), share)
        assert changed.shape == images.shape and changed.dtype == images.dtype
        assert changed.isfinite().all() and changed.abs().max() <= 1 + 1e-6
        assert torch.equal(changed, draws.change(images, seeded(seed), share))
        if share == 1:
            assert (changed - images).abs().amax((1, 2, 3)).min() > 0.01
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_about_a_share_of_the_images_is_changed():
    images = noise(3, n=400, size=8)
    changed = draws.change(images, seeded(), 0.3)
    kept = sum((changed == x).flatten(1).all(1) for x in (images, images.flip(3)))
    assert kept.sum().item() / 400 == pytest.approx(0.7**3, abs=0.08)


def test_an_image_is_changed_by_itself_and_one_other():
    images, other = noise(4, n=5), noise(4, n=5)
    other[0] = noise(5, n=1)[0]
    touched = []
    for seed in range(10):
        a, b = (draws.change(x, seeded(seed), 1.0) for x in (images, other))
        touched.append((a != b).flatten(1).any(1))
    touched = torch.stack(touched)
    assert touched[:, 0].all() and touched[:, 1].any()  # none where one colour lies behind
    assert not touched[:, 2:].any()


def test_pixels_of_one_colour_stay_so_when_moved_and_recoloured():
    flat = torch.rand(6, 3, 1, 1, generator=seeded(6)).expand(6, 3, 16, 16) - 0.5
    draw = draws._Draws(seeded(), flat)
    for moved in (draws._move(flat, draw), draws._recolour(flat, draw)):
        assert torch.allclose(moved, moved[:, :, :1, :1].expand_as(moved), atol=1e-5)
    assert torch.allclose(draws._move(flat, draw), flat, atol=1e-5)
    assert (draws._recolour(flat, draw) - flat).abs().amax((1, 2, 3)).min() > 0.005


def test_moving_turns_and_shifts_by_little():
    """The position of each pixel, as an image: where the moved image takes its pixels from."""
    line = (torch.arange(64) + 0.5) / 32 - 1
    x, y = torch.meshgrid(line, line, indexing="xy")
    place = torch.stack((x, y, torch.zeros(64, 64))).expand(40, 3, 64, 64)
    moved = draws._move(place, draws._Draws(seeded(), place))
    inside = (..., slice(8, -8), slice(8, -8))  # what lies farther out may be reflected
    assert not moved[:, 2].any()
    distance = (moved - place)[inside].norm(dim=1)  # 1 is half the image
    assert distance.amax((1, 2)).min() > 0.02 and distance.max() < 0.06 + 0.75 * 1.5 * 0.14
    across = (moved[inside][:, :2, :, -1] - moved[inside][:, :2, :, 0]) / (line[-9] - line[8])
    scale, angle = across.norm(dim=1), torch.atan2(across[:, 1], across[:, 0])
    assert 0.929 < scale.min() < 0.96 and 1.04 < scale.max() < 1.071
    assert angle.min() < -0.05 and angle.max() > 0.05 and angle.abs().max() < 0.1001


def test_composed_images_are_between_the_two_pictures():
    front, behind = torch.full((1, 3, 32, 32), -0.9), torch.full((1, 3, 32, 32), 0.7)
    images = torch.cat((behind, front)).repeat(20, 1, 1, 1)  # each stands before the other
    made = draws._compose(images, draws._Draws(seeded(), images))
    assert (made[:, :, 16:20, 14:18] - images[:, :, :4, :4]).abs().median() < 0.05
    other = images.roll(1, 0)
    nearer = (made - other).abs() < (made - images).abs()
    corners = nearer[:, :, ::31, ::31].float().mean((1, 2, 3))
    assert corners.median() == 1  # but for plain colours and ragged edges
    inside = (made <= images.maximum(other) + 1e-5) & (made >= images.minimum(other) - 1e-5)
    assert inside.flatten(1).all(1).sum() >= 20  # the rest stand before a plain colour


# --- photographs --------------------------------------------------------------------------------


@pytest.fixture
def unaligned(monkeypatch):
    """Photographs taken as they are: pictures in these tests hold no face."""

    def load(path, size, align):
        assert align
        return load_image(path, size, align=False)

    monkeypatch.setattr(ganinv.training.encoder.draws, "load_image", load)


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_without_photographs_is_refused_by_its_name(tmp_path, there):
    folder = tmp_path / "photos"
    if there:
        folder.mkdir()
        (folder / "notes.txt").write_text("none")
    with pytest.raises(ParamsError, match=f"no usable image in {folder}"):
        draws.Photographs(str(folder), 32, print)


def test_what_is_no_photograph_of_a_face_is_left_out_with_a_notice(tmp_path, make_photo):
    folder, said = tmp_path / "photos", []
    make_photo(folder / "plain.png")
    (folder / "empty.png").write_bytes(b"")
    with pytest.raises(ParamsError, match=f"no usable image in {folder}"):
        draws.Photographs(folder, 32, said.append)
    assert len(said) == 2 and all(text.startswith("notice: ") for text in said)
    assert "empty.png" in said[0] and "the file is empty" in said[0]
    assert "plain.png" in said[1] and "no face" in said[1]


def test_photographs_are_drawn_as_they_lie_in_the_folder(tmp_path, make_photo, unaligned):
    folder, said = tmp_path / "photos", []
    files = [make_photo(folder / sub, seed=i) for i, sub in enumerate(("a.png", "deep/b.jpg"))]
    (folder / "broken.png").write_bytes(files[0].read_bytes()[:60])
    photographs = draws.Photographs(str(folder), 24, said.append)
    assert len(photographs.images) == 2 and len(said) == 1 and "broken.png" in said[0]
    wanted = [load_image(path, 24) for path in files]
    drawn = photographs.draw(30, seeded())
    assert drawn.shape == (30, 3, 24, 24) and drawn.dtype == torch.float32
    found = [[torch.equal(x, y) for y in wanted] for x in drawn]  # 8 bits there and back
    counts = np.sum(found, 0)
    assert counts.sum() == 30 and counts.min() >= 5
    assert torch.equal(drawn, photographs.draw(30, seeded()))


@pytest.mark.parametrize(
    ("count", "share", "wanted"),
    [(8, 0, 0), (8, 0.25, 2), (8, 0.26, 3), (8, 0.01, 1), (8, 0.99, 7), (8, 1, 8), (2, 0.9, 1)],
)
def test_share_is_rounded_up_but_never_to_all(count, share, wanted):
    assert draws.share_of(count, share) == wanted


# --- the discriminator --------------------------------------------------------------------------


def build_discriminator(size, **widths):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Discriminator(size=size, **widths)


@pytest.mark.parametrize("size", [8, 16, 32, 64])
def test_discriminator_scores_every_image_for_itself(size):
    discriminator, images = build_discriminator(size, width=8), noise(0, n=3, size=size)
    images.requires_grad_()
    scores = discriminator(images)
    assert scores.shape == (3,)
    alone = torch.cat([discriminator(image[None]) for image in images])
    assert torch.allclose(scores, alone, atol=1e-5)
    (gradient,) = torch.autograd.grad(scores[1], images)
    assert gradient[1].abs().amax(0).gt(0).all()  # every pixel counts
    assert not gradient[[0, 2]].any()


def test_discriminator_narrows_to_4_pixels_and_widens_to_a_limit():
    discriminator = build_discriminator(64, width=8, widest=32)
    assert [b.conv2.out_channels for b in discriminator.blocks] == [16, 32, 32, 32]
    assert discriminator.last.in_features == 32 * 4 * 4


def test_losses_are_the_non_saturating_ones():
    fake, real = torch.tensor([-3.0, 0.5, 4.0]), torch.tensor([2.0, -1.0])
    generator = np.log1p(np.exp([3.0, -0.5, -4.0])).mean()
    judged = np.log1p(np.exp([-3.0, 0.5, 4.0])).mean() + np.log1p(np.exp([-2.0, 1.0])).mean()
    assert nonsaturating_generator(fake).item() == pytest.approx(generator)
    assert logistic_discriminator(real, fake).item() == pytest.approx(judged)


def test_losses_pull_against_each_other():
    values = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(nonsaturating_generator(values), values)
    assert torch.allclose(gradient, -torch.sigmoid(-values) / 3)  # up, where it is low most
    loss = logistic_discriminator(torch.zeros(2), values)
    (gradient,) = torch.autograd.grad(loss, values)
    assert torch.allclose(gradient, torch.sigmoid(values) / 3)


def test_penalty_of_a_linear_discriminator_is_its_squared_length():
    a, real = normal(3, 8, 8), noise(0, n=5, size=8)
    penalty = r1_penalty(lambda x: (x * a).sum((1, 2, 3)), real)
    assert penalty.shape == () and not real.requires_grad
    assert penalty.item() == pytest.approx(a.square().sum().item(), rel=1e-5)


def test_penalty_of_a_quadratic_discriminator():
    a, real = normal(3, 8, 8), noise(1, n=5, size=8)
    penalty = r1_penalty(lambda x: (a * x.square()).sum((1, 2, 3)), real)
    wanted = (2 * a * real).square().sum((1, 2, 3)).mean()
    assert penalty.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_penalty_matches_finite_differences():
    discriminator, real = build_discriminator(8, width=4).double(), noise(2, 1, 8).double()
    steps = 1e-5 * torch.eye(192).double().view(192, 3, 8, 8)
    with torch.no_grad():
        slopes = (discriminator(real + steps) - discriminator(real - steps)) / 2e-5
    assert r1_penalty(discriminator, real).item() == pytest.approx(
        slopes.square().sum().item(), rel=1e-4
    )


def test_penalty_has_a_gradient_for_the_weights():
    discriminator, real = build_discriminator(8, width=4).double(), noise(3, 2, 8).double()
    weight = discriminator.blocks[0].conv1.weight
    (gradient,) = torch.autograd.grad(r1_penalty(discriminator, real), weight)
    direction = normal(*weight.shape, seed=5).double()
    ends = []
    for step in (1e-6, -1e-6):
        moved = copy.deepcopy(discriminator)
        moved.blocks[0].conv1.weight.data += step * direction
        ends.append(r1_penalty(moved, real).item())
    wanted = (ends[0] - ends[1]) / 2e-6
    assert (gradient * direction).sum().item() == pytest.approx(wanted, rel=1e-3)


# --- state on disk ------------------------------------------------------------------------------


def net_and_adam(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    groups = [dict(params=net[0].parameters(), lr=0.1), dict(params=net[2].parameters(), lr=0.01)]
    return net, torch.optim.Adam(groups, betas=(0.9, 0.99))


def train_steps(net, adam, count):
    for seed in range(count):
        adam.zero_grad()
        net(normal(5, 3, 4, 4, seed=seed)).square().sum().backward()
        adam.step()


def states(adam):
    every = adam.state_dict()["state"].items()
    return {f"{i}.{name}": x for i, state in every for name, x in state.items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name


def test_state_comes_back_to_the_bit(tmp_path):
    path, notes = tmp_path / "state.safetensors", {"step": 3, "loss": 0.1, "deep": [{"é": None}]}
    (net, adam), (_, rest) = net_and_adam(0), net_and_adam(2)
    train_steps(net, adam, 3)
    saved = {"net": net.state_dict()}
    save_state(path, saved, {"adam": adam, "adamant": rest}, notes)
    other, other_adam = net_and_adam(1)
    load_state(path, {"net": other}, {"adam": other_adam, "adamant": rest}, saved)
    assert read_notes(path) == notes
    assert_same(other.state_dict(), net.state_dict())
    assert len(states(adam)) == 12
    assert_same(states(other_adam), states(adam))
    assert [group["lr"] for group in other_adam.param_groups] == [0.1, 0.01]
    assert not states(rest)
    for pair in ((net, adam), (other, other_adam)):
        train_steps(*pair, 2)
    assert_same(other.state_dict(), net.state_dict())


def test_copied_tensors_share_nothing():
    tensors = {"a": torch.full((2, 3), 0.1).T.requires_grad_()}
    copied = copy_tensors(tensors, torch.float16)["a"]
    assert copied.dtype == torch.float16 and copied.is_contiguous() and not copied.requires_grad
    assert torch.equal(copied, tensors["a"].half())


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("step", "did you mean steps"),
        ("fit_sample", "did you mean fit_samples"),
        ("photograph", "did you mean photographs"),
        ("images", "no parameter named 'images'"),
        ("quux", "there are seed, device"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, said):
    with pytest.raises(ParamsError, match=said):
        EncoderParams.make({name: 1})


@pytest.mark.parametrize(
    "fault",
    [
        {"steps": "many"},
        {"steps": 1.5},
        {"steps": True},
        {"steps": -1},
        {"batch": 1},
        {"lr": "fast"},
        {"lr": 0},
        {"lr": math.inf},
        {"lr": math.nan},
        {"mixing": 1.1},
        {"clean": -0.1},
        {"photographs": 3},
        {"progressive": 1.0},
        {"latent": -1.0},
        {"fit_ridge": 0.0},
        {"held_out": 0},
        {"save_every": 0},
        {"r1_every": 0},
        {"seed": -1},
        {"device": "tpu"},
        {"precision": "float16"},
        {"compile": True},
        {"generator": None},
        {"discriminator_resolution": 48},
        {"discriminator_resolution": 4},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(fault):
    with pytest.raises(ParamsError, match=next(iter(fault))):
        EncoderParams.make(fault)


def test_truncations_are_in_order():
    EncoderParams.make({"truncation_min": 0.7, "truncation_max": 0.7})
    with pytest.raises(ParamsError, match="truncation_min is above truncation_max"):
        EncoderParams.make({"truncation_min": 0.8, "truncation_max": 0.7})


def test_whole_numbers_pass_as_floats_and_parameters_are_frozen():
    params = EncoderParams.make({"lr": 1, "mixing": 0})
    assert type(params.lr) is float and type(params.mixing) is float
    with pytest.raises(ValueError, match="frozen"):
        params.lr = 2.0


def test_published_parameters_are_usable_and_differ_only_where_they_say():
    path = project_root() / "params" / "encoder.yaml"
    params, given = EncoderParams.load(path), read_yaml(path)
    default = EncoderParams().model_dump()
    assert {"steps", "lr", "out"} <= given.keys()
    assert params.model_dump() == default | given


def test_parameters_come_back_from_their_file(tmp_path):
    params = EncoderParams.make({"lr": 3e-7, "photographs": "on", "seed": 2**62})
    (tmp_path / "p.yaml").write_text(dump_yaml(params.model_dump()))
    assert EncoderParams.load(tmp_path / "p.yaml") == params
    changed = EncoderParams.load(tmp_path / "p.yaml", ["lr=1"], seed=0)
    assert (changed.lr, changed.seed, changed.photographs) == (1.0, 0, "on")


# --- a training ---------------------------------------------------------------------------------


@pytest.fixture
def quick(toy_path, tmp_path):
    """A function that makes the parameters of a training of two steps into tmp_path/run."""

    def build(**changes):
        settings = dict(
            generator=str(toy_path),
            out=str(tmp_path / "run"),
            device="cpu",
            precision="float32",
            compile="off",
            fit_samples=0,
            steps=2,
            batch=2,
            held_out=2,
            lr=0.02,
            log_every=0,
        )
        return EncoderParams.make(settings | changes)

    return build


def quiet(text):
    pass


TRAINED = dict(
    device="cpu",
    precision="float32",
    compile="off",
    log_every=0,
    held_out=16,
    seed=1,
    fit_samples=300,
    fit_ridge=50.0,
    steps=45,
    batch=4,
    lr=0.3,
    change=0.1,
    clean=0.5,
    save_every=20,
    r1_every=4,
    adversarial=0.03,
)


@pytest.fixture(scope="module")
def trained(toy_path, tmp_path_factory):
    """The folder of a training whose strong ridge leaves the steps something to do."""
    out = tmp_path_factory.mktemp("trained") / "run"
    params = EncoderParams.make(TRAINED | dict(generator=str(toy_path), out=str(out)))
    assert train_encoder(params, say=quiet) == out / "encoder.safetensors"
    return out


@pytest.fixture(scope="module")
def looks(trained):
    """What was noted of the held-out images, by its step."""
    rows = strict_json(trained / "history.json")
    return {row["step"]: row for row in rows if "held_out_error" in row}


def test_fit_comes_nearer_than_the_mean(looks):
    assert looks[0]["held_out_error"] < 0.8  # of mean_w's
    assert looks[0]["held_out_lpips"] < 0.85 * looks[0]["mean_w_lpips"]


def test_steps_come_nearer_than_the_fit(looks):
    assert looks[45]["held_out_error"] < 0.88 * looks[0]["held_out_error"]
    assert looks[45]["held_out_error"] < 0.6
    assert looks[45]["held_out_lpips"] < 0.87 * looks[0]["held_out_lpips"]
    assert looks[45]["held_out_lpips"] < 0.65 * looks[45]["mean_w_lpips"]
    assert looks[45]["held_out_psnr"] > looks[0]["held_out_psnr"] + 0.4


def test_folder_holds_all_that_was_promised(trained):
    found = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    pictures = {f"samples/step_{step:06d}.png" for step in (0, 20, 40, 45)}
    files = {"params.yaml", "checkpoint.safetensors", "history.json", "card.json"}
    assert found == files | pictures | {"encoder.safetensors"}
    params = EncoderParams.load(trained / "params.yaml")
    assert params.model_dump(include=set(TRAINED)) == TRAINED


def test_history_has_every_step_and_losses_are_the_weighted_sums(trained):
    rows = strict_json(trained / "history.json")
    assert [row["step"] for row in rows] == list(range(46))
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)
    names = ("pixels", "features", "latent", "adversarial", "offsets")
    params = EncoderParams.load(trained / "params.yaml")
    for row in rows[1:]:
        total = sum(getattr(params, name) * row[name] for name in names)
        assert row["loss"] == pytest.approx(total, rel=1e-5)
    assert [row["step"] for row in rows if "r1" in row] == list(range(1, 46, 4))
    assert rows[1]["offsets"] == 0 < rows[-1]["offsets"]


def test_card_describes_the_file(trained, toy_path, looks):
    card, file = strict_json(trained / "card.json"), trained / "encoder.safetensors"
    assert card["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert card["bytes"] == file.stat().st_size
    sha256 = hashlib.sha256(toy_path.read_bytes()).hexdigest()
    assert card["generator"] == {"name": "toy", "sha256": sha256}
    assert (card["steps"], card["images_drawn"], card["photographs"]) == (45, 300 + 45 * 4, 0)
    assert card["seconds"] == looks[45]["seconds"] > 0
    assert card["held_out"] == {name: looks[45][name] for name in card["held_out"]}
    assert card["held_out_images"] == {"count": 16, "truncation": 0.8}
    assert card["params"]["lr"] == 0.3 and card["params"]["seed"] == 1
    assert card["environment"]["device"] == "cpu" and card["environment"]["seed"] == 1


def held_out(toy, count=16, seed=1):
    """The held-out images, drawn anew: w at truncation 0.8, on the 8-bit grid."""
    rng = image_rng(seed, "held out")
    ws, _ = draws.draw_ws(toy, count, rng, truncation=(0.8, 0.8), mixing=0)
    return eight_bits(toy.synthesis(ws)), ws


def eight_bits(images):
    return ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


@torch.no_grad()
def test_published_encoder_does_what_the_card_says(trained, toy):
    images, _ = held_out(toy)
    codes = load_encoder(trained / "encoder.safetensors")(images)
    assert codes.shape == (16, 8, 32)
    mean = eight_bits(toy.synthesis(toy.w_avg.expand(1, 8, 32)))
    rendered = eight_bits(toy.synthesis(codes))
    lpips = load_lpips("vgg", torch.device("cpu"))
    said = strict_json(trained / "card.json")["held_out"]
    errors = (rendered - images).square().mean((1, 2, 3))
    error = errors.mean() / (mean - images).square().mean()
    assert error.item() == pytest.approx(said["held_out_error"], rel=0.02)
    psnr = (10 * torch.log10(4 / errors)).mean().item()
    assert psnr == pytest.approx(said["held_out_psnr"], abs=0.1)
    assert lpips(rendered, images).mean().item() == pytest.approx(said["held_out_lpips"], rel=0.02)
    away = lpips(mean.expand_as(images), images).mean().item()
    assert away == pytest.approx(said["mean_w_lpips"], rel=1e-3)


@torch.no_grad()
def test_pictures_show_held_out_images_above_what_came_back(trained, toy):
    images, _ = held_out(toy)
    with Image.open(trained / "samples" / "step_000045.png") as picture:
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 127.5 - 1
    assert pixels.shape == (3, 64, 192)
    above, below = (torch.stack(row.split(32, 2)) for row in pixels.split(32, 1))
    assert (above - images[:6]).abs().max() < 0.02
    codes = load_encoder(trained / "encoder.safetensors")(images[:6])
    assert (below - eight_bits(toy.synthesis(codes))).abs().max() < 0.05


def test_codes_of_the_encoder_tell_images_apart(trained, toy):
    images, ws = held_out(toy)
    with torch.no_grad():
        codes = load_encoder(trained / "encoder.safetensors")(images)
    found, there = codes.mean(1) - toy.w_avg, ws[:, 0] - toy.w_avg
    likeness = F.cosine_similarity(found[:, None], there, dim=2)  # (16, 16)
    assert (likeness.argmax(1) == torch.arange(16)).sum() >= 7  # by chance it were one


# --- one step -----------------------------------------------------------------------------------


def begin(params, generator=None, say=quiet):
    return Training(params, generator or load_generator(params.generator), say)


def test_terms_and_step_are_those_of_the_equation(quick):
    """The first step of Adam is -lr g / (|g| + eps); g is taken from the equation, by hand."""
    weights = dict(pixels=0.7, features=1.3, offsets=0.4, latent=0.2, adversarial=0.3)
    training = begin(quick(steps=1, batch=4, clean=0.5, lr=0.5, **weights))
    with torch.no_grad():
        training.encoder.offsets.weight.copy_(normal(256, 160) * 0.1)
    training.resume(False)
    encoder, toy = copy.deepcopy(training.encoder), training.generator
    judge = copy.deepcopy(training.discriminator)
    images, ws, known, _ = training.draw(0)
    assert known == 2 and torch.allclose(images[:2], eight_bits(toy.synthesis(ws[:2])))
    codes = encoder(images)
    w, _ = encoder.codes(encoder.gather(encoder.see(images)))
    rendered = toy.synthesis(codes)
    terms = {
        "pixels": (rendered - images).pow(2).mean(),
        "features": load_lpips("vgg", torch.device("cpu"))(rendered, images).mean(),
        "offsets": (codes - w).pow(2).sum(2).mean() / toy.w_std**2,
        "latent": (codes[:2] - ws[:2]).pow(2).sum(2).mean() / toy.w_std**2,
        "adversarial": torch.log1p(torch.exp(-judge(rendered))).mean(),
    }
    sum(weights[name] * value for name, value in terms.items()).backward()
    training.run()
    row = training.history[-1]
    for name, value in terms.items():
        assert row[name] == pytest.approx(value.item(), rel=1e-4), name
    both = F.softplus(judge(rendered.detach())) + F.softplus(-judge(images))
    assert row["discriminator"] == pytest.approx(both.mean().item(), rel=1e-4)
    assert row["r1"] == pytest.approx(r1_penalty(judge, images).item(), rel=1e-3)
    before, after = dict(encoder.named_parameters()), dict(training.encoder.named_parameters())
    for name in encoder.head().keys() - {"w_avg"}:
        change = after[name].detach() - before[name].detach()
        if name.startswith("reduce."):
            assert not change.any(), name
            continue
        gradient, inputs = before[name].grad, 160 if name.startswith("offsets.") else 512
        wanted = -0.5 / inputs * gradient / (gradient.abs() + 1e-8)
        clear = gradient.abs() > 1e-3 * gradient.abs().max()  # of a certain sign
        assert clear.float().mean() > 0.5, name
        off = (change - wanted)[clear].abs() > 0.02 * wanted[clear].abs()
        assert off.float().mean() < 1e-3, name


def test_rates_rise_then_fall_and_are_shared_among_the_inputs(quick):
    training, rates = begin(quick(steps=200, lr=0.5)), []
    for training.step in range(200):
        training._set_rates()
        base, hidden, offsets = (group["lr"] for group in training.optimizer.param_groups)
        assert base == hidden == pytest.approx(offsets * 160 / 512)
        rates.append(base * 512)
    assert rates[0] == pytest.approx(0.5 / 50, rel=1e-3)
    assert rates.index(max(rates)) == 49 and rates[100] == pytest.approx(0.25)
    assert 0 < rates[-1] < 1e-4
    assert rates[:50] == sorted(rates[:50]) and rates[49:] == sorted(rates[49:], reverse=True)


def test_style_inputs_are_unlocked_one_by_one_from_the_coarsest(quick):
    training, unlocked = begin(quick(steps=100, progressive=0.4)), []
    for training.step in range(100):
        training._set_rates()
        unlocked.append(training.encoder.unlocked)
    assert unlocked[:40] == [step // 5 for step in range(40)]
    assert unlocked[40:] == [8] * 60


@pytest.mark.parametrize(("resolution", "sizes"), [(64, [32]), (128, [64, 32]), (256, [128, 64])])
def test_features_are_compared_on_a_random_quarter_and_on_the_whole(quick, resolution, sizes):
    training, seen = begin(quick()), []
    training.resolution = resolution

    def record(images, wanted):
        assert torch.allclose(images, wanted + 1, atol=1e-5)  # the same part of both
        seen.append(images)
        return torch.full((2,), float(len(seen)))

    training._lpips = record
    images = noise(0, n=2, size=resolution)
    distance = training._feature_distance(images + 1, images, seeded())
    assert [x.shape[-1] for x in seen] == sizes
    assert distance.item() == pytest.approx(1 if len(sizes) == 1 else 4 / 3)
    if len(sizes) == 2:
        means = (images + 1).reshape(2, 3, sizes[1], 4, sizes[1], 4).mean((3, 5))
        assert torch.allclose(seen[1], means, atol=1e-5)
    corners = set()
    for seed in range(6):
        seen.clear()
        training._feature_distance(images + 1, images, seeded(seed))
        corners.add(seen[0][0, 0, 0, 0].item())
    assert len(corners) > 3


# --- stopping and going on ----------------------------------------------------------------------

RESUMED = dict(
    steps=6, batch=4, fit_samples=176, lr=0.3, save_every=2, r1_every=3, progressive=0.5, clean=0.5
)


def test_an_interrupted_training_ends_as_one_that_was_not(quick, tmp_path):
    whole = train_encoder(quick(out=str(tmp_path / "whole"), **RESUMED), say=quiet).parent
    params, said = quick(log_every=1, **RESUMED), []

    def interrupt(text):
        if text.startswith("step 5/6"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder(params, say=interrupt)
    out = tmp_path / "run"
    assert read_notes(out / "checkpoint.safetensors")["step"] == 4
    assert not (out / "encoder.safetensors").exists()
    train_encoder(params, say=said.append)
    assert said[0] == "going on from step 4" and not any("fitting" in text for text in said)
    files = [folder / "encoder.safetensors" for folder in (whole, out)]
    assert files[0].read_bytes() == files[1].read_bytes()
    tensors = [load_file(folder / "checkpoint.safetensors") for folder in (whole, out)]
    assert_same(*tensors)
    parts = {name.split(".")[0] for name in tensors[0]}
    assert parts == {"encoder", "discriminator", "adam", "adversary"}
    rows, again = (strict_json(folder / "history.json") for folder in (whole, out))
    for row in (*rows, *again):
        row.pop("seconds")
    assert rows == again and len(rows) == 7
    for step in (0, 2, 4, 6):
        name = f"samples/step_{step:06d}.png"
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_a_training_interrupted_in_the_fit_begins_again(quick, tmp_path):
    def interrupt(text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder(quick(fit_samples=8, steps=0, batch=8), say=interrupt)
    assert not (tmp_path / "run" / "checkpoint.safetensors").exists()
    said = []
    train_encoder(quick(fit_samples=8, steps=0, batch=8), say=said.append)
    assert said == ["fitting w to 8 drawn images in closed form"]


def test_a_finished_training_is_kept(quick, tmp_path):
    first, said = train_encoder(quick(), say=quiet).read_bytes(), []
    rows = strict_json(tmp_path / "run" / "history.json")
    assert train_encoder(quick(), say=said.append).read_bytes() == first
    assert said == ["going on from step 2"]
    assert strict_json(tmp_path / "run" / "history.json") == rows


def test_other_parameters_need_another_folder_or_fresh(quick, tmp_path):
    out = tmp_path / "run"
    first = train_encoder(quick(), say=quiet).read_bytes()
    checkpoint = (out / "checkpoint.safetensors").read_bytes()
    for changes in ({"lr": 0.03}, {"steps": 3}, {"seed": 1}, {"precision": "bf16"}):
        with pytest.raises(ParamsError, match=f"{out} holds .* --fresh"):
            train_encoder(quick(**changes), say=quiet)
    assert (out / "checkpoint.safetensors").read_bytes() == checkpoint
    assert (out / "encoder.safetensors").read_bytes() == first
    assert train_encoder(quick(seed=1), fresh=True, say=quiet).read_bytes() != first
    assert EncoderParams.load(out / "params.yaml") == quick(seed=1)
    assert [row["step"] for row in strict_json(out / "history.json")] == [0, 1, 2]


def test_another_generator_is_another_training(quick, tmp_path):
    train_encoder(quick(steps=0), say=quiet)
    other = save_toy(tmp_path / "toy.safetensors", build_toy(seed=5).state_dict())
    with pytest.raises(ParamsError, match="other parameters"):
        train_encoder(quick(steps=0, generator=str(other)), say=quiet)


def test_what_decides_nothing_may_change(quick, toy_path, tmp_path):
    said = []
    train_encoder(quick(), say=quiet)
    moved = (tmp_path / "run").rename(tmp_path / "elsewhere")
    generator = tmp_path / "renamed.safetensors"
    generator.write_bytes(toy_path.read_bytes())
    train_encoder(quick(out=str(moved), log_every=1, generator=str(generator)), say=said.append)
    assert said == ["going on from step 2"]


def test_a_loss_that_is_not_finite_stops_and_leaves_the_checkpoint(quick, tmp_path):
    params, out = quick(steps=8, lr=1e30), tmp_path / "run"
    with pytest.raises(ParamsError, match=f"loss became .* at step .*{out} is from before.*lr"):
        train_encoder(params, say=quiet)
    notes, tensors = (read(out / "checkpoint.safetensors") for read in (read_notes, load_file))
    assert notes["step"] == 0 and all(x.isfinite().all() for x in tensors.values())
    assert not (out / "encoder.safetensors").exists()
    assert [row["step"] for row in strict_json(out / "history.json")] == [0]
    training = begin(params)
    training.resume(False)
    assert training.step == 0


@pytest.mark.parametrize("save_every", [1, 100])
def test_diverging_overwrites_no_checkpoint_and_publishes_nothing(quick, tmp_path, save_every):
    with pytest.raises(ParamsError, match="the training diverged"):
        train_encoder(quick(steps=1, lr=1e30, save_every=save_every), say=quiet)
    assert read_notes(tmp_path / "run" / "checkpoint.safetensors")["step"] == 0
    assert not (tmp_path / "run" / "encoder.safetensors").exists()


def test_a_damaged_checkpoint_is_said_and_fresh_starts_over(quick, tmp_path):
    params, path = quick(steps=1), tmp_path / "run" / "checkpoint.safetensors"
    train_encoder(params, say=quiet)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ParamsError, match=r"is damaged .*start over with --fresh"):
        train_encoder(params, say=quiet)
    notes, tensors = {"ganinv": json.dumps(_notes_of(whole, tmp_path))}, load(whole)
    save_file({k: x for k, x in tensors.items() if k != "encoder.base.bias"}, path, metadata=notes)
    with pytest.raises(ParamsError, match="it lacks base.bias of the encoder"):
        train_encoder(params, say=quiet)
    train_encoder(params, fresh=True, say=quiet)
    assert read_notes(path)["step"] == 1


def _notes_of(data, folder):
    copy = folder / "whole.safetensors"
    copy.write_bytes(data)
    return read_notes(copy)


def test_fresh_leaves_nothing_of_the_training_before(quick, tmp_path, monkeypatch):
    train_encoder(quick(steps=2, save_every=1), say=quiet)

    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "fit", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_encoder(quick(steps=1), fresh=True, say=quiet)
    assert {p.name for p in (tmp_path / "run").rglob("*") if p.is_file()} == {"params.yaml"}
    monkeypatch.undo()
    train_encoder(quick(steps=1), say=quiet)


@pytest.mark.parametrize("count", [4, 8, 64])
def test_few_images_for_the_closed_form_do_not_blow_up(quick, tmp_path, count):
    path = train_encoder(quick(fit_samples=count, batch=4, steps=2), say=quiet)
    assert all(x.isfinite().all() for x in load_file(path).values())
    last = strict_json(tmp_path / "run" / "history.json")[-1]
    assert last["held_out_error"] < 3


def test_without_a_closed_form_the_start_is_the_mean_of_w(quick, toy, tmp_path):
    path = train_encoder(quick(fit_samples=0, steps=0), say=quiet)
    codes = load_encoder(path)(noise(0))
    assert (codes - toy.w_avg).abs().max() < 1e-3  # half precision
    first = strict_json(tmp_path / "run" / "history.json")[0]
    assert first["held_out_error"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("changes", [{"clean": 1.0}, {"clean": 0.9}, {"clean": 0.25, "batch": 2}])
def test_any_share_may_be_left_as_drawn(quick, tmp_path, changes):
    train_encoder(quick(steps=1, **changes), say=quiet)
    assert "latent" in strict_json(tmp_path / "run" / "history.json")[-1]


def test_steps_0_publishes_the_start(quick, tmp_path):
    path = train_encoder(quick(steps=0), say=quiet)
    codes = load_encoder(path)(noise(0))
    assert torch.equal(codes, codes[:, :1].expand_as(codes))
    assert strict_json(tmp_path / "run" / "card.json")["steps"] == 0


# --- on from an earlier encoder -----------------------------------------------------------------


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
    training = begin(
        quick(start=earlier, steps=100, progressive=0.9), load_generator(quick().generator)
    )
    training._set_rates()
    assert training.encoder.unlocked == training.encoder.num_ws


def test_a_training_from_before_starts_existed_is_gone_on_with(quick, tmp_path):
    train_encoder(quick(steps=1), say=quiet)
    path = tmp_path / "run" / "checkpoint.safetensors"
    notes = read_notes(path)
    del notes["params"]["start"]
    save_file(load_file(path), path, metadata={"ganinv": json.dumps(notes)})
    said = []
    train_encoder(quick(steps=1), say=said.append)
    assert any("going on from step 1" in text for text in said)


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


# --- choices ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "absent", "present"),
    [
        ({"adversarial": 0}, {"adversarial", "discriminator", "r1"}, {"latent"}),
        ({"latent": 0}, {"latent"}, {"adversarial", "discriminator"}),
        ({"clean": 0}, {"latent"}, {"adversarial", "r1"}),
        ({"change": 0, "mixing": 1}, set(), {"latent", "adversarial"}),
        ({"pixels": 0, "features": 0, "offsets": 0}, set(), {"pixels", "features", "offsets"}),
        ({"truncation_min": 0, "truncation_max": 0}, set(), {"latent"}),
        ({"discriminator_resolution": 8, "r1_gamma": 0}, set(), {"discriminator", "r1"}),
    ],
    ids=str,
)
def test_every_choice_trains(quick, tmp_path, changes, absent, present):
    path = train_encoder(quick(**dict(batch=4, clean=0.5) | changes), say=quiet)
    rows = strict_json(tmp_path / "run" / "history.json")
    noted = set().union(*rows)
    assert rows[-1]["step"] == 2 and present <= noted and not absent & noted
    assert load_encoder(path)(noise(0)).isfinite().all()


def test_without_the_adversary_it_learns_nothing(quick):
    for weight in (0, 0.1):
        training = begin(quick(adversarial=weight))
        before = copy.deepcopy(training.discriminator.state_dict())
        training.resume(fresh=True)
        training.run()
        after = training.discriminator.state_dict()
        same = [torch.equal(before[name], after[name]) for name in before]
        assert all(same) if not weight else not any(same)


def test_photographs_are_mixed_in(quick, tmp_path, make_photo, unaligned, monkeypatch):
    folder = tmp_path / "photos"
    for seed in range(3):
        make_photo(folder / f"{seed}.png", seed=seed)
    params = quick(batch=6, clean=0.5, photographs=str(folder), photograph_share=0.4)
    train_encoder(params, say=quiet)
    assert strict_json(tmp_path / "run" / "card.json")["photographs"] == 3
    monkeypatch.setattr(draws, "change", lambda images, rng, share: images)
    training = begin(params)
    images, ws, known, _ = training.draw(7)
    assert images.shape == (6, 3, 32, 32) and ws.shape == (6, 8, 32) and known == 2
    photographs = [load_image(path, 32) for path in sorted(folder.iterdir())]
    is_photograph = [any(torch.equal(x, y) for y in photographs) for x in images]
    assert is_photograph == [False] * 3 + [True] * 3
    with torch.no_grad():
        drawn = eight_bits(training.generator.synthesis(ws[:3]))
    assert (images[:3] - drawn).abs().max() < 0.01


def test_batches_depend_on_the_step_and_the_seed_alone(quick):
    training, other = begin(quick()), begin(quick(seed=1))
    first, again = training.draw(3), begin(quick()).draw(3)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[1], training.draw(4)[1])
    assert not torch.equal(first[1], other.draw(3)[1])
    assert not torch.equal(training.held_out, other.held_out)


def test_training_leaves_the_generator_and_the_global_seed_alone(quick):
    generator, torch_state = build_toy(), torch.get_rng_state()
    before = {name: x.clone() for name, x in generator.state_dict().items()}
    training = begin(quick(batch=4, fit_samples=176), generator)
    training.resume(False)
    training.run()
    training.publish()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert_same(generator.state_dict(), before)
    assert all(p.grad is None and not p.requires_grad for p in generator.parameters())


def test_progress_is_told_every_so_often(quick):
    said = []
    train_encoder(quick(steps=4, log_every=2, batch=4, clean=0.5), say=said.append)
    assert [text.split()[1] for text in said] == ["2/4", "4/4"]
    assert all("loss" in text and "latent" in text for text in said)


# --- the command --------------------------------------------------------------------------------


def cli(*argv):
    """Run the program in this process; return its exit status."""
    with warnings.catch_warnings(), pytest.raises(SystemExit) as stopped:
        main([str(word) for word in argv])
    return stopped.value.code


@pytest.fixture
def words(quick, tmp_path):
    """The words of a training of one step, and where it goes."""
    settings = quick(steps=1).model_dump(exclude={"out", "device", "photographs", "start"})
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    return ["train-encoder", *sets, "--device", "cpu", "--out", tmp_path / "run"]


def test_command_trains_and_prints_the_file(words, tmp_path, capsys):
    assert cli(*words) == 0
    path = tmp_path / "run" / "encoder.safetensors"
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    assert load_encoder(path).num_ws == 8
    assert cli(*words) == 0
    assert "going on from step 1" in capsys.readouterr().out
    assert cli(*words, "--set", "seed=1") == 2
    assert "--fresh" in capsys.readouterr().err
    assert cli(*words, "--set", "seed=1", "--fresh") == 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "step=3"], "did you mean steps"),
        (["--set", "batch=1"], "batch"),
        (["--set", "lr=fast"], "lr"),
        (["--set", "truncation_min=2"], "truncation_min"),
        (["--params", "absent.yaml"], "absent.yaml"),
        (["--device", "tpu"], "device"),
        (["--set", "photographs=absent"], "no usable image in absent"),
        (["sample:hopper"], "sample:hopper"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_used_are_2(words, tmp_path, capsys, more, said):
    assert cli(*words, *more) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_a_generator_that_is_not_there_is_1(words, tmp_path, capsys):
    assert cli(*words, "--set", f"generator={tmp_path / 'absent.safetensors'}") == 1
    assert "absent.safetensors" in capsys.readouterr().err
    with pytest.raises(WeightsError):
        load_generator(tmp_path / "absent.safetensors")

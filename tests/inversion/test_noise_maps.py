"""Noise maps that a search moves."""

import functools

import pytest
import torch
import torch.nn.functional as F

from ganinv.inversion.latent_files import save_latent
from ganinv.inversion.noise_maps import autocorrelation, draw_maps, normalize, strengthened
from ganinv.seeds import image_rng
from helpers.searches import search as quick_search

search = functools.partial(quick_search, steps=30)


@pytest.mark.parametrize(("size", "sizes"), [(4, 1), (8, 1), (16, 2), (64, 4)])
def test_penalty_of_a_constant_map_by_hand(size, sizes):
    maps = {"a": torch.full((1, 1, size, size), 0.5)}
    assert autocorrelation(maps).item() == pytest.approx(2 * 0.25**2 * sizes)


def test_penalty_of_a_chessboard_is_all_at_full_size():
    line = torch.arange(16)
    board = ((line[:, None] + line) % 2 * 2 - 1).float()[None, None]
    assert autocorrelation({"a": board}).item() == pytest.approx(2.0)


def test_penalty_is_small_for_noise_and_large_for_a_picture():
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    smooth = {"a": F.avg_pool2d(noise, 5, 1, 2)}
    normalize(smooth)
    assert autocorrelation({"a": noise}) < 0.01 < 1 < autocorrelation(smooth)


def test_maps_are_brought_back_to_mean_0_and_spread_1():
    maps = {"a": torch.arange(64.0).view(1, 1, 8, 8), "b": torch.randn(1, 1, 4, 4) * 7 - 2}
    normalize(maps)
    for x in maps.values():
        assert x.mean().item() == pytest.approx(0, abs=1e-6)
        assert x.square().mean().item() == pytest.approx(1, abs=1e-5)


def test_maps_are_drawn_by_their_rng_and_as_strong_as_stored_ones(toy):
    one, two = (draw_maps(toy, image_rng(0, "x")) for _ in range(2))
    stored = toy.noise_maps()
    assert one.keys() == stored.keys()
    for name, x in strengthened(one, toy).items():
        assert torch.equal(one[name], two[name]) and x.shape == stored[name].shape
        assert x.std().item() == pytest.approx((one[name].std() * stored[name].std()).item())


def test_optimized_maps_come_nearer_and_belong_to_the_result(toy, toy_images):
    target = toy_images[0][0]
    plain = search(toy, target)
    run = search(toy, target, noise_maps="optimized", noise_regularizer=0.0, steps=100)
    drawn = draw_maps(toy, image_rng(0, "/search"))  # what it began with
    with torch.no_grad():
        before = toy.synthesis(run.latent[None], strengthened(drawn, toy))[0]
    error, earlier = ((x - run.target).square().mean() for x in (run.image, before))
    assert error < 0.8 * earlier
    assert plain.noise == {} and run.noise.keys() == toy.noise_maps().keys()
    with torch.no_grad():
        assert torch.equal(run.image, toy.synthesis(run.latent[None], run.noise)[0])
        assert not torch.equal(run.image, toy.synthesis(run.latent[None])[0])
    for name, x in run.noise.items():
        assert x.mean().abs() < 1e-5
        assert x.square().mean().sqrt().item() == pytest.approx(toy.noise_maps()[name].std().item())
    assert all(row["loss"] == row["l2"] and row["noise"] >= 0 for row in run.history)


def test_dropped_maps_leave_the_generators_own_to_the_result(toy, toy_images):
    run = search(toy, toy_images[0][0], noise_maps="dropped")
    assert run.noise == {}
    with torch.no_grad():
        assert torch.equal(run.image, toy.synthesis(run.latent[None])[0])
    kept = search(toy, toy_images[0][0], noise_maps="optimized")
    assert torch.equal(run.latent, kept.latent) and not torch.equal(run.image, kept.image)


def test_a_heavier_penalty_keeps_maps_freer_of_pictures(toy, toy_images):
    penalties = []
    for weight in (0.0, 1e5):
        run = search(toy, toy_images[0][0], noise_maps="optimized", noise_regularizer=weight)
        maps = {name: x.clone() for name, x in run.noise.items() if x.shape[2] >= 16}
        normalize(maps)
        penalties.append(autocorrelation(maps).item())
    assert penalties[1] < penalties[0] / 2


def test_random_choices_repeat_and_depend_on_the_image(toy, toy_images):
    changes = dict(noise_maps="optimized", noise_injection=0.1, steps=6)
    runs = [search(toy, toy_images[0][0], image_id=name, **changes) for name in ("a", "a", "b")]
    assert torch.equal(runs[0].image, runs[1].image)
    assert not torch.equal(runs[0].image, runs[2].image)


def test_a_search_goes_on_from_saved_maps(toy, toy_images, tmp_path):
    first = search(toy, toy_images[0][0], noise_maps="optimized")
    path = tmp_path / "latent.safetensors"
    save_latent(path, first.latent, toy, first.noise)
    same = search(toy, toy_images[0][0], init=str(path), noise_maps="optimized", steps=1)
    assert same.history[0]["loss"] == pytest.approx(first.best_loss, rel=1e-4)
    with pytest.warns(UserWarning, match="noise_maps: stored leaves out"):
        other = search(toy, toy_images[0][0], init=str(path), steps=1)
    assert abs(other.history[0]["loss"] / first.best_loss - 1) > 0.01


def test_maps_of_another_generator_are_refused(toy, toy_images, tmp_path):
    maps = draw_maps(toy, image_rng(0, "x"))
    maps.popitem()
    path = tmp_path / "latent.safetensors"
    save_latent(path, toy.w_avg.expand(8, -1), toy, maps)
    with pytest.raises(ValueError, match="do not fit the generator"):
        search(toy, toy_images[0][0], init=str(path), noise_maps="optimized")

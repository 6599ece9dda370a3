"""The protocol that generators meet: W's mean and spread, truncation, noise, gradients."""

import copy

import numpy as np
import pytest
import torch

from ganinv.generators.base import measure_w
from helpers.toys import build_toy

# --- mapping and truncation ---------------------------------------------------------------------


def test_truncation_runs_from_the_mean_to_w(toy):
    z = torch.randn(3, toy.z_dim, generator=torch.Generator().manual_seed(5))
    full = toy.mapping(z, truncation=1.0)
    assert torch.equal(full, toy.mapping(z))
    none = toy.mapping(z, truncation=0.0)
    assert torch.allclose(none, toy.w_avg.expand_as(none), atol=1e-6)
    part = toy.mapping(z, truncation=0.7)
    assert torch.allclose(part, toy.w_avg + 0.7 * (full - toy.w_avg), atol=1e-6)
    assert (full - none).abs().max() > 0.1


def test_mapping_sees_the_direction_of_z_only(toy):
    z = torch.randn(3, toy.z_dim, generator=torch.Generator().manual_seed(5))
    assert torch.allclose(toy.mapping(z), toy.mapping(3 * z), atol=1e-5)


def test_mapping_gives_equal_rows_of_the_stated_shape(toy):
    ws = toy.mapping(torch.randn(3, toy.z_dim))
    assert ws.shape == (3, toy.num_ws, toy.w_dim)
    assert torch.equal(ws, ws[:, :1].expand_as(ws))


def test_labels_are_refused_by_a_generator_without_classes(toy):
    with pytest.raises(ValueError, match="label"):
        toy.mapping(torch.zeros(1, toy.z_dim), c=torch.zeros(1, 2))


def test_mean_and_spread_of_w_match_a_direct_count(toy):
    z = torch.randn(10_000, toy.z_dim, generator=torch.Generator().manual_seed(0))
    w = toy.mapping(z)[:, 0].numpy().astype(np.float64)
    mean = w.mean(0)
    assert np.allclose(toy.w_avg.numpy(), mean, atol=1e-5)
    spread = np.sqrt(((w - mean) ** 2).sum(1).mean())
    assert toy.w_std.item() == pytest.approx(spread, rel=1e-5)


def test_mean_of_w_ignores_the_global_seed(toy):
    again = copy.deepcopy(toy)
    again.w_avg.zero_()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        measure_w(again)
    assert torch.equal(again.w_avg, toy.w_avg) and torch.equal(again.w_std, toy.w_std)


# --- synthesis ----------------------------------------------------------------------------------


def test_generator_meets_the_protocol(toy):
    assert (toy.resolution, toy.z_dim, toy.w_dim, toy.num_ws) == (32, 32, 32, 8)
    assert toy.w_avg.shape == (32,) and toy.w_std.shape == ()
    assert toy.styled and toy.device == torch.device("cpu")
    images = toy.synthesis(toy.mapping(torch.randn(2, 32)))
    assert images.shape == (2, 3, 32, 32) and images.dtype == torch.float32


def test_constant_noise_gives_the_same_bits(toy, toy_images):
    _, ws = toy_images
    images = toy.synthesis(ws)  # not the fixture's: a search changes the toy's memory format
    assert torch.equal(toy.synthesis(ws, noise="const"), images)  # and it is the default


def test_no_noise_is_what_noise_maps_of_zero_give(toy, toy_images):
    images, ws = toy_images
    plain = toy.synthesis(ws, noise="none")
    assert (plain - images).abs().max() > 0.01
    silent = copy.deepcopy(toy)
    for name, buffer in silent.named_buffers():
        if name.endswith("noise"):
            buffer.zero_()
    assert torch.equal(silent.synthesis(ws, noise="const"), plain)


def test_random_noise_differs_between_calls_and_images(toy, toy_images):
    _, ws = toy_images
    twice = ws[:1].expand(2, -1, -1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = toy.synthesis(twice, noise="random"), toy.synthesis(twice, noise="random")
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("noise", ["constant", "", None, True])
def test_unknown_noise_is_refused(toy, toy_images, noise):
    with pytest.raises(ValueError, match="noise"):
        toy.synthesis(toy_images[1], noise=noise)


def test_a_batch_gives_what_each_image_gives_alone(toy, toy_images):
    images, ws = toy_images
    for image, one in zip(images, ws, strict=True):
        assert torch.allclose(toy.synthesis(one[None])[0], image, atol=1e-5)


def test_gradient_to_ws_matches_finite_differences(toy, toy_images, monkeypatch):
    # the image is rounded to float32 at the end, which hides what differences of 1e-6 show
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    double = copy.deepcopy(toy).double()
    rng = torch.Generator().manual_seed(0)
    probe = torch.randn(3, 32, 32, generator=rng, dtype=torch.float64)
    ws = toy_images[1][:1].double().requires_grad_(True)

    def value(ws):
        return (double.synthesis(ws)[0] * probe).sum()

    (gradient,) = torch.autograd.grad(value(ws), ws)
    used = gradient.abs().amax(2)[0] > 0
    assert used.tolist() == [True, True, True, False, True, True, False, True]  # 3, 6: no such head
    step = 1e-6
    for _ in range(10):
        direction = torch.randn(ws.shape, generator=rng, dtype=torch.float64)
        with torch.no_grad():
            slope = (value(ws + step * direction) - value(ws - step * direction)) / (2 * step)
        assert slope.item() == pytest.approx((gradient * direction).sum().item(), rel=1e-5)


def test_toys_of_two_seeds_differ(toy, toy_images):
    """The fixtures are no constant: what is compared above can differ."""
    assert not torch.equal(build_toy(3).synthesis(toy_images[1]), toy_images[0])

"""Starts of a search: the mean of W, random draws, saved latents, an encoder's codes."""

import functools

import pytest
import torch
from safetensors.torch import save_file

from helpers.latents import start, write_latent
from helpers.searches import search as quick_search
from helpers.toys import draw_image

search = functools.partial(quick_search, steps=8)


# --- mean_w and random ---


@pytest.mark.parametrize("space", ["w", "w+"])
def test_mean_w_starts_at_the_mean(toy, space):
    latent = start(toy, space)
    assert torch.equal(latent, toy.w_avg.expand_as(latent))


def test_random_start_is_a_mapped_draw(toy):
    """The start is G's own w of a normal z, so it lies at W's usual distance from the mean."""
    latents = torch.cat([start(toy, "w", "random", image_id=str(i)) for i in range(300)])
    assert torch.allclose(latents.mean(0), toy.w_avg, atol=0.3)
    spread = (latents - toy.w_avg).square().sum(1).mean().sqrt()
    assert spread.item() == pytest.approx(toy.w_std.item(), rel=0.1)


def test_random_start_depends_on_seed_and_image_alone(toy):
    first = start(toy, "w+", "random", seed=0, image_id="a")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(123)
        start(toy, "w+", "random", seed=0, image_id="b")
        again = start(toy, "w+", "random", seed=0, image_id="a")
    assert torch.equal(first, again)
    assert torch.allclose(first[:1], start(toy, "w", "random", seed=0, image_id="a"), atol=1e-6)
    assert not torch.equal(first, start(toy, "w+", "random", seed=1, image_id="a"))
    assert not torch.equal(first, start(toy, "w+", "random", seed=0, image_id="b"))


def test_random_start_is_drawn_from_z(dcgan):
    _, image = draw_image(dcgan)
    runs = [
        search(dcgan, image, space="z", init="random", seed=seed, steps=0) for seed in (0, 0, 1)
    ]
    assert torch.equal(runs[0].latent, runs[1].latent)
    assert not torch.equal(runs[0].latent, runs[2].latent)


# --- restarts: a start moved by a share of w_std ---


@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_spread_moves_the_start_by_its_share_of_w_std(toy, space):
    """The mean of W is one row, moved as one; lengths of normal steps are a few percent apart."""
    latents = [start(toy, space, spread=0.01, seed=seed) for seed in range(100)]
    lengths = torch.stack([(x - toy.w_avg).norm(dim=1).mean() for x in latents])
    assert lengths.square().mean().sqrt().item() == pytest.approx(0.01 * toy.w_std.item(), rel=0.05)
    assert all(torch.equal(x, x[:1].expand_as(x)) for x in latents)


def test_restarts_differ_by_seed_alone(toy):
    first = start(toy, "w+", spread=0.01, seed=1, image_id="a")
    assert torch.equal(first, start(toy, "w+", spread=0.01, seed=1, image_id="a"))
    for other in ({"seed": 2}, {"image_id": "b"}):
        changed = {"seed": 1, "image_id": "a"} | other
        assert not torch.equal(first, start(toy, "w+", spread=0.01, **changed))
    assert torch.equal(start(toy, "w+", seed=1), start(toy, "w+", seed=2))


def test_a_search_begins_at_the_moved_start(toy):
    _, image = draw_image(toy)
    latents = [
        search(toy, image, space="w", steps=0, init_spread=0.01, seed=seed, image_id="a").latent
        for seed in (0, 0, 1)
    ]
    assert torch.equal(latents[0], latents[1])
    assert not torch.equal(latents[0], latents[2])
    assert not torch.equal(latents[0][0], toy.w_avg)


def test_a_spread_comes_on_top_of_a_drawn_start(toy):
    plain, moved = (start(toy, "w", "random", seed=3, spread=x) for x in (0.0, 0.5))
    assert 0 < (moved - plain).norm().item() < 2 * 0.5 * toy.w_std.item()


# --- saved latents ---


def test_saved_rows_are_averaged_in_w(toy, tmp_path):
    saved = torch.randn(8, 32)
    path = write_latent(tmp_path / "latent.safetensors", saved)
    assert torch.allclose(start(toy, "w", path), saved.mean(0, keepdim=True), atol=1e-6)


def test_one_saved_row_serves_every_style_input(toy, tmp_path):
    saved = torch.randn(1, 32)
    path = write_latent(tmp_path / "latent.safetensors", saved)
    assert torch.equal(start(toy, "w+", path), saved.expand(8, -1))
    assert torch.equal(start(toy, "w", path), saved)


def test_saved_latent_renders_its_image_at_step_zero(toy, toy_images, tmp_path):
    images, ws = toy_images
    path = write_latent(tmp_path / "latent.safetensors", ws[2].contiguous())
    run = search(toy, images[2], space="w+", init=path, steps=0)
    assert torch.equal(run.latent, ws[2])
    assert torch.allclose(run.image, images[2], atol=1e-5)


@pytest.mark.parametrize("shape", [(32,), (7, 32), (8, 31), (1, 8, 32), (2, 32), (0, 32)])
@pytest.mark.parametrize("space", ["w", "w+"])
def test_latent_of_another_shape_is_refused(toy, tmp_path, shape, space):
    path = write_latent(tmp_path / "latent.safetensors", torch.zeros(shape))
    with pytest.raises(ValueError, match="shape"):
        start(toy, space, path)


def test_absent_latent_is_refused(toy, tmp_path):
    with pytest.raises(ValueError, match="no file"):
        start(toy, "w+", str(tmp_path / "absent.safetensors"))
    with pytest.raises(ValueError, match="mean_w"):
        start(toy, "w+", "mean")


def test_latent_of_a_result_can_be_saved_and_continued(toy, toy_images, tmp_path):
    first = search(toy, toy_images[0][0], space="w+", steps=30)
    path = tmp_path / "latent.safetensors"
    save_file({"latent": first.latent}, path)
    second = search(toy, toy_images[0][0], space="w+", init=str(path), steps=30)
    assert second.history[0]["loss"] == pytest.approx(first.best_loss, rel=1e-4)
    assert second.best_loss < first.best_loss


# --- encoders ---


def test_start_at_an_encoder_needs_one(toy, toy_images):
    with pytest.raises(ValueError, match="encoder"):
        search(toy, toy_images[0][0], space="w+", init="encoder")


def test_encoder_sees_the_target_and_its_codes_are_the_start(toy, toy_images):
    images, ws = toy_images
    seen = []

    def encoder(batch):
        seen.append(batch)
        return ws[3:4]

    run = search(toy, images[3], space="w+", init="encoder", encoder=encoder, steps=0)
    assert torch.equal(run.latent, ws[3])
    (batch,) = seen
    assert batch.shape == (1, 3, 32, 32)
    assert torch.allclose(batch[0], images[3], atol=1 / 127)  # the 8-bit target


def test_search_starts_at_the_encoders_codes(toy, toy_images):
    images, ws = toy_images
    first = dict(space="w+", steps=1)
    near = search(toy, images[3], init="encoder", encoder=lambda batch: ws[3:4], **first)
    far = search(toy, images[3], **first)
    assert near.history[0]["loss"] < far.history[0]["loss"] / 100


def test_codes_that_need_gradients_do_not_leak_into_the_search(toy, toy_images):
    images, ws = toy_images
    weight = torch.ones(1, requires_grad=True)
    run = search(toy, images[3], space="w", init="encoder", encoder=lambda batch: ws[3:4] * weight)
    assert weight.grad is None
    assert not run.latent.requires_grad


def test_codes_of_another_generator_are_refused(toy, toy_images):
    with pytest.raises(ValueError, match="codes"):
        search(
            toy,
            toy_images[0][0],
            space="w+",
            init="encoder",
            encoder=lambda batch: torch.zeros(1, 18, 512),
        )

"""Spaces: W, W+ and Z."""

import functools

import pytest
import torch

from ganinv.inversion.spaces import SPACES
from helpers.latents import start
from helpers.searches import search as quick_search
from helpers.toys import draw_image

search = functools.partial(quick_search, steps=8)


# --- W and W+ ---


@pytest.mark.parametrize("init", ["mean_w", "random"])
@pytest.mark.parametrize(("space", "rows"), [("w", 1), ("w+", 8)])
def test_a_space_is_the_shape_of_what_is_optimized(toy, space, rows, init):
    latent = start(toy, space, init)
    assert latent.shape == (rows, 32)
    assert SPACES[space].to_ws(latent, toy).shape == (8, 32)
    assert not latent.requires_grad


def test_w_plus_rows_have_memory_of_their_own(toy):
    latent = start(toy, "w+")
    latent[0] += 1
    assert torch.equal(latent[1], toy.w_avg)
    assert torch.equal(start(toy, "w+")[0], toy.w_avg)  # nor is it the generator's own buffer


def test_search_in_w_gives_equal_rows(toy, toy_images):
    latent = search(toy, toy_images[0][0], space="w").latent
    assert latent.shape == (8, 32)
    assert torch.equal(latent, latent[:1].expand_as(latent))
    assert not torch.allclose(latent[0], toy.w_avg)


def test_search_in_w_plus_gives_rows_that_differ(toy, toy_images):
    """Fails where W+ is W, as it is in a well-known implementation."""
    latent = search(toy, toy_images[0][0], space="w+").latent
    assert latent.shape == (8, 32)
    used = latent[[0, 1, 2, 4, 5, 7]]  # the student lacks the image heads of rows 3 and 6
    for i in range(len(used)):
        for j in range(i):
            assert (used[i] - used[j]).abs().max() > 0.01
    assert torch.equal(latent[[3, 6]], toy.w_avg.expand(2, -1))


def test_w_plus_reaches_what_w_cannot(toy, toy_images):
    _, ws = toy_images
    mixed = torch.cat([ws[0, :4], ws[1, 4:]])[None]  # two styles: outside W
    target = toy.synthesis(mixed)[0]
    in_w = search(toy, target, space="w", steps=100).best_loss
    in_w_plus = search(toy, target, space="w+", steps=100).best_loss
    assert in_w_plus < in_w / 5


def test_unknown_space_is_refused(toy):
    with pytest.raises(ValueError, match="space"):
        start(toy, "w++")


# --- Z ---


def test_loaded_generator_offers_z_alone(dcgan):
    assert not dcgan.styled
    assert not dcgan.training and not any(p.requires_grad for p in dcgan.parameters())
    assert (dcgan.num_ws, dcgan.w_dim) == (1, 16) and not dcgan.w_avg.any()
    assert dcgan.w_std.item() == pytest.approx(4.0)
    z, _ = draw_image(dcgan)
    assert torch.equal(dcgan.mapping(z), z[:, None])


def test_search_in_z_finds_an_image_of_the_generator(dcgan):
    z, image = draw_image(dcgan)
    start = search(dcgan, image, space="z", steps=0)
    assert not start.latent.any()  # the mean of Z
    found = search(dcgan, image, space="z", steps=80)
    assert found.latent.shape == (1, 16)
    assert found.metrics["psnr"] > start.metrics["psnr"] + 10
    assert (found.latent - z).norm() < 0.5 * z.norm()


@pytest.mark.parametrize("space", ["w", "w+"])
def test_asking_for_another_space_says_which_there_is(dcgan, space):
    with pytest.raises(ValueError, match=rf"has no space {space.replace('+', r'.')}; it offers z"):
        search(dcgan, draw_image(dcgan)[1], space=space, steps=80)


def test_style_generators_have_no_z(toy, toy_images):
    with pytest.raises(ValueError, match="no space z; it offers w, w\\+"):
        search(toy, toy_images[0][0], space="z", steps=80)

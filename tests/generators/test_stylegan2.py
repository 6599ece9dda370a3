"""StyleGAN2 against a second derivation; its mapping, its sizes and its rows."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.generators.base import freeze
from ganinv.generators.stylegan2 import Style, StyledConv, StyleGAN2, ToRGB
from helpers.networks import (
    ARCHITECTURES,
    SMALL,
    assert_close,
    distance,
    random_stylegan2,
    random_ws,
)
from helpers.plain_synthesis import assert_matches_plain_synthesis, random_maps

# --- the second derivation ----------------------------------------------------------------------


@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_values_and_gradients_match_the_second_derivation(architecture, clamp):
    generator = random_stylegan2(architecture=architecture, conv_clamp=clamp)
    ws, maps = random_ws(generator, 3), random_maps(generator, 3)
    assert_matches_plain_synthesis(generator, ws, maps)
    images = generator.synthesis(ws, maps)
    assert distance(images[:1], images[1:2]) > 0.1  # or the images' own ws were not seen


@torch.no_grad()
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_clamp_of_these_tests_cuts(architecture):
    generator = random_stylegan2(architecture=architecture, conv_clamp=1.0)
    shares = []

    def count(layer, _, x):
        limit = layer.clamp * getattr(layer, "gain", 1)
        assert x.abs().max() == pytest.approx(limit)
        shares.append((x.abs() > 0.9999 * limit).float().mean().item())

    for layer in generator.modules():
        if isinstance(layer, (StyledConv, ToRGB)):
            layer.register_forward_hook(count)
    generator.synthesis(random_ws(generator, 3))
    assert len(shares) == (11 if architecture == "skip" else 8)
    assert min(shares) > 0.01 and max(shares) < 0.8


@torch.no_grad()
def test_grey_images_are_the_same_in_every_channel():
    generator = random_stylegan2(img_channels=1)
    ws = random_ws(generator, 2)
    images = generator.synthesis(ws)
    assert images.shape == (2, 3, 32, 32) and images.std() > 0.1
    assert torch.equal(images, images[:, :1].expand(-1, 3, -1, -1))
    assert generator.head(ws, 8).image.shape == (2, 1, 8, 8)


@torch.no_grad()
def test_transparent_images_lie_on_white():
    """Their colours, and their alpha by itself, are those of networks with parts of the heads."""
    generator, parts = random_stylegan2(img_channels=4), {}
    for channels, rows in ((3, slice(0, 3)), (1, slice(3, 4))):
        state = {
            name: x[rows] if "to_rgb.weight" in name or "to_rgb.bias" in name else x
            for name, x in generator.state_dict().items()
        }
        parts[channels] = random_stylegan2(img_channels=channels)
        parts[channels].load_state_dict(state)
        parts[channels].prepare()
    ws = random_ws(generator, 2)
    colour, alpha = (parts[channels].synthesis(ws).double().numpy() for channels in (3, 1))
    alpha = np.clip((alpha + 1) / 2, 0, 1)
    assert 0.1 < alpha.mean() < 0.9 and alpha.min() == 0 and alpha.max() == 1
    wanted = alpha * colour + (1 - alpha)
    assert_close(generator.synthesis(ws), torch.from_numpy(wanted).float(), 1e-5)


@pytest.mark.parametrize("images", [0, 2, 5])
def test_other_numbers_of_channels_are_refused(images):
    with pytest.raises(ValueError, match="1, 3 or 4"):
        random_stylegan2(img_channels=images)


@st.composite
def networks(draw):
    mapping = draw(st.lists(st.integers(1, 12), min_size=1, max_size=2))
    return dict(
        channels=draw(st.lists(st.integers(1, 12), min_size=4, max_size=6)),
        z_dim=draw(st.integers(1, 12)),
        mapping=mapping,
        architecture=draw(st.sampled_from(ARCHITECTURES)),
        conv_clamp=draw(st.sampled_from([None, 1.5])),
    )


@settings(max_examples=15, deadline=None)
@given(networks(), st.integers(1, 3), st.integers(0, 99))
def test_any_widths_and_sizes_match_the_second_derivation(config, count, seed):
    generator = random_stylegan2(seed, **config)
    ws, maps = random_ws(generator, count, seed), random_maps(generator, count, seed)
    assert_matches_plain_synthesis(generator, ws, maps)


def test_narrow_256_matches_the_second_derivation():
    generator = random_stylegan2(channels=[8, 8, 8, 6, 4, 4, 3])
    assert (generator.resolution, generator.num_ws) == (256, 14)
    assert_matches_plain_synthesis(generator, random_ws(generator, 1), random_maps(generator, 1))


@torch.no_grad()
@pytest.mark.parametrize("clamp", [None, 1.0])
def test_a_residual_block_is_half_of_two_paths(clamp):
    """Of two summands of equal size each is scaled by sqrt(1/2), which keeps the size."""
    blocks = {}
    for architecture in ("resnet", "orig"):
        blocks[architecture] = random_stylegan2(architecture=architecture, conv_clamp=clamp).blocks[
            1
        ]
    skip = blocks["resnet"].skip.weight
    blocks["orig"].load_state_dict(
        {name: x for name, x in blocks["resnet"].state_dict().items() if "skip" not in name}
    )
    for block in blocks.values():
        block.conv0.prepare()
        block.conv1.prepare()
    x, ws = torch.randn(2, 24, 4, 4), torch.randn(2, 2, 20)
    inputs = x, None, ws, [torch.randn(1, 1, 8, 8), torch.randn(2, 1, 8, 8)]
    got, image = blocks["resnet"](*inputs)
    straight, _ = blocks["orig"](*inputs)
    wide = F.interpolate(F.pad(F.conv2d(x, skip), [1] * 4), scale_factor=2, mode="bilinear")
    assert image is None
    assert_close(got, (straight + wide[..., 2:-2, 2:-2]) * math.sqrt(0.5), 1e-5)


# --- mapping, shapes, preparation ---------------------------------------------------------------


def test_conditional_mapping_by_hand():
    generator = random_stylegan2(c_dim=3, c_embed=5)
    z, c = torch.randn(4, 16), torch.eye(3)[[0, 1, 2, 0]]
    network = generator.mapping_network

    def unit(x):
        return x / np.sqrt((x**2).mean(1, keepdims=True) + 1e-8)

    embedded = c.numpy() @ network.embed.weight.numpy().T + network.embed.bias.numpy()
    w = np.concatenate([unit(z.numpy()), unit(embedded)], 1)
    assert w.shape == (4, 21)
    for layer in network.fc:
        w = w @ layer.weight.numpy().T + layer.bias.numpy()
        w = np.maximum(w, 0.2 * w) * np.sqrt(2)
    ws = generator.mapping(z, c)
    assert ws.shape == (4, 8, 20)
    assert np.allclose(ws.numpy(), w[:, None], atol=1e-5)
    assert distance(generator.mapping(z, c.roll(1, 0)), ws) > 0.01


def test_labels_must_be_given_exactly_where_there_are_classes(small):
    z = torch.randn(2, 16)
    with pytest.raises(ValueError, match=r"labels c \(N, 3\)"):
        random_stylegan2(c_dim=3, c_embed=5).mapping(z)
    with pytest.raises(ValueError, match="no class labels"):
        small.mapping(z, torch.zeros(2, 3))


def test_truncation_pulls_towards_the_mean(small):
    z = torch.randn(3, 16)
    full, part = small.mapping(z), small.mapping(z, truncation=0.4)
    assert torch.allclose(part, small.w_avg + 0.4 * (full - small.w_avg), atol=1e-6)
    assert torch.allclose(small.mapping(z, truncation=0.0), small.w_avg.expand_as(full))
    assert distance(part, full) > 0.1


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("blocks", range(1, 7))
def test_sizes_follow_from_the_widths(blocks, architecture):
    widths = [5, 4, 3, 2, 2, 1][:blocks]
    generator = random_stylegan2(channels=widths, architecture=architecture, mapping=[9, 7])
    size = 2 ** (blocks + 1)
    assert generator.resolution == size and generator.num_ws == 2 * math.log2(size) - 2
    assert (generator.z_dim, generator.w_dim) == (16, 7)
    ws = generator.mapping(torch.randn(2, 16))
    assert ws.shape == (2, 2 * blocks, 7)
    assert generator.synthesis(ws).shape == (2, 3, size, size)
    assert len(generator.noise_maps()) == 2 * blocks - 1


@torch.no_grad()
def test_each_row_of_ws_reaches_its_own_layers(small):
    """The first block has one convolution; a head takes the row of the next block's first."""
    generator, taken = copy.deepcopy(small), {}
    for name, layer in generator.named_modules():
        if isinstance(layer, Style):
            layer.register_forward_pre_hook(
                lambda _, args, name=name: taken.update({name: args[0][0, 0].item()})
            )
    generator.synthesis(torch.arange(8.0)[None, :, None].expand(1, 8, 20))
    wanted = {"blocks.0.conv1.style": 0, "blocks.0.to_rgb.style": 1}
    for i in (1, 2, 3):
        for k, part in enumerate(("conv0", "conv1", "to_rgb")):
            wanted[f"blocks.{i}.{part}.style"] = 2 * i - 1 + k
    assert taken == wanted


def test_ws_with_too_few_rows_are_refused(small):
    with pytest.raises(ValueError, match="ws"):
        small.synthesis(random_ws(small, 1)[:, :-1])


def test_unknown_architecture_is_refused():
    with pytest.raises(ValueError, match="architecture must be one of skip, resnet, orig"):
        StyleGAN2(**SMALL, architecture="residual")


@torch.no_grad()
def test_freezing_prepares_what_follows_from_the_weights(small):
    """Demodulation hides a factor on a convolution's weight, once it is known."""
    ws = random_ws(small, 2)
    images, scaled = small.synthesis(ws), copy.deepcopy(small)
    for layer in scaled.modules():
        if isinstance(layer, StyledConv):
            layer.weight.mul_(3)
    assert distance(scaled.synthesis(ws), images) > 0.1
    assert freeze(scaled) is scaled
    assert_close(scaled.synthesis(ws), images, 1e-5)


def test_the_state_holds_nothing_that_follows_from_the_rest(small):
    tails = {name.rpartition(".")[2] for name in small.state_dict()}
    assert tails == {"const", "weight", "bias", "noise_strength", "noise", "w_avg", "w_std"}

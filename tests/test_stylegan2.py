"""StyleGAN2 against a second derivation, closed forms and finite differences.

Published outputs are in test_stylegan2_readers.py, noise in test_noise.py.
"""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from ganinv.bench.plain import plain_synthesis
from ganinv.generators.base import freeze
from ganinv.generators.stylegan2 import (
    Block,
    Blur,
    Style,
    StyledConv,
    StyleGAN2,
    ToRGB,
    _Activate,
    frozen_conv,
)
from helpers.networks import (
    ARCHITECTURES,
    SMALL,
    assert_close,
    distance,
    random_stylegan2,
    random_ws,
)


def random_maps(generator, count, seed=2):
    """Noise maps, by turns one for all images and one for each."""
    random = torch.Generator().manual_seed(seed)
    stored = enumerate(generator.noise_maps().items())
    return {
        name: torch.randn(count if i % 2 else 1, *x.shape[1:], generator=random)
        for i, (name, x) in stored
    }


def images_and_gradients(synthesis, ws, maps):
    """Images, and the gradients of a fixed random sum over their pixels to ws and to each map."""
    inputs = [x.clone().requires_grad_(True) for x in (ws, *maps.values())]
    images = synthesis(inputs[0], dict(zip(maps, inputs[1:], strict=True)))
    random = torch.Generator().manual_seed(7)
    probe = torch.randn(images.shape, generator=random, dtype=torch.float32)
    return images.detach(), *torch.autograd.grad((images * probe).sum(), inputs)


def assert_matches_plain_synthesis(generator, ws, maps):
    """In float32 the images; in float64, where no rounding carries a value across a bend, all."""
    with torch.no_grad():
        assert_close(generator.synthesis(ws, maps), plain_synthesis(generator, ws, maps), 2e-5)
    generator = copy.deepcopy(generator).double()
    generator.prepare()
    ws, maps = ws.double(), {name: x.double() for name, x in maps.items()}
    torch.set_default_dtype(torch.float64)  # of the filter that plain_synthesis makes
    try:
        got = images_and_gradients(generator.synthesis, ws, maps)
        wanted = images_and_gradients(lambda *x: plain_synthesis(generator, *x), ws, maps)
    finally:
        torch.set_default_dtype(torch.float32)
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype == torch.float64
        assert_close(a, b, 1e-9)


@pytest.fixture(scope="module")
def small():
    return random_stylegan2()


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


# --- derivatives --------------------------------------------------------------------------------


def doubles(*shape, seed=0, low=-2.0, high=2.0):
    random = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=random, dtype=torch.float64) * (high - low) + low


@pytest.mark.parametrize("limit", [None, 0.8])
@pytest.mark.parametrize("maps", [0, 1, 2])
def test_derivative_of_the_activation(maps, limit):
    x, bias = doubles(2, 3, 4, 4), doubles(3, 1, 1, seed=1)
    factors = doubles(2, 3, 1, 1, seed=2, low=0.5)
    noise = doubles(maps, 1, 4, 4, seed=3) if maps else None
    before = x * factors + bias + (noise if maps else 0)
    kinks = [before, before - 0.8, before + 0.8 / 0.2]
    assert all(kink.abs().min() > 1e-4 for kink in kinks)
    assert limit is None or 0.1 < (F.leaky_relu(before, 0.2).abs() > limit).double().mean() < 0.9
    inputs = [v.requires_grad_(True) for v in (x, factors, noise) if v is not None]

    def activate(x, factors, noise=None):
        return _Activate.apply(x, factors, noise, bias, limit)

    assert torch.autograd.gradcheck(activate, inputs)


@pytest.mark.parametrize("limit", [None, 0.8])
def test_the_activation_matches_autograds_own_rules_to_the_last_digits(limit):
    inputs = [doubles(2, 3, 4, 4), doubles(2, 3, 1, 1, low=0.5), doubles(1, 1, 4, 4)]
    x, factors, noise = (v.requires_grad_(True) for v in inputs)
    bias = doubles(3, 1, 1, seed=1)
    wanted = F.leaky_relu(x * factors + bias + noise, 0.2)
    wanted = wanted if limit is None else wanted.clamp(-limit, limit)
    got = _Activate.apply(x, factors, noise, bias, limit)
    assert torch.allclose(got, wanted, rtol=1e-12)
    pairs = zip(
        *(torch.autograd.grad(a.square().sum(), inputs) for a in (got, wanted)), strict=True
    )
    for mine, own in pairs:
        assert torch.allclose(mine, own, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("limit", [256.0, 256 * math.sqrt(0.5), 0.3])
def test_a_clamped_activation_has_no_gradient_in_bfloat16(limit):
    """Where the rounded limit is larger than the limit, and where it is smaller."""
    x = torch.full((1, 1, 2, 2), 300.0, dtype=torch.bfloat16, requires_grad=True)
    one, zero = torch.ones(1, 1, 1, 1).bfloat16(), torch.zeros(1, 1, 1).bfloat16()
    _Activate.apply(x, one, None, zero, limit).sum().backward()
    assert not x.grad.any()


CONVOLUTIONS = {
    "3x3": ((2, 3, 5, 4), (4, 3, 3, 3), dict(padding=1)),
    "1x1": ((2, 3, 5, 4), (4, 3, 1, 1), {}),
    "doubling": ((2, 3, 5, 4), (3, 4, 3, 3), dict(transposed=True, stride=2)),
    "filter": ((2, 3, 5, 4), (3, 1, 4, 4), dict(padding=1, groups=3)),
    "doubling filter": (
        (2, 3, 5, 4),
        (3, 1, 4, 4),
        dict(padding=1, groups=3, transposed=True, stride=2),
    ),
}


@pytest.mark.parametrize(("size", "kernel", "options"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_derivative_of_a_convolution_by_a_frozen_weight(size, kernel, options):
    x = doubles(*size).requires_grad_(True)
    weight = doubles(*kernel, seed=1).requires_grad_(True)
    y = frozen_conv(x, weight, **options)
    plain = {name: value for name, value in options.items() if name != "transposed"}
    convolve = F.conv_transpose2d if "transposed" in options else F.conv2d
    assert torch.allclose(y, convolve(x, weight, **plain))
    y.square().sum().backward()
    assert x.grad is not None and weight.grad is None
    weight.requires_grad_(False)
    assert torch.autograd.gradcheck(lambda x: frozen_conv(x, weight, **options), [x])


@pytest.mark.parametrize("clamp", [None, 2.0])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradient_matches_finite_differences(architecture, clamp):
    generator = random_stylegan2(architecture=architecture, conv_clamp=clamp).double()
    generator.prepare()
    ws = random_ws(generator, 2).double()
    maps = {name: x.double() for name, x in random_maps(generator, 2).items()}
    inputs = [x.requires_grad_(True) for x in (ws, *maps.values())]
    probe = doubles(2, 3, 32, 32)

    def value(ws, *values):
        images = generator.synthesis(ws, dict(zip(maps, values, strict=True)))
        return (images * probe).sum()

    gradients = torch.autograd.grad(value(*inputs), inputs)
    for i, (x, gradient) in enumerate(zip(inputs, gradients, strict=True)):
        step = 1e-8 * doubles(*x.shape, seed=i)
        with torch.no_grad():
            ahead, behind = (
                value(*inputs[:i], x + side * step, *inputs[i + 1 :]) for side in (1, -1)
            )
        along = (gradient * step).sum().item()
        assert ((ahead - behind) / 2).item() == pytest.approx(along, rel=1e-4)


def test_no_weight_takes_a_gradient(small):
    ws = random_ws(small, 1).requires_grad_(True)
    small.synthesis(ws).sum().backward()
    assert (ws.grad.abs().amax(2) > 0).all()  # every style input is used
    assert all(p.grad is None and not p.requires_grad for p in small.parameters())


# --- batches, precision, memory -----------------------------------------------------------------


@torch.no_grad()
def test_an_image_does_not_depend_on_its_batch(small):
    ws = random_ws(small, 4)
    for image, one in zip(small.synthesis(ws), ws, strict=True):
        assert_close(small.synthesis(one[None])[0], image, 1e-5)


def test_no_gradient_leaks_to_another_image_of_the_batch(small):
    ws = random_ws(small, 3).requires_grad_(True)
    small.synthesis(ws)[1].square().sum().backward()
    assert ws.grad[1].any() and not ws.grad[[0, 2]].any()


@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bfloat16_is_near_float32(architecture, clamp):
    generator = random_stylegan2(architecture=architecture, conv_clamp=clamp)
    ws = random_ws(generator, 2)
    maps = random_maps(generator, 2)
    exact = images_and_gradients(generator.synthesis, ws, maps)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = images_and_gradients(generator.synthesis, ws, maps)
    assert rounded[0].dtype == torch.float32
    assert 1e-4 < distance(rounded[0], exact[0]) < 0.03  # it differs: so autocast was heeded
    alike = []
    for a, b in zip(rounded[1:], exact[1:], strict=True):
        assert a.dtype == torch.float32
        alike.append(F.cosine_similarity(a.flatten(), b.flatten(), dim=0).item())
    # rounding moves values across the clamp, which counts most where one pixel has one gradient
    assert alike[0] > (0.99 if clamp is None else 0.98) and min(alike) > 0.95


def memory_kept(function, known):
    """What `function` returns, and the bytes autograd keeps for it by address, `known` left out."""
    saved = {}  # holding the tensors keeps an address from being used again

    def keep(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function()
    for tensor in known:
        saved.pop(tensor.untyped_storage().data_ptr(), None)
    return result, {address: x.untyped_storage().nbytes() for address, x in saved.items()}


@pytest.mark.parametrize("clamp", [None, 1.0])
@pytest.mark.parametrize("up", [False, True])
def test_a_layer_keeps_its_output_and_no_other_activation(up, clamp):
    layer = freeze(StyledConv(20, 16, 16, 64 if up else 32, up=up, clamp=clamp))
    x, w = torch.randn(2, 16, 32, 32, requires_grad=True), torch.randn(2, 20, requires_grad=True)
    known = [*layer.parameters(), *layer.buffers(), x, w]
    y, kept = memory_kept(lambda: layer(x, w, layer.noise), known)
    assert y.data_ptr() in kept
    assert sum(kept.values()) < 1.1 * y.nbytes


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_generator_keeps_one_activation_per_layer(architecture):
    generator = random_stylegan2(channels=[32, 32, 24, 16], architecture=architecture)
    outputs = []
    for layer in generator.modules():
        if isinstance(layer, StyledConv):
            layer.register_forward_hook(lambda _layer, _args, y: outputs.append(y.nbytes))
        if isinstance(layer, Block) and layer.skip is not None:
            layer.register_forward_hook(lambda _layer, _args, y: outputs.append(y[0].nbytes))
    ws = random_ws(generator, 8).requires_grad_(True)
    known = [*generator.parameters(), *generator.buffers()]
    _, kept = memory_kept(lambda: generator.synthesis(ws), known)
    assert sum(kept.values()) < 1.1 * sum(outputs)
    _, plain = memory_kept(lambda: plain_synthesis(generator, ws), known)
    assert sum(plain.values()) > 2 * sum(outputs)  # what the count finds where more is kept


# --- blur and up-sampling -----------------------------------------------------------------------


def test_upsampling_is_bilinear_interpolation_with_zeros_outside():
    x = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    wanted = F.interpolate(F.pad(x, [1] * 4), scale_factor=2, mode="bilinear")[..., 2:-2, 2:-2]
    assert torch.allclose(Blur().upsample(x), wanted, atol=1e-6)


def test_blur_matches_numpys_convolution():
    x = np.random.default_rng(0).normal(size=(9, 7))
    wanted = x
    for axis in (0, 1):
        wanted = np.apply_along_axis(np.convolve, axis, wanted, np.array([1, 3, 3, 1]) / 4)
    blurred = Blur()(torch.from_numpy(x).float()[None, None])[0, 0].numpy()
    assert blurred.shape == (8, 6)
    assert np.allclose(blurred, wanted[2:-2, 2:-2], atol=1e-5)


def test_a_constant_image_stays_constant_in_the_middle():
    up = Blur().upsample(torch.full((1, 2, 6, 6), 0.7))
    assert torch.allclose(up[..., 1:-1, 1:-1], torch.tensor(0.7))
    assert torch.allclose(up[..., 0, 0], torch.tensor(0.7 * 9 / 16))  # three quarters, twice
    assert torch.allclose(Blur()(torch.ones(1, 2, 9, 9))[..., 1:-1, 1:-1], torch.tensor(4.0))


@torch.no_grad()
@pytest.mark.parametrize("up", [False, True])
def test_a_layer_computed_by_hand(up):
    """One channel, style 1.5: eq. 1 and 3 of the paper, every product written out."""
    layer = StyledConv(2, 1, 1, 6 if up else 3, up=up, clamp=None)
    layer.style.weight.zero_()
    layer.style.bias.fill_(1.5)
    layer.bias.fill_(0.3)
    layer.noise_strength.fill_(0.7)
    layer.prepare()
    x, kernel = torch.randn(3, 3).double().numpy(), layer.weight[0, 0].double().numpy()
    around = range(3)
    if up:  # each pixel, two apart, strews the kernel; then the filter
        wide = np.zeros((7, 7))
        for i in around:
            for j in around:
                wide[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += x[i, j] * kernel
        y = Blur()(torch.from_numpy(wide).float()[None, None])[0, 0].double().numpy()
    else:  # each pixel gathers
        wide = np.pad(x, 1)
        y = np.array(
            [[(wide[i : i + 3, j : j + 3] * kernel).sum() for j in around] for i in around]
        )
    y = y * 1.5 / np.sqrt(1.5**2 * (kernel**2).sum() + 1e-8)
    y = y + 0.7 * layer.noise[0, 0].double().numpy() + 0.3
    wanted = np.where(y > 0, y, 0.2 * y) * np.sqrt(2)
    got = layer(torch.from_numpy(x).float()[None, None], torch.zeros(1, 2), layer.noise)
    assert np.allclose(got[0, 0].numpy(), wanted, atol=1e-5)


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

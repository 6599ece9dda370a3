"""Derivatives of StyleGAN2 against finite differences and autograd; what a batch keeps."""

import math

import pytest
import torch
import torch.nn.functional as F

from ganinv.bench.plain import plain_synthesis
from ganinv.generators.base import freeze
from ganinv.generators.frozen_ops import _Activate, frozen_conv
from ganinv.generators.stylegan2 import Block, StyledConv
from helpers.networks import ARCHITECTURES, assert_close, distance, random_stylegan2, random_ws
from helpers.plain_synthesis import images_and_gradients, random_maps

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

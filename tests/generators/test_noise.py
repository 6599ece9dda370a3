"""Noise of StyleGAN2 and MobileStyleGAN: the same rules for both."""

import copy
import math

import pytest
import torch

from ganinv.generators.base import freeze
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from ganinv.generators.stylegan2 import StyledConv
from helpers.networks import assert_close, distance, random_stylegan2


@pytest.fixture(scope="module", params=["stylegan2", "mobile_stylegan"])
def generator(request):
    return random_stylegan2() if request.param == "stylegan2" else request.getfixturevalue("toy")


@pytest.fixture(scope="module")
def ws(generator):
    """Two different ws (2, num_ws, w_dim)."""
    z = torch.randn(2, generator.z_dim, generator=torch.Generator().manual_seed(4))
    return generator.mapping(z).contiguous()


def maps_like(generator, counts, seed=0):
    """Random maps, `counts` of them for each layer."""
    random = torch.Generator().manual_seed(seed)
    stored = generator.noise_maps().items()
    return {name: torch.randn(counts, *x.shape[1:], generator=random) * 0.3 for name, x in stored}


def test_the_maps_follow_the_layers_from_4x4_upwards(generator):
    maps = generator.noise_maps()
    sizes = [x.shape[-1] for x in maps.values()]
    assert sizes[0] == 4 and sizes == sorted(sizes)
    assert all(sizes.count(size) == 2 for size in set(sizes[1:]))
    assert all(x.shape == (1, 1, size, size) for x, size in zip(maps.values(), sizes, strict=True))
    assert all(f"{name}.noise" in generator.state_dict() for name in maps)


def test_each_map_reaches_the_layer_of_its_name(generator, ws):
    maps, taken = maps_like(generator, 1), {}
    own = copy.deepcopy(generator)
    for name in maps:
        own.get_submodule(name).register_forward_pre_hook(
            lambda _, args, name=name: taken.update({name: args[-1]})  # (x, w, noise)
        )
    own.synthesis(ws, maps)
    assert taken.keys() == maps.keys()
    assert all(torch.equal(taken[name], x) for name, x in maps.items())


def test_constant_noise_repeats_and_is_the_default(generator, ws):
    images = generator.synthesis(ws)
    assert torch.equal(images, generator.synthesis(ws, noise="const"))
    assert torch.equal(images, generator.synthesis(ws, generator.noise_maps()))
    copies = {name: x.repeat(2, 1, 1, 1) for name, x in generator.noise_maps().items()}
    assert_close(generator.synthesis(ws, copies), images, 1e-6)


def test_no_noise_is_what_maps_of_zero_give(generator, ws):
    plain = generator.synthesis(ws, noise="none")
    assert distance(plain, generator.synthesis(ws)) > 0.01
    zeros = {name: torch.zeros_like(x) for name, x in generator.noise_maps().items()}
    assert_close(generator.synthesis(ws, zeros), plain, 1e-6)


def test_the_order_of_given_maps_does_not_matter(generator, ws):
    turned = dict(reversed(generator.noise_maps().items()))
    assert torch.equal(generator.synthesis(ws, turned), generator.synthesis(ws))


def test_random_noise_differs_between_calls_and_images(generator, ws):
    twice = ws[:1].expand(2, -1, -1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = (generator.synthesis(twice, noise="random") for _ in range(2))
        torch.manual_seed(0)
        again = generator.synthesis(twice, noise="random")
    assert distance(first, second) > 0.01 and distance(first[0], first[1]) > 0.01
    assert torch.equal(first, again)


def test_random_noise_has_the_scale_of_the_stored(generator):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = generator.noise_for("random", 300)
    stored = generator.noise_maps().values()
    for fresh, x in zip(drawn, stored, strict=True):
        assert fresh.shape == (300, *x.shape[1:])
        # StyleGAN2's maps are normal and scaled by a strength; MobileStyleGAN's hold their scale
        scale = x.std().item() if isinstance(generator, MobileStyleGAN) else 1.0
        assert fresh.std().item() == pytest.approx(scale, rel=0.05)
        assert abs(fresh.mean().item()) < 0.08 * scale


@torch.no_grad()
def test_noise_is_added_times_its_strength():
    layer = freeze(StyledConv(4, 3, 5, 8, up=False, clamp=None))
    layer.noise_strength.fill_(0.25)
    layer.bias.fill_(100)  # beyond the bend of the leaky ReLU, whose gain is sqrt(2)
    x, w = torch.randn(2, 3, 8, 8), torch.randn(2, 4)
    noise = torch.randn(2, 1, 8, 8)
    added = layer(x, w, noise) - layer(x, w, None)
    assert torch.allclose(added, (0.25 * math.sqrt(2) * noise).expand_as(added), atol=1e-4)


def test_each_image_takes_its_own_maps(generator, ws):
    maps = maps_like(generator, 2)
    images = generator.synthesis(ws, maps)
    for i in range(2):
        own = {name: x[i : i + 1] for name, x in maps.items()}
        assert_close(generator.synthesis(ws[i : i + 1], own), images[i : i + 1], 1e-5)
    shared = generator.synthesis(ws, {name: x[:1] for name, x in maps.items()})
    assert_close(shared[:1], images[:1], 1e-5)
    assert distance(shared[1:], images[1:]) > 0.01


@pytest.mark.parametrize("count", [1, 2])
def test_gradient_to_the_maps_matches_finite_differences(generator, ws, count, monkeypatch):
    # the image is rounded to float32 at the end, which hides what small differences show
    monkeypatch.setattr(torch.Tensor, "float", lambda tensor: tensor)
    double = copy.deepcopy(generator).double()
    double.prepare()
    random = torch.Generator().manual_seed(1)
    probe = torch.randn(2, 3, 32, 32, generator=random, dtype=torch.float64)
    maps = {name: x.double() for name, x in maps_like(generator, count).items()}
    for x in maps.values():
        x.requires_grad_(True)

    def value(maps):
        return (double.synthesis(ws.double(), maps) * probe).sum()

    gradients = torch.autograd.grad(value(maps), maps.values())
    for (name, x), gradient in zip(maps.items(), gradients, strict=True):
        assert gradient.shape == x.shape and gradient.any()
        step = 1e-8 * torch.randn(x.shape, generator=random, dtype=torch.float64)
        with torch.no_grad():
            ahead, behind = (value(maps | {name: x + side * step}) for side in (1, -1))
        along = (gradient * step).sum().item()
        assert ((ahead - behind) / 2).item() == pytest.approx(along, rel=1e-4)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("noise", ["constant", "CONST", ""])
def test_unknown_modes_are_refused(generator, ws, noise):
    with pytest.raises(ValueError, match=f"const, random, none; got {noise!r}"):
        generator.synthesis(ws, noise=noise)


@pytest.mark.parametrize("noise", [None, True, []], ids=repr)
def test_what_is_neither_a_mode_nor_maps_is_refused(generator, ws, noise):
    with pytest.raises(ValueError, match="noise"):
        generator.synthesis(ws, noise=noise)


def test_a_missing_map_is_refused(generator, ws):
    maps = generator.noise_maps()
    name, _ = maps.popitem()
    with pytest.raises(ValueError, match=f"noise needs one map for each of .*{name}"):
        generator.synthesis(ws, maps)


def test_a_map_too_many_is_refused(generator, ws):
    with pytest.raises(ValueError, match="noise needs one map for each of"):
        generator.synthesis(
            ws, generator.noise_maps() | {"blocks.9.conv1": torch.zeros(1, 1, 4, 4)}
        )


@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (3, 1, 8, 8), (2, 2, 8, 8), (8, 8)], ids=str)
def test_a_map_of_another_shape_is_named(generator, ws, shape):
    maps = generator.noise_maps()
    name = list(maps)[1]  # 8x8
    with pytest.raises(ValueError, match=f"noise map {name} is") as caught:
        generator.synthesis(ws, maps | {name: torch.zeros(shape)})
    assert str(shape) in str(caught.value)

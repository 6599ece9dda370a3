"""LPIPS against the lpips package and the paper's equation."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import ganinv.losses.lpips
from ganinv.losses.lpips import Lpips, load_lpips
from helpers.lpips_package import package_lpips
from helpers.pictures import noise, sample


@pytest.fixture(scope="module", params=["alex", "vgg"])
def both(request):
    """(ours, the package's) of one net."""
    return load_lpips(request.param, torch.device("cpu")), package_lpips(request.param)


@pytest.mark.parametrize(
    ("net", "conv", "weight_sum", "bias_sum"),
    [
        ("alex", 0, -1.8427, -24.7747),
        ("alex", 1, -969.5110, 0.4015),
        ("vgg", 0, -3.2429, -4.1603),
        ("vgg", 1, -61.0142, 0.6064),
    ],
)
def test_backbones_are_the_published_ones(net, conv, weight_sum, bias_sum):
    model = load_lpips(net, torch.device("cpu"))
    layer = [m for m in model.backbone.modules() if isinstance(m, nn.Conv2d)][conv]
    assert layer.weight.double().sum().item() == pytest.approx(weight_sum, abs=6e-5)
    assert layer.bias.double().sum().item() == pytest.approx(bias_sum, abs=6e-5)


def test_lpips_equals_the_package_on_noise(both):
    ours, reference = both
    a, b = noise(0), noise(1)
    wanted = reference(a, b).flatten()
    assert wanted.min() > 0.05
    assert torch.allclose(ours(a, b), wanted, atol=1e-5, rtol=0)


def test_lpips_equals_the_package_on_photographs(both):
    ours, reference = both
    a, b = sample("astronaut.png"), sample("hopper.jpg")
    wanted = reference(a, b).flatten()
    assert wanted.min() > 0.3
    assert torch.allclose(ours(a, b), wanted, atol=1e-5, rtol=0)
    near = (a + 0.05 * noise(2, 1, 96)).clamp(-1, 1)
    assert torch.allclose(ours(a, near), reference(a, near).flatten(), atol=1e-5, rtol=0)


def test_lpips_gradient_equals_the_package(both):
    ours, reference = both
    target = sample("hopper.jpg")
    gradients = []
    for model in (ours, reference):
        image = sample("astronaut.png").requires_grad_(True)
        (gradient,) = torch.autograd.grad(model(image, target).sum(), image)
        gradients.append(gradient)
    assert torch.allclose(*gradients, atol=1e-3 * gradients[1].abs().max().item())


def test_lpips_map_equals_the_packages(both):
    ours, reference = both
    a, b = sample("astronaut.png"), sample("hopper.jpg")
    with torch.no_grad():
        reference.spatial = True
        try:
            wanted = reference(a, b)[:, 0]  # (1, H, W)
        finally:
            reference.spatial = False
        got = ours.map(a, b)
    assert got.shape == (1, *a.shape[2:])
    assert torch.allclose(got, wanted, atol=1e-5, rtol=1e-4)
    assert got.mean().item() == pytest.approx(ours(a, b).item(), rel=0.1)
    assert ours.map(a, a).abs().max() == 0


def test_lpips_is_zero_for_equal_and_symmetric(both):
    ours, _ = both
    a, b = noise(0), noise(1)
    assert ours(a, a).abs().max() == 0
    assert torch.allclose(ours(a, b), ours(b, a), atol=1e-7)


def test_lpips_grows_with_the_disturbance(both):
    ours, _ = both
    photo = sample("astronaut.png")
    distances = [ours(photo, photo + s * noise(3, 1, 96)).item() for s in (0.0, 0.05, 0.2, 0.8)]
    assert distances == sorted(distances) and distances[1] > 0


def test_lpips_takes_one_target_for_many_images(both):
    ours, _ = both
    images, target = noise(0, n=3), noise(1, n=1)
    each = [ours(image[None], target) for image in images]
    assert torch.allclose(ours(images, target), torch.cat(each), atol=1e-6)


@pytest.mark.parametrize("case", ["identical", "black", "black against black", "white"])
def test_lpips_gradient_is_finite(both, case):
    ours, _ = both
    photo = sample("astronaut.png", 64)
    flat = torch.full_like(photo, 1.0 if case == "white" else -1.0)
    image = (photo if case == "identical" else flat).clone().requires_grad_(True)
    target = flat if case == "black against black" else photo
    (gradient,) = torch.autograd.grad(ours(image, target).sum(), image)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() < 1e3


def test_lpips_gradient_is_finite_where_all_features_are_zero():
    """The package's own square root gives NaN there."""
    zero = torch.zeros(1, 4, 2, 2, requires_grad=True)
    ganinv.losses.lpips.unit_length(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()


@pytest.mark.parametrize("targets_of", [1, 2])
def test_lpips_distance_and_its_gradient_are_those_of_the_definition(targets_of):
    """In float64: the paper's eq. 1 with autograd, and autograd's check by finite differences."""
    rng = torch.Generator().manual_seed(0)

    def drawn(n, channels):
        return torch.randn(n, channels, 3, 2, generator=rng, dtype=torch.float64)

    widths = 4, 6
    features = [drawn(2, c).requires_grad_(True) for c in widths]
    targets = [ganinv.losses.lpips.unit_length(drawn(targets_of, c)) for c in widths]
    weights = [drawn(1, c)[:, :, :1, :1].abs() for c in widths]
    model = SimpleNamespace(weights=weights)

    def distance(*given):
        return Lpips.distance(model, given, targets)

    wanted = sum(
        (w * (f / f.norm(dim=1, keepdim=True) - t).square()).sum(1).mean((1, 2))
        for w, f, t in zip(weights, features, targets, strict=True)
    )
    assert torch.allclose(distance(*features), wanted, rtol=1e-12)
    assert torch.autograd.gradcheck(distance, features)
    outer = torch.tensor([1.0, -3.0], dtype=torch.float64)
    ours = torch.autograd.grad(distance(*features), features, outer)
    theirs = torch.autograd.grad(wanted, features, outer)
    assert all(torch.allclose(a, b, rtol=1e-9) for a, b in zip(ours, theirs, strict=True))


def test_lpips_gradients_keep_the_memory_format_of_the_features():
    model = load_lpips("alex", torch.device("cpu"))
    image = noise(0, 1).contiguous(memory_format=torch.channels_last)
    features = [x.requires_grad_(True) for x in model.features(image)]
    model.distance(features, model.targets(noise(1, 1))).sum().backward()
    assert all(x.grad.is_contiguous(memory_format=torch.channels_last) for x in features)


def test_unit_length_features():
    features = torch.randn(2, 5, 3, 3, generator=torch.Generator().manual_seed(0)) * 7
    lengths = ganinv.losses.lpips.unit_length(features).norm(dim=1)
    assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-6)


def test_building_lpips_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    Lpips("alex")
    assert torch.equal(torch.get_rng_state(), before)

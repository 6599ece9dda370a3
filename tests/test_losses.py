"""Losses against the lpips package and closed forms."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ganinv.losses.lpips
from ganinv.images.pixels import box_resize
from ganinv.losses.lpips import Lpips, load_lpips
from ganinv.losses.reconstruction import make_loss
from ganinv.paths import project_root
from helpers.lpips_package import package_lpips

NETS = ("alex", "vgg")


@pytest.fixture(scope="module", params=NETS)
def both(request):
    """(ours, the package's) of one net."""
    return load_lpips(request.param, torch.device("cpu")), package_lpips(request.param)


def sample(name, size=96):
    """A sample photograph's centre, as a tensor (1, 3, size, size) in [-1, 1]."""
    with Image.open(project_root() / "data" / "samples" / name) as image:
        side = min(image.size)
        box = (0, 0, side, side)
        pixels = np.array(image.convert("RGB").resize((size, size), box=box), np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1


def noise(seed, n=2, size=64):
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, size, size, generator=rng) * 2 - 1


# --- LPIPS --------------------------------------------------------------------------------------


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


# --- what the search minimizes ------------------------------------------------------------------


def evaluate(loss, image, target, **changes):
    given = dict(lpips_net="vgg", loss_resolution=256) | changes
    total, terms = make_loss(loss, target, **given)(image)
    return total.item(), {name: value.item() for name, value in terms.items()}


@pytest.mark.parametrize(("size", "resolution"), [(64, 16), (64, 64), (32, 64)])
def test_l2_is_the_mean_square_of_box_means(size, resolution):
    a, b = noise(0, 1, size), noise(1, 1, size)
    k = max(1, size // resolution)
    small = [x.double().numpy().reshape(3, size // k, k, size // k, k).mean((2, 4)) for x in (a, b)]
    total, terms = evaluate("l2", a, b[0], loss_resolution=resolution)
    assert total == pytest.approx(((small[0] - small[1]) ** 2).mean(), rel=1e-5)
    assert terms == {"l2": total}


def test_l2_of_constants():
    a, b = torch.full((1, 3, 48, 48), 0.5), torch.full((3, 48, 48), -0.25)
    assert evaluate("l2", a, b, loss_resolution=20)[0] == pytest.approx(0.75**2)


@pytest.mark.parametrize(("name", "net"), [("lpips_vgg", "vgg"), ("lpips_alex", "alex")])
def test_lpips_terms_are_the_metric_at_loss_resolution(name, net):
    a, b = noise(0, 1, 128), noise(1, 1, 128)
    model = load_lpips(net, torch.device("cpu"))
    wanted = model(box_resize(a, 64), box_resize(b, 64)).item()
    total, terms = evaluate(name, a, b[0], loss_resolution=64)
    assert total == pytest.approx(wanted, rel=1e-5)
    assert terms == {name: total}
    full = evaluate(name, a, b[0], loss_resolution=128)[0]
    assert abs(full - total) > 1e-3  # the size matters


@pytest.mark.parametrize("net", NETS)
def test_lpips_without_a_net_uses_lpips_net(net):
    a, b = noise(0, 1), noise(1, 1)[0]
    total, terms = evaluate("lpips", a, b, lpips_net=net)
    assert total == pytest.approx(evaluate(f"lpips_{net}", a, b)[0])
    assert list(terms) == ["lpips"]


def test_mapping_is_the_weighted_sum_of_its_parts():
    a, b = noise(0, 1), noise(1, 1)[0]
    weights = {"l2": 0.5, "lpips_alex": 2.0, "lpips_vgg": 3.0}
    parts = {name: evaluate(name, a, b)[0] for name in weights}
    total, terms = evaluate(weights, a, b)
    assert terms == pytest.approx(parts)
    assert total == pytest.approx(sum(weights[name] * parts[name] for name in weights), rel=1e-5)


def test_targets_features_are_computed_once(monkeypatch):
    seen, features = [], Lpips.features

    def counting(model, images):
        seen.append(images.detach().clone())
        return features(model, images)

    monkeypatch.setattr(Lpips, "features", counting)
    target = noise(1, 1)[0]
    objective = make_loss("lpips_alex", target, lpips_net="vgg", loss_resolution=256)
    images = [noise(seed, 1) for seed in (2, 3, 4)]
    for image in images:
        objective(image)
    assert len(seen) == 1 + len(images)
    assert sum(torch.equal(x[0], target) for x in seen) == 1


def test_terms_of_weight_zero_are_not_computed(monkeypatch):
    def refuse(net, device, precision):
        raise AssertionError(f"{net} was loaded")

    monkeypatch.setattr(ganinv.losses.lpips, "load_lpips", refuse)
    a, b = noise(0, 1), noise(1, 1)[0]
    total, terms = evaluate({"l2": 2.0, "lpips_vgg": 0.0, "lpips_alex": 0}, a, b)
    assert list(terms) == ["l2"] and total == pytest.approx(2 * terms["l2"])


def test_loss_gives_gradients_to_the_image_alone():
    image, target = noise(0, 1).requires_grad_(True), noise(1, 1)[0].requires_grad_(True)
    objective = make_loss(
        {"l2": 1.0, "lpips_alex": 1.0}, target, lpips_net="vgg", loss_resolution=32
    )
    objective(image)[0].backward()
    assert image.grad.abs().max() > 0
    assert target.grad is None


@pytest.mark.parametrize("loss", ["l2", "lpips_alex", {"l2": 0.5, "lpips_alex": 2.0}])
def test_each_image_may_have_its_own_target(loss):
    images, targets = noise(0, 3), noise(1, 3)
    each = [evaluate(loss, images[i : i + 1], targets[i])[0] for i in range(3)]
    assert evaluate(loss, images, targets)[0] == pytest.approx(sum(each), rel=1e-5)
    one = [evaluate(loss, images[i : i + 1], targets[0])[0] for i in range(3)]
    assert evaluate(loss, images, targets[0])[0] == pytest.approx(sum(one), rel=1e-5)


def test_bf16_loss_is_near_the_float32_one():
    a, b = sample("astronaut.png"), sample("hopper.jpg")[0]
    for loss in ("l2", "lpips_alex", "lpips_vgg"):
        exact = evaluate(loss, a, b)[0]
        assert evaluate(loss, a, b, precision="bf16")[0] == pytest.approx(exact, rel=0.03)


def test_building_lpips_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    Lpips("alex")
    assert torch.equal(torch.get_rng_state(), before)

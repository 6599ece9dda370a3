"""Each term of the loss, against closed forms and other libraries."""

import pytest
import torch
import torch.nn.functional as F
import torchvision

from ganinv.images.pixels import box_resize
from ganinv.losses.lpips import load_lpips
from ganinv.losses.reconstruction import make_loss
from ganinv.losses.terms import PIXELS
from helpers.losses import evaluate
from helpers.pictures import noise


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


def test_l2_full_is_taken_before_the_box_mean():
    rng = torch.Generator().manual_seed(0)
    image, target = (torch.rand(3, 64, 64, generator=rng) * 2 - 1 for _ in range(2))
    loss = {"l2": 1.0, "l2_full": 0.5}
    total, terms = make_loss(loss, target, lpips_net="vgg", loss_resolution=16)(image[None])
    small = [F.avg_pool2d(x[None], 4) for x in (image, target)]
    assert terms["l2"].item() == pytest.approx((small[0] - small[1]).square().mean().item())
    assert terms["l2_full"].item() == pytest.approx((image - target).square().mean().item())
    assert total.item() == pytest.approx((terms["l2"] + 0.5 * terms["l2_full"]).item())


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


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_without_a_net_uses_lpips_net(net):
    a, b = noise(0, 1), noise(1, 1)[0]
    total, terms = evaluate("lpips", a, b, lpips_net=net)
    assert total == pytest.approx(evaluate(f"lpips_{net}", a, b)[0])
    assert list(terms) == ["lpips"]


def test_targets_features_are_computed_once():
    seen = []
    first_layer = load_lpips("alex", torch.device("cpu")).scaling
    target = noise(1, 1)[0]
    images = [noise(seed, 1) for seed in (2, 3, 4)]
    with first_layer.register_forward_pre_hook(lambda layer, given: seen.append(given[0].clone())):
        objective = make_loss("lpips_alex", target, lpips_net="vgg", loss_resolution=256)
        for image in images:
            objective(image)
    assert len(seen) == 1 + len(images)
    assert sum(torch.equal(x[0], target) for x in seen) == 1


def test_vgg_features_are_torchvisions_relu4_3():
    rng = torch.Generator().manual_seed(1)
    image, target = (torch.rand(3, 64, 64, generator=rng) * 2 - 1 for _ in range(2))
    network = torchvision.models.vgg16(weights=None).features[:23]
    ours = load_lpips("vgg", torch.device("cpu")).backbone.parameters()
    for parameter, value in zip(network.parameters(), ours, strict=False):
        parameter.data = value.data
    mean, std = (
        torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.no_grad():
        a, b = (network((((x + 1) / 2) - mean)[None] / std) for x in (image, target))
        value, _ = make_loss({"vgg": 1.0}, target, lpips_net="vgg", loss_resolution=64)(image[None])
    assert PIXELS == 57.375
    assert value.item() == pytest.approx((PIXELS**2 * (a - b).square().mean()).item(), rel=1e-3)

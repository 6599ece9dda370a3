"""The loss of a search: the weighted sum of its terms."""

from dataclasses import replace

import pytest

from ganinv.losses.reconstruction import make_loss
from ganinv.losses.terms import TERMS
from helpers.losses import evaluate
from helpers.pictures import noise, sample


def test_mapping_is_the_weighted_sum_of_its_parts():
    a, b = noise(0, 1), noise(1, 1)[0]
    weights = {"l2": 0.5, "lpips_alex": 2.0, "lpips_vgg": 3.0}
    parts = {name: evaluate(name, a, b)[0] for name in weights}
    total, terms = evaluate(weights, a, b)
    assert terms == pytest.approx(parts)
    assert total == pytest.approx(sum(weights[name] * parts[name] for name in weights), rel=1e-5)


def test_terms_of_weight_zero_are_not_computed(monkeypatch):
    def refuse(goal):
        raise AssertionError("it was made")

    for name in ("lpips_vgg", "lpips_alex"):
        monkeypatch.setitem(TERMS, name, replace(TERMS[name], make=refuse))
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

"""One step of the encoder's training, by hand."""

import copy

import pytest
import torch
import torch.nn.functional as F

from ganinv.losses.adversarial import (
    r1_penalty,
)
from ganinv.losses.lpips import load_lpips
from ganinv.training.encoder.batches import begin, draw_batch
from ganinv.training.encoder.step import encoder_step, feature_distance, set_rates
from helpers.encoders import build
from helpers.tensors import eight_bits, noise, normal, quiet, seeded


def test_terms_and_step_are_those_of_the_equation(quick):
    """The first step of Adam is -lr g / (|g| + eps); g is taken from the equation, by hand."""
    weights = dict(pixels=0.7, features=1.3, offsets=0.4, latent=0.2, adversarial=0.3)
    networks = build(quick(steps=1, batch=4, clean=0.5, lr=0.5, **weights))
    with torch.no_grad():
        networks.encoder.offsets.weight.copy_(normal(256, 160) * 0.1)
    begin(networks, quiet)
    encoder, toy = copy.deepcopy(networks.encoder), networks.generator
    judge = copy.deepcopy(networks.discriminator)
    batch = draw_batch(networks, None, 0)
    images, ws, known = batch.images, batch.ws, batch.known
    assert known == 2 and torch.allclose(images[:2], eight_bits(toy.synthesis(ws[:2])))
    codes = encoder(images)
    w, _ = encoder.codes(encoder.gather(encoder.see(images)))
    rendered = toy.synthesis(codes)
    terms = {
        "pixels": (rendered - images).pow(2).mean(),
        "features": load_lpips("vgg", torch.device("cpu"))(rendered, images).mean(),
        "offsets": (codes - w).pow(2).sum(2).mean() / toy.w_std**2,
        "latent": (codes[:2] - ws[:2]).pow(2).sum(2).mean() / toy.w_std**2,
        "adversarial": torch.log1p(torch.exp(-judge(rendered))).mean(),
    }
    sum(weights[name] * value for name, value in terms.items()).backward()
    row = encoder_step(networks, batch, 0)
    for name, value in terms.items():
        assert row[name] == pytest.approx(value.item(), rel=1e-4), name
    both = F.softplus(judge(rendered.detach())) + F.softplus(-judge(images))
    assert row["discriminator"] == pytest.approx(both.mean().item(), rel=1e-4)
    assert row["r1"] == pytest.approx(r1_penalty(judge, images).item(), rel=1e-3)
    before, after = dict(encoder.named_parameters()), dict(networks.encoder.named_parameters())
    for name in encoder.head().keys() - {"w_avg"}:
        change = after[name].detach() - before[name].detach()
        if name.startswith("reduce."):
            assert not change.any(), name
            continue
        gradient, inputs = before[name].grad, 160 if name.startswith("offsets.") else 512
        wanted = -0.5 / inputs * gradient / (gradient.abs() + 1e-8)
        clear = gradient.abs() > 1e-3 * gradient.abs().max()  # of a certain sign
        assert clear.float().mean() > 0.5, name
        off = (change - wanted)[clear].abs() > 0.02 * wanted[clear].abs()
        assert off.float().mean() < 1e-3, name


def test_rates_rise_then_fall_and_are_shared_among_the_inputs(quick):
    networks, rates = build(quick(steps=200, lr=0.5)), []
    for step in range(200):
        set_rates(networks, step)
        base, hidden, offsets = (group["lr"] for group in networks.optimizer.param_groups)
        assert base == hidden == pytest.approx(offsets * 160 / 512)
        rates.append(base * 512)
    assert rates[0] == pytest.approx(0.5 / 50, rel=1e-3)
    assert rates.index(max(rates)) == 49 and rates[100] == pytest.approx(0.25)
    assert 0 < rates[-1] < 1e-4
    assert rates[:50] == sorted(rates[:50]) and rates[49:] == sorted(rates[49:], reverse=True)


def test_style_inputs_are_unlocked_one_by_one_from_the_coarsest(quick):
    networks, unlocked = build(quick(steps=100, progressive=0.4)), []
    for step in range(100):
        set_rates(networks, step)
        unlocked.append(networks.encoder.unlocked)
    assert unlocked[:40] == [step // 5 for step in range(40)]
    assert unlocked[40:] == [8] * 60


@pytest.mark.parametrize(("resolution", "sizes"), [(64, [32]), (128, [64, 32]), (256, [128, 64])])
def test_features_are_compared_on_a_random_quarter_and_on_the_whole(resolution, sizes):
    seen = []

    def record(images, wanted):
        assert torch.allclose(images, wanted + 1, atol=1e-5)  # the same part of both
        seen.append(images)
        return torch.full((2,), float(len(seen)))

    images = noise(0, n=2, size=resolution)
    distance = feature_distance(images + 1, images, seeded(), record)
    assert [x.shape[-1] for x in seen] == sizes
    assert distance.item() == pytest.approx(1 if len(sizes) == 1 else 4 / 3)
    if len(sizes) == 2:
        means = (images + 1).reshape(2, 3, sizes[1], 4, sizes[1], 4).mean((3, 5))
        assert torch.allclose(seen[1], means, atol=1e-5)
    corners = set()
    for seed in range(6):
        seen.clear()
        feature_distance(images + 1, images, seeded(seed), record)
        corners.add(seen[0][0, 0, 0, 0].item())
    assert len(corners) > 3

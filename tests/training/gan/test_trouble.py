"""What goes wrong in a GAN's training, and is told."""

import math

import numpy as np
import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.training.checkpoint import read_notes
from ganinv.training.gan.train import gan_task
from ganinv.training.gan.trouble import find_trouble, spread, tell_trouble
from ganinv.training.loop import train
from helpers.checks import strict_json
from helpers.tensors import quiet


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_divergence_is_told_and_the_checkpoint_from_before_is_kept(
    quick, tmp_path, objective, build, train_gan
):
    params = quick(objective=objective, steps=8, save_every=2)
    train_gan(quick(objective=objective, steps=2, save_every=2), say=quiet)
    path = tmp_path / "run" / "checkpoint.safetensors"
    before = path.read_bytes()
    networks = build(params)
    for group in networks.adam_discriminator.param_groups:
        group["lr"] = 1e30  # which is no part of a checkpoint
    with pytest.raises(ParamsError, match=r"became (nan|-?inf) at step \d: .* diverged.* smaller"):
        train(gan_task(networks, quiet, None), params, say=quiet)
    assert path.read_bytes() == before
    train_gan(params, say=quiet)
    assert read_notes(path)["step"] == 8


def colours_of(count, seed, colours=None, size=32):
    """Images of one colour each: of `colours`, in turn, or of any."""
    rng = torch.Generator().manual_seed(seed)
    drawn = torch.rand(colours or count, 3, 1, 1, generator=rng) * 2 - 1
    return drawn[torch.arange(count) % len(drawn)].expand(-1, -1, size, size)


def test_spread_is_the_mean_squared_distance_of_pairs():
    images = torch.randn(9, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    small = torch.nn.functional.avg_pool2d(images, 2).flatten(1).double()
    distances = torch.cdist(small, small).square() / small.shape[1]
    assert spread(images) == pytest.approx(distances.sum().item() / (9 * 8), rel=1e-6)


@pytest.mark.parametrize("colours", [1, 2, 4, 8])
def test_k_images_differ_by_1_less_1_over_k_of_all(colours):
    """The law that the threshold rests on, on average over sets."""
    ratios = [
        spread(colours_of(64, seed, colours)) / spread(colours_of(64, seed + 1000))
        for seed in range(150)
    ]
    assert np.mean(ratios) == pytest.approx(1 - 1 / colours, abs=0.08)


def rows(losses, gradient=1.0, start=1):
    return [
        {"step": start + i, "discriminator": loss, "generator_gradient": gradient}
        for i, loss in enumerate(losses)
    ]


def look(step, diversity):
    return {"step": step, "spread": diversity}


def test_samples_that_hardly_differ_are_told_once_two_looks_agree():
    start = [look(step, 0.01) for step in (0, 100, 200)]  # nothing was learnt yet
    assert find_trouble(start, "hinge") == {}
    assert find_trouble([*start, look(300, 0.2)], "hinge") == {}
    found = find_trouble([*start, look(300, 0.2), look(400, 0.3)], "hinge")
    assert found.keys() == {"no variety"} and "0.30 of the real images'" in found["no variety"]
    assert find_trouble([*start, look(300, 0.2), look(400, 0.6)], "hinge") == {}
    assert find_trouble([*start, look(300, 0.9), look(400, 0.1)], "hinge") == {}
    found = find_trouble([look(300, 0.9), look(400, 0.1), look(500, 0.1)], "hinge")
    assert found.keys() == {"collapse"}


def test_troubles_are_listed_where_they_begin():
    shares = (0.1, 0.2, 0.3, 0.9, 0.1, 0.1, 0.1)
    history = [look(300 + 100 * i, share) for i, share in enumerate(shares)]
    told = tell_trouble(history, "hinge")
    assert [(row["step"], row["kind"]) for row in told] == [(400, "no variety"), (800, "collapse")]
    assert told[1]["text"] == find_trouble(history[:6], "hinge")["collapse"]
    assert tell_trouble(history[3:5], "hinge") == []


@pytest.mark.parametrize(
    ("objective", "chance"),
    [
        ("nonsaturating", 2 * math.log(2)),
        ("minimax", 2 * math.log(2)),
        ("lsgan", 0.5),
        ("hinge", 2),
    ],
)
def test_a_discriminator_that_wins_for_long_is_told_with_the_generators_gradient(objective, chance):
    beginning = rows([chance] * 50, gradient=2.0) + rows([chance] * 50, 2.0, 51)
    won = rows([0.009 * chance] * 100, gradient=1e-5, start=101)
    found = find_trouble(beginning + won, objective)
    assert found.keys() == {"overpowered"}
    assert "gradient is 1e-05; it was 2 at" in found["overpowered"]
    assert find_trouble(beginning + won[:99], objective) == {}
    almost = rows([0.011 * chance], start=150)
    assert find_trouble(beginning + won[:50] + almost + won[51:], objective) == {}


def test_a_critic_cannot_win():
    assert find_trouble(rows([-50.0] * 300), "wgan-gp") == {}


def test_a_want_of_variety_is_said_once_noted_and_not_fatal(quick, tmp_path, build):
    """The samples hardly differ: of any z, the running average shows nearly the same image."""
    params, said = quick(steps=405, save_every=101, width=1, batch=2), []
    networks = build(params)
    draw = networks.draw_z
    networks.draw_z = lambda count, rng: torch.ones(count, 8) + 1e-3 * draw(count, rng)
    networks.settle = lambda: None  # it would divide by the spread of that z
    train(gan_task(networks, said.append, None), params, say=said.append)
    warned = [text for text in said if text.startswith("warning")]
    assert len(warned) == 1 and "step 303: the samples hardly differ" in warned[0]
    (noted,) = strict_json(tmp_path / "run" / "card.json")["trouble"]
    assert (noted["step"], noted["kind"]) == (303, "no variety") and noted["text"] in warned[0]
    history = strict_json(tmp_path / "run" / "history.json")
    marks = {row["step"]: row["trouble"] for row in history if "trouble" in row}
    assert marks == {0: [], 101: [], 202: []} | {step: ["no variety"] for step in (303, 404, 405)}


def test_a_generator_that_stands_still_loses_to_its_discriminator(quick, tmp_path, train_gan):
    """Minimax, at a rate of nothing for the generator: its gradient goes, as the paper says."""
    said = []
    params = quick(
        objective="minimax", steps=220, save_every=110, lr_generator=1e-12, lr_discriminator=2e-3
    )
    train_gan(params, say=said.append)
    kinds = {row["kind"] for row in strict_json(tmp_path / "run" / "card.json")["trouble"]}
    assert "overpowered" in kinds
    assert any("tells all fakes apart" in text for text in said)
    rows = [r for r in strict_json(tmp_path / "run" / "history.json") if "generator" in r]
    gradients = [row["generator_gradient"] for row in rows]
    assert np.median(gradients[-10:]) < 0.05 * np.median(gradients[:10])

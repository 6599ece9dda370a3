"""The search as a whole, on the toy generator: it finds what is there, repeats, and stops."""

import math

import numpy as np
import pytest
import torch

import ganinv
from ganinv.errors import ParamsError
from ganinv.images.pixels import quantize
from ganinv.losses import lpips
from ganinv.losses.reconstruction import make_loss
from helpers.checks import assert_same_bits, psnr
from helpers.searches import search
from helpers.toys import poisoned

# --- it finds what is there ---


@pytest.mark.parametrize("k", [0, 1, 2])
def test_known_latent_is_recovered(toy, toy_images, k):
    images, ws = toy_images
    run = search(toy, images[k], steps=150)
    assert run.history[0]["loss"] / run.best_loss > 100
    assert run.metrics["psnr"] > 35
    assert psnr(run.image, images[k]) > 35
    start_distance = (toy.w_avg - ws[k, 0]).norm()
    assert (run.latent[0] - ws[k, 0]).norm() < 0.2 * start_distance


def test_lbfgs_recovers_it_in_fewer_evaluations(toy, toy_images):
    run = search(toy, toy_images[0][1], optimizer="lbfgs", lr=1.0, steps=20)
    assert run.history[0]["loss"] / run.best_loss > 100
    assert run.evaluations < 75


def test_lpips_search_lowers_the_metric_it_minimizes(toy, toy_images):
    run = search(toy, toy_images[0][0], loss="lpips", lpips_net="alex", steps=40)
    start = search(toy, toy_images[0][0], steps=0)
    assert run.metrics["lpips_alex"] < start.metrics["lpips_alex"] / 5
    assert run.best_loss < run.history[0]["loss"] / 5


def test_sum_of_losses_writes_each_term(toy, toy_images):
    run = search(toy, toy_images[0][0], loss={"l2": 2.0, "lpips_alex": 0.5}, steps=4)
    for row in run.history:
        assert row["loss"] == pytest.approx(2 * row["l2"] + 0.5 * row["lpips_alex"])


def test_result_is_measured_on_the_final_float32_image(toy, toy_images):
    run = search(toy, toy_images[0][0], precision="bf16")
    with torch.no_grad():
        assert torch.equal(run.image, toy.synthesis(run.latent[None])[0])
    assert run.metrics == ganinv.compute_metrics(run.image, run.target)
    assert torch.equal(run.target, quantize(toy_images[0][0]))


def test_no_steps_render_the_start(toy, toy_images):
    run = search(toy, toy_images[0][0], steps=0)
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert run.history == [] and run.evaluations == 0 and run.best_step == 0
    assert run.stopped == ""
    assert math.isfinite(run.metrics["psnr"])


def test_inverting_changes_neither_generator_nor_target(toy, toy_images):
    target = toy_images[0][0].clone()
    before = {name: tensor.clone() for name, tensor in toy.state_dict().items()}
    search(toy, target, space="w+")
    assert all(torch.equal(tensor, before[name]) for name, tensor in toy.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in toy.parameters())
    assert torch.equal(target, toy_images[0][0])


def test_inverting_leaves_global_state_alone(toy, toy_images):
    lpips._load.cache_clear()  # building the metric is part of what is looked at
    random, device = torch.get_rng_state(), torch.get_default_device()
    search(toy, toy_images[0][0], init="random", loss="lpips", lpips_net="alex")
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_default_device() == device
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


# --- the same bits ---


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"space": "w+", "init": "random"},
        {"loss": "lpips", "lpips_net": "alex"},
        {"optimizer": "lbfgs"},
        {"precision": "bf16"},
    ],
)
def test_same_seed_gives_the_same_bits(toy, toy_images, changes):
    assert_same_bits(*(search(toy, toy_images[0][0], **changes) for _ in range(2)))


def test_another_seed_gives_other_bits(toy, toy_images):
    runs = [search(toy, toy_images[0][0], init="random", seed=seed) for seed in (0, 1)]
    assert not torch.equal(runs[0].latent, runs[1].latent)


def test_another_image_draws_another_start(toy, toy_images):
    runs = [
        search(toy, toy_images[0][0], init="random", image_id=name, steps=0) for name in ("a", "b")
    ]
    assert not torch.equal(runs[0].latent, runs[1].latent)


def test_global_seed_does_not_matter(toy, toy_images):
    runs = []
    with torch.random.fork_rng(devices=[]):
        for seed in (0, 1):
            torch.manual_seed(seed)
            np.random.seed(seed)
            runs.append(search(toy, toy_images[0][0], init="random"))
    assert_same_bits(*runs)


# --- a loss that is not finite ---


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 0.1), ("lbfgs", 1.0)])
def test_loss_that_is_not_finite_stops_with_the_best_so_far(toy, toy_images, optimizer, lr, value):
    changes = dict(optimizer=optimizer, lr=lr, lr_schedule="constant", steps=20)
    run = search(poisoned(toy, 9, value), toy_images[0][0], **changes)
    step = len(run.history) + 1
    assert 1 < step <= 9
    assert f"the loss became {value} at step {step}" in run.stopped
    assert "best latent" in run.stopped
    assert run.evaluations == 9
    assert torch.isfinite(run.latent).all() and torch.isfinite(run.image).all()
    assert run.best_loss <= min(row["loss"] for row in run.history)
    objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
    assert objective(run.image[None])[0].item() == pytest.approx(run.best_loss, rel=1e-4)


def test_first_loss_not_finite_keeps_the_start(toy, toy_images):
    run = search(poisoned(toy, 1), toy_images[0][0], snapshot_every=2)
    assert "at step 1" in run.stopped
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert run.history == []


def test_divergence_stops_by_itself(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e30, lr_schedule="constant", steps=20)
    assert "the loss became" in run.stopped and len(run.history) < 20
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert math.isfinite(run.metrics["psnr"]) and math.isfinite(run.metrics["lpips_vgg"])


def test_snapshots_end_where_the_search_stopped(toy, toy_images):
    run = search(poisoned(toy, 4), toy_images[0][0], steps=50, snapshot_every=2)
    assert run.stopped and len(run.history) == 3
    assert run.snapshots[-1][0] <= 4


# --- refused arguments ---


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 3, 32, 32), (1, 32, 32), (3, 32, 31), (32, 32)])
def test_target_of_another_shape_is_refused(toy, shape):
    with pytest.raises(ValueError, match=r"\(3, 32, 32\)"):
        search(toy, torch.zeros(shape))


@pytest.mark.parametrize(
    "wrong",
    [
        {"space": "z"},
        {"loss": "l1"},
        {"loss": {"l2": 1.0, "ssim": 1.0}},
        {"optimizer": "sgd"},
        {"lr_schedule": "cosine"},
        {"precision": "fp16"},
        {"compile": "yes"},
        {"steps": -1},
        {"init": "zeros"},
    ],
    ids=str,
)
def test_values_that_do_not_exist_are_refused(toy, toy_images, wrong):
    with pytest.raises(ValueError):
        search(toy, toy_images[0][0], **wrong)


def test_names_that_do_not_exist_are_refused(toy, toy_images):
    with pytest.raises(ParamsError, match="learning_rate"):
        search(toy, toy_images[0][0], learning_rate=0.1)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_render_no_numbers_are_told_by_the_generators_name(toy, toy_images, value):
    """Not the photograph's; later in a search it is the latent that went astray."""
    target = toy_images[0][0]
    run = search(poisoned(toy, 1, value), target)
    assert "at step 1: toy renders NaN or infinite values of the start" in run.stopped
    assert "toy" not in search(poisoned(toy, 3, value), target).stopped

"""The state of a search: its history, the best so far, pictures, noise on the latent, the end."""

import math

import numpy as np
import pytest
import torch

from ganinv.images.pixels import to_uint8
from ganinv.inversion.invert import evaluate
from ganinv.inversion.optimizers import Adam, Rates, ramp
from ganinv.inversion.params import SearchParams
from ganinv.inversion.search import Search
from ganinv.losses.reconstruction import make_loss
from ganinv.seeds import image_rng
from helpers.searches import search
from helpers.toys import rendering_by

COLUMNS = ["step", "loss", "l2", "lr", "seconds", "evaluations", "best_step", "phase"]

# --- history ---


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_history_has_one_row_per_step(toy, toy_images, optimizer):
    run = search(toy, toy_images[0][0], optimizer=optimizer, steps=7)
    assert [row["step"] for row in run.history] == list(range(1, 8))
    for row in run.history:
        assert list(row) == COLUMNS and row["phase"] == "code"
        assert row["loss"] == row["l2"] and math.isfinite(row["loss"])
    for key in ("seconds", "evaluations"):
        values = [row[key] for row in run.history]
        assert values == sorted(values) and values[0] > 0
        assert values[-1] == getattr(run, key)


def test_history_keeps_its_columns_once_lbfgs_has_converged(toy, toy_images):
    run = search(toy, toy_images[0][0], optimizer="lbfgs", lr=1.0, steps=100)
    assert run.history[-1]["evaluations"] == run.history[-2]["evaluations"]  # nothing left to do
    for row in run.history:
        assert list(row) == COLUMNS


def test_learning_rates_follow_the_schedule(toy, toy_images):
    ramp = search(toy, toy_images[0][0], steps=20).history
    assert ramp[0]["lr"] == 0 and ramp[10]["lr"] == pytest.approx(0.1)
    assert 0 < ramp[-1]["lr"] < 0.05
    flat = search(toy, toy_images[0][0], steps=3, lr_schedule="constant").history
    assert [row["lr"] for row in flat] == [0.1] * 3


@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 0.1), ("lbfgs", 1.0)])
def test_every_evaluation_is_counted(toy, toy_images, optimizer, lr):
    calls = []

    def counting(ws, **options):
        calls.append(ws.requires_grad)
        return toy.synthesis(ws, **options)

    run = search(rendering_by(toy, counting), toy_images[0][0], optimizer=optimizer, lr=lr, steps=9)
    assert run.evaluations == sum(calls)  # of these the search wants gradients
    assert len(calls) == run.evaluations + 1  # and one renders the result
    assert run.evaluations == 9 if optimizer == "adam" else run.evaluations > 9


# --- the best latent ---


@pytest.mark.parametrize("loss", ["l2", "lpips"])
@pytest.mark.parametrize("lr", [0.3, 3.0])
def test_best_latent_is_the_best_seen_and_its_loss_reproduces(toy, toy_images, loss, lr):
    run = search(
        toy,
        toy_images[0][0],
        space="w+",
        loss=loss,
        lpips_net="alex",
        lr=lr,
        steps=15,
        lr_schedule="constant",
    )
    losses = [row["loss"] for row in run.history]
    assert run.best_loss == min(losses)
    assert run.best_step == losses.index(min(losses)) + 1
    objective = make_loss(loss, run.target, lpips_net="alex", loss_resolution=256)
    with torch.no_grad():
        again = objective(toy.synthesis(run.latent[None]))[0].item()
    assert again == pytest.approx(run.best_loss, rel=1e-4)


def test_start_is_kept_when_every_step_makes_it_worse(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=50.0, lr_schedule="constant", steps=4)
    assert run.best_step == 1
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert min(row["loss"] for row in run.history[1:]) > run.best_loss


def test_best_of_lbfgs_counts_every_evaluation(toy, toy_images):
    seen = []

    def recording(ws, **options):
        images = toy.synthesis(ws, **options)
        if ws.requires_grad:  # a step's, not the result
            seen.append(images.detach().clone())
        return images

    own = rendering_by(toy, recording)
    run = search(own, toy_images[0][0], optimizer="lbfgs", lr=1.0, steps=8)
    objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
    assert run.best_loss == min(objective(images)[0].item() for images in seen)
    assert len(seen) == run.evaluations


def test_a_trace_holds_the_best_at_the_evaluations_asked_for(toy, toy_images):
    run = search(toy, toy_images[0][0], steps=10, trace_at=(7, 2, 10))
    assert [found.evaluations for found in run.trace] == [2, 7, 10]
    assert torch.equal(run.trace[-1].latent, run.latent)
    short = search(toy, toy_images[0][0], steps=10, trace_at=(3,)).trace[0]
    objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
    with torch.no_grad():
        value = objective(toy.synthesis(short.latent[None]))[0].item()
    assert value == pytest.approx(min(row["loss"] for row in run.history[:3]), rel=1e-4)
    assert short.seconds > 0


# --- pictures ---


@pytest.mark.parametrize(
    ("steps", "every", "wanted"), [(5, 2, [0, 2, 4, 5]), (4, 2, [0, 2, 4]), (3, 9, [0, 3])]
)
def test_snapshots_come_every_n_steps_and_at_the_end(toy, toy_images, steps, every, wanted):
    run = search(toy, toy_images[0][0], steps=steps, snapshot_every=every)
    assert [step for step, _ in run.snapshots] == wanted
    assert all(picture.shape == (32, 32, 3) for _, picture in run.snapshots)
    assert np.array_equal(run.snapshots[-1][1], to_uint8(run.image))


def test_the_first_steps_are_shown_more_often(toy, toy_images):
    run = search(toy, toy_images[0][0], steps=12, snapshot_every=8)
    assert [step for step, _ in run.snapshots] == [0, 5, 8, 12]
    run = search(toy, toy_images[0][0], steps=12, snapshot_every=12)
    assert [step for step, _ in run.snapshots] == [0, 5, 10, 12]


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_first_snapshot_is_the_start(toy, toy_images, optimizer):
    run = search(toy, toy_images[0][0], optimizer=optimizer, lr=1.0, snapshot_every=3)
    start = toy.synthesis(toy.w_avg.expand(1, 8, -1))[0]
    step, picture = run.snapshots[0]
    assert step == 0
    assert np.abs(picture.astype(int) - to_uint8(start)).max() <= 1


def test_no_snapshots_when_not_asked(toy, toy_images):
    assert search(toy, toy_images[0][0]).snapshots == []


# --- noise on the latent ---


def watched(toy, seen, *, steps, space="w+"):
    """A search that stands still, and notes the ws it renders."""

    def objective(image, ws):
        seen.append(ws.detach()[0])
        return image.square().mean(), {}

    params = SearchParams(space=space, noise_injection=0.2, steps=steps, snapshot_every=0)
    state = Search(toy, toy.w_avg[None], {}, params, rng=image_rng(0, "x"))
    optimizer = Adam(state.variables)
    rates = Rates(1e-9, "constant", steps)
    for step in range(1, steps + 1):
        state.begin(step, rates.share(step))
        optimizer.step(lambda: evaluate(state, toy.synthesis, objective), rates.rate(step))
    return state


def test_injected_noise_falls_to_nothing_as_published(toy):
    seen = []
    watched(toy, seen, steps=40)
    for step, ws in enumerate(seen):
        spread = 0.2 * toy.w_std.item() * max(0.0, 1 - step / 40 / 0.75) ** 2
        assert (ws - toy.w_avg).std().item() == pytest.approx(spread, rel=0.25, abs=1e-6)


def test_in_w_all_rows_get_the_same_noise(toy):
    seen = []
    watched(toy, seen, steps=4, space="w")
    assert all(torch.equal(ws, ws[:1].expand_as(ws)) for ws in seen)
    assert not torch.equal(seen[0][0], toy.w_avg)


def test_the_best_is_one_whose_loss_is_its_own(toy, toy_images):
    run = search(toy, toy_images[0][0], noise_injection=0.3, steps=20)
    assert run.best_step > 15  # the first without noise is step 16
    with torch.no_grad():
        objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
        again = objective(toy.synthesis(run.latent[None]))[0].item()
    assert again == pytest.approx(run.best_loss, rel=1e-4)


# --- the end ---


def test_a_plateau_ends_a_constant_rate_at_once(toy, toy_images):
    flat = dict(lr=1e-9, steps=50, plateau=5)
    run = search(toy, toy_images[0][0], lr_schedule="constant", **flat)
    assert len(run.history) == 9 and run.stopped == ""  # its first 5 % do not count


def test_a_plateau_begins_the_ramps_fall(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e-9, steps=100, plateau=12, lr_schedule="ramp")
    assert len(run.history) == math.ceil(18 / 0.75)  # the first 5 steps do not count
    rates = [row["lr"] for row in run.history]
    assert rates[18:] == [1e-9 * ramp(step, 24) for step in range(18, 24)]
    assert rates[-1] < 0.2e-9


def test_a_rate_that_is_still_rising_is_no_plateau(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e-9, steps=100, plateau=2, lr_schedule="ramp")
    assert len(run.history) == math.ceil(8 / 0.75)  # from step 6 on, three losses


def test_a_search_that_gets_on_is_not_ended(toy, toy_images):
    run = search(toy, toy_images[0][0], steps=30, plateau=10)
    assert len(run.history) == 30
    assert run.history[-1]["loss"] < run.history[9]["loss"]


def test_a_plateau_near_the_end_adds_no_steps(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e-9, steps=20, plateau=18, lr_schedule="ramp")
    assert len(run.history) == 20

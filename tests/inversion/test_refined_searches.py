"""Searches that are refined: their history, ways to end, callbacks, spaces and losses."""

import math

import pytest
import torch

import ganinv
from ganinv.errors import ParamsError
from ganinv.inversion.refinement import render_refined
from ganinv.losses.reconstruction import make_loss
from helpers.checks import assert_same_bits
from helpers.refinements import REFINES, bumped_image, refined, rows_of
from helpers.searches import search
from helpers.tensors import assert_same
from helpers.toys import draw_image

every_refine = pytest.mark.parametrize("refine", REFINES)


@pytest.fixture(scope="module")
def target(toy):
    return bumped_image(toy)[1]


def l2(images, target, ws):
    """What l2_full is."""
    return (images - target).square().mean()


def failing_at(number, value=math.nan, error=None):
    """A loss whose value at one call is another number, or that raises there."""
    calls = []

    def loss(images, target, ws):
        calls.append(1)
        if len(calls) == number and error is not None:
            raise error
        return l2(images, target, ws) * (value if len(calls) == number else 1)

    return loss


# --- the history ---


@every_refine
def test_the_history_goes_on_in_the_second_phase(toy, target, refine):
    losses = dict(loss={"l2": 1.0}, refine_loss={"l2_full": 2.0, "lpips_alex": 0.5})
    run = refined(toy, target, refine, steps=3, refine_steps=4, **losses)
    assert [row["phase"] for row in run.history] == ["code"] * 3 + ["refine"] * 4
    assert [row["step"] for row in run.history] == list(range(1, 8))
    assert [row["evaluations"] for row in run.history] == list(range(1, 8))
    assert run.evaluations == 7 and run.best_step > 3
    seconds = [row["seconds"] for row in run.history]
    assert seconds == sorted(seconds) and run.seconds == seconds[-1]
    for row in rows_of(run, "code"):
        assert "l2_full" not in row and row["loss"] == row["l2"]
    for row in rows_of(run, "refine"):
        assert "l2" not in row
        assert row["loss"] == pytest.approx(2 * row["l2_full"] + 0.5 * row["lpips_alex"])


def test_the_code_is_that_of_a_search_without_refinement(toy, target):
    plain = search(toy, target, space="w+", steps=5)
    for refine in REFINES:
        run = refined(toy, target, refine, steps=5)
        assert torch.equal(run.latent, plain.latent) and torch.equal(run.code_image, plain.image)
        assert run.code_metrics == plain.metrics
        code = [row["loss"] for row in rows_of(run, "code")]
        assert code == [row["loss"] for row in plain.history]


def test_a_trace_goes_on_into_the_refinement(toy, target):
    run = refined(toy, target, "features", steps=3, refine_steps=8, trace_at=(2, 3, 6, 11))
    assert [found.evaluations for found in run.trace] == [2, 3, 6, 11]
    assert [bool(found.refinement) for found in run.trace] == [False, False, True, True]
    errors = []
    for found in run.trace:
        image = render_refined(toy, found.latent, found.noise, found.refinement)
        errors.append((image - run.target).square().mean().item())
    assert errors == sorted(errors, reverse=True) and errors[2] > errors[3]
    assert errors[3] == pytest.approx(run.best_loss, rel=1e-4)
    assert torch.equal(run.trace[2].latent, run.trace[3].latent)


# --- ends ---


def test_refine_stop_ends_once_the_first_lpips_term_is_low(toy, target):
    loss = {"l2_full": 4.0, "lpips_alex": 1.0, "lpips_vgg": 0.0}
    full = refined(toy, target, "features", refine_loss=loss, refine_steps=20)
    values = [row["lpips_alex"] for row in rows_of(full, "refine")]
    wanted = values[8]
    first = next(i for i, value in enumerate(values) if value <= wanted)
    assert 0 < first < 19
    run = refined(toy, target, "features", refine_loss=loss, refine_steps=20, refine_stop=wanted)
    assert [row["lpips_alex"] for row in rows_of(run, "refine")] == values[: first + 1]
    assert run.stopped == "" and not run.interrupted


@every_refine
def test_a_loss_that_is_not_finite_keeps_the_best_before_it(toy, target, refine):
    short = refined(toy, target, refine, refine_lr_schedule="constant", refine_steps=12)
    run = refined(
        toy, target, refine, refine_lr_schedule="constant", refine_loss=failing_at(7, math.inf)
    )
    assert run.stopped == "the loss became inf at step 9; the best so far is kept"
    assert len(rows_of(run, "refine")) == 6
    assert run.best_loss == min(row["loss"] for row in rows_of(short, "refine")[:6])
    error = (run.image - run.target).square().mean().item()
    assert error == pytest.approx(run.best_loss, rel=1e-2)


@every_refine
def test_nan_at_once_leaves_the_code(toy, target, refine):
    plain = refined(toy, target, "none")
    run = refined(toy, target, refine, refine_loss=failing_at(1))
    assert "nan at step 3" in run.stopped and run.refinement == {} and run.code_image is None
    assert torch.equal(run.image, plain.image) and run.metrics == plain.metrics
    assert (run.best_loss, run.best_step) == (plain.best_loss, plain.best_step)


def test_nan_in_the_search_is_not_refined(toy, target):
    run = refined(toy, target, "features", loss=failing_at(2))
    assert "nan at step 2" in run.stopped
    assert run.refinement == {} and rows_of(run, "refine") == []


@every_refine
def test_an_interrupt_keeps_the_best_so_far(toy, target, refine):
    def enough(state):
        if state.step == 8:
            raise KeyboardInterrupt

    run = refined(toy, target, refine, callback=enough, keep_interrupted=True)
    assert run.interrupted and run.stopped.startswith("interrupted at step 8 of 14; ")
    assert len(run.history) == 8 and run.refinement
    short = refined(toy, target, refine, trace_at=[8]).trace[0]
    wanted = {name: x.half() for name, x in short.refinement.items()}
    assert_same(run.refinement, wanted)
    with pytest.raises(KeyboardInterrupt):
        refined(toy, target, refine, callback=enough)


def test_an_interrupt_before_the_first_image_of_it_leaves_the_code(toy, target):
    stop = failing_at(1, error=KeyboardInterrupt())
    run = refined(toy, target, "weights", refine_loss=stop, keep_interrupted=True)
    plain = refined(toy, target, "none")
    assert run.interrupted and run.refinement == {} and torch.equal(run.image, plain.image)
    assert (run.best_loss, run.best_step) == (plain.best_loss, plain.best_step)


# --- callbacks ---


@every_refine
def test_a_callback_sees_the_refinement_and_changes_nothing(toy, target, refine):
    seen = []

    def look(state):
        seen.append((state, state.image.clone()))
        state.image.zero_()
        state.latent.zero_()

    run = refined(toy, target, refine, callback=look)
    assert_same_bits(run, refined(toy, target, refine))
    assert [state.phase for state, _ in seen] == ["code"] * 2 + ["refine"] * 12
    assert all(state.steps == 14 for state, _ in seen)
    objective = make_loss("l2_full", run.target, lpips_net="vgg", loss_resolution=256)
    for (state, image), row in zip(seen, run.history, strict=True):
        assert (state.step, state.loss, state.lr) == (row["step"], row["loss"], row["lr"])
        if state.phase == "refine":
            assert torch.equal(state.latent, run.latent)
            assert objective(image[None])[0].item() == pytest.approx(state.loss, rel=1e-5)
    state = seen[-1][0]
    assert (state.best_loss, state.best_step) == (run.best_loss, run.best_step)


# --- spaces, losses, optimizers, noise ---


@every_refine
@pytest.mark.parametrize("space", ["w", "w+"])
def test_either_space_is_refined(toy, target, space, refine):
    run = refined(toy, target, refine, space=space, steps=20)
    rows = {tuple(row.tolist()) for row in run.latent}
    assert (len(rows) == 1) is (space == "w")
    assert run.metrics["psnr"] > run.code_metrics["psnr"]


@every_refine
@pytest.mark.parametrize("changes", [dict(optimizer="lbfgs", lr=1.0), dict(coordinates="style")])
def test_either_optimizer_and_coordinates_go_before(toy, target, changes, refine):
    run = refined(toy, target, refine, **changes)
    assert run.metrics["psnr"] > run.code_metrics["psnr"]
    assert len(run.history) == 14
    evaluations = [row["evaluations"] for row in run.history]
    assert evaluations == sorted(evaluations) and evaluations[-1] - evaluations[1] == 12


@every_refine
@pytest.mark.parametrize("maps", ["optimized", "dropped"])
def test_noise_maps_stay_as_the_search_left_them(toy, target, refine, maps):
    run = refined(toy, target, refine, noise_maps=maps, steps=5)
    plain = refined(toy, target, "none", noise_maps=maps, steps=5)
    assert bool(run.noise) is (maps == "optimized")
    assert_same(run.noise, plain.noise)
    assert torch.equal(run.code_image, plain.image)
    again = render_refined(toy, run.latent, run.noise, run.refinement)
    assert torch.equal(run.image, again)
    # its steps were taken with the same maps
    first = rows_of(run, "refine")[0]["loss"]
    before = (run.code_image - run.target).square().mean().item()
    assert first == pytest.approx(before, rel=1e-4)
    assert run.metrics["psnr"] > run.code_metrics["psnr"]


def test_a_generator_whose_latent_is_z_is_refined(dcgan):
    _, image = draw_image(dcgan)
    for refine in REFINES:
        run = refined(dcgan, image, refine, steps=0)
        assert run.latent.shape == (1, 16)
        assert run.metrics["psnr"] > run.code_metrics["psnr"] + 0.5


@every_refine
def test_a_loss_of_ones_own_is_minimized_like_one_of_the_table(toy, target, refine):
    named, own = (refined(toy, target, refine, refine_loss=loss) for loss in ("l2_full", l2))
    assert own.best_loss == pytest.approx(named.best_loss, rel=1e-3)
    assert own.params.refine_loss == "own:l2"
    assert all(row["own:l2"] == row["loss"] for row in rows_of(own, "refine"))


def test_functions_of_both_losses_are_told_apart(toy, target):
    """Lambdas, and functions of one name."""
    run = refined(
        toy,
        target,
        steps=20,
        loss=lambda images, target, ws: (images - target).square().mean(),
        refine_loss=lambda images, target, ws: (images - target).abs().mean(),
    )
    assert run.params.loss == "own:lambda1" and run.params.refine_loss == "own:lambda2"
    plain = refined(toy, target, loss="l2", steps=20)
    assert torch.allclose(run.latent, plain.latent, atol=1e-4)
    error = (run.image - run.target).abs().mean().item()
    assert run.best_loss == pytest.approx(error, rel=1e-2)
    both = refined(toy, target, loss=l2, refine_loss={l2: 1.0, "lpips_alex": 0.1})
    assert both.params.loss == "own:l2" and "own:l2" in both.params.refine_loss
    again = ganinv.invert(toy, target, both.params, loss=l2, refine_loss={l2: 1, "lpips_alex": 0.1})
    assert_same_bits(both, again)


def test_a_loss_that_misses_the_image_is_refused(toy, target):
    with pytest.raises(ParamsError, match="own:elsewhere returned a tensor without a gradient"):

        def elsewhere(images, target, ws):
            return ws.square().mean()

        refined(toy, target, refine_loss=elsewhere)

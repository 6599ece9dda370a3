"""Looking at a search while it runs, and ending it by an interrupt."""

import math

import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.losses.reconstruction import make_loss
from helpers.checks import assert_same_bits
from helpers.searches import search
from helpers.toys import rendering_by

SEARCHES = {
    "adam": dict(loss={"l2": 1.0, "lpips_alex": 0.1}),
    "lbfgs": dict(optimizer="lbfgs", lr=1.0),
    "style": dict(space="w+", coordinates="style"),
    "noise": dict(space="w+", noise_maps="optimized", noise_injection=0.1),
}


@pytest.mark.parametrize("changes", SEARCHES.values(), ids=SEARCHES)
def test_a_callback_sees_every_step_and_changes_none(toy, toy_images, changes):
    states = []

    def spoil(state):
        states.append((state, state.as_dict(), state.latent, state.image))
        state.terms.clear()
        state.latent.zero_()
        state.image.zero_()
        torch.manual_seed(0)

    with torch.random.fork_rng(devices=[]):
        run = search(toy, toy_images[0][0], callback=spoil, **changes)
    assert_same_bits(run, search(toy, toy_images[0][0], **changes))
    assert len(states) == len(run.history) == 6
    for (state, numbers, latent, image), row in zip(states, run.history, strict=True):
        assert state.steps == 6 and state.phase == row["phase"] == "code"
        same = row.keys() - {"evaluations", "phase"}
        assert {name: numbers[name] for name in same} == {name: row[name] for name in same}
        assert all(type(value) in (int, float) for value in numbers.values())
        assert latent.shape == (8, 32) and image.shape == (3, 32, 32)
        assert not latent.requires_grad and not image.requires_grad
    state, _, latent, _ = states[-1]
    assert torch.equal(latent, run.latent)
    assert (state.best_loss, state.best_step) == (run.best_loss, run.best_step)


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_its_image_and_its_best_are_those_of_their_losses(toy, toy_images, name):
    """Also long after the step, and where L-BFGS evaluates several points in one."""
    states = []
    run = search(toy, toy_images[0][0], callback=states.append, **SEARCHES[name] | {"loss": "l2"})
    objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
    for state in states:
        assert objective(state.image[None])[0].item() == pytest.approx(state.loss, rel=1e-5)
        with torch.no_grad():
            best = toy.synthesis(state.latent[None])
        assert objective(best)[0].item() == pytest.approx(state.best_loss, rel=1e-4)
    assert min(state.loss for state in states) == states[-1].best_loss


def test_a_lbfgs_that_has_converged_is_still_seen(toy, toy_images):
    states = []
    search(toy, toy_images[0][0], optimizer="lbfgs", lr=1.0, steps=60, callback=states.append)
    assert len(states) == 60 and all(math.isfinite(state.loss) for state in states)
    assert torch.equal(states[-1].image, states[-2].image)


def test_the_state_is_one_short_line(toy, toy_images):
    states = []
    search(toy, toy_images[0][0], callback=states.append, steps=1)
    assert "tensor" not in repr(states[0]) and len(repr(states[0])) < 250


def test_its_errors_come_through(toy, toy_images):
    def broken(state):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        search(toy, toy_images[0][0], callback=broken, keep_interrupted=True)


def test_what_cannot_be_called_is_refused(toy, toy_images):
    with pytest.raises(ParamsError, match="callback must be a function"):
        search(toy, toy_images[0][0], callback="print")


# --- interrupts ---


def interrupted(generator, *at):
    """A copy of a generator that is interrupted at the images numbered `at`, from 1."""
    count = 0

    def synthesis(ws, **options):
        nonlocal count
        count += 1
        if count in at:
            raise KeyboardInterrupt
        return generator.synthesis(ws, **options)

    return rendering_by(generator, synthesis)


@pytest.mark.parametrize("changes", SEARCHES.values(), ids=SEARCHES)
def test_an_interrupted_search_keeps_its_best(toy, toy_images, changes):
    given = changes | dict(lr_schedule="constant", noise_injection=0.0)
    run = search(interrupted(toy, 5), toy_images[0][0], keep_interrupted=True, **given)
    assert run.interrupted
    step = len(run.history) + 1
    assert run.stopped == f"interrupted at step {step} of 6; the best latent so far is kept"
    assert run.evaluations == 4
    assert run.metrics["psnr"] > search(toy, toy_images[0][0], steps=0).metrics["psnr"]
    if run.best_step <= len(run.history):
        short = search(toy, toy_images[0][0], **given | dict(steps=len(run.history)))
        assert torch.equal(run.latent, short.latent) and run.metrics == short.metrics


def test_interrupted_before_the_first_image_it_gives_the_start(toy, toy_images):
    run = search(interrupted(toy, 1), toy_images[0][0], keep_interrupted=True)
    assert run.interrupted and run.stopped.startswith("interrupted at step 1 of 6")
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert run.history == [] and math.isfinite(run.metrics["psnr"])


def test_a_callback_may_interrupt(toy, toy_images):
    def enough(state):
        if state.step == 3:
            raise KeyboardInterrupt

    run = search(toy, toy_images[0][0], callback=enough, keep_interrupted=True)
    assert run.interrupted and len(run.history) == 3


def test_an_interrupt_comes_through_unless_asked_for(toy, toy_images):
    with pytest.raises(KeyboardInterrupt):
        search(interrupted(toy, 3), toy_images[0][0])


def test_a_second_interrupt_comes_through(toy, toy_images):
    with pytest.raises(KeyboardInterrupt):
        search(interrupted(toy, 3, 4), toy_images[0][0], keep_interrupted=True)


def test_a_search_that_ends_by_itself_was_not_interrupted(toy, toy_images):
    run = search(toy, toy_images[0][0], keep_interrupted=True)
    assert not run.interrupted and run.stopped == ""

"""Refinements: what each algorithm reaches, what it leaves alone, what a search says of it."""

import copy
import functools
import gc
import math
import weakref

import pytest
import torch

from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import save_latent
from ganinv.inversion.refine import find_failures
from ganinv.inversion.refinement import describe_refinement, render_refined, tune, weight_changes
from helpers.checks import assert_same_bits, psnr
from helpers.networks import assert_close, random_stylegan2, random_ws
from helpers.refinements import AT, REFINES, bumped_image, refined, rows_of, smooth_offset
from helpers.tensors import assert_same
from helpers.toys import build_dcgan, build_toy

BUILDERS = {
    "student": build_toy,
    "dcgan": build_dcgan,
    "skip": lambda: random_stylegan2(architecture="skip"),
    "resnet": lambda: random_stylegan2(architecture="resnet"),
}


@pytest.fixture(scope="module", params=BUILDERS)
def generator(request):
    return BUILDERS[request.param]()


@pytest.fixture(scope="module")
def refined_once(generator):
    """A function that gives the generator's bumped image, refined, once for all tests."""
    return functools.cache(lambda refine: refined(generator, bumped_image(generator)[1], refine))


every_refine = pytest.mark.parametrize("refine", REFINES)


def state_of(generator):
    return {name: x.clone() for name, x in generator.state_dict().items()}


# --- what is reached ---


def test_features_find_an_image_that_no_latent_renders(toy, tmp_path):
    """A drawn one whose features were moved: from its own latent the offset brings it back."""
    ws, target, plain = bumped_image(toy)
    save_latent(tmp_path / "drawn.safetensors", ws, toy)
    begin = dict(init=str(tmp_path / "drawn.safetensors"), steps=0)
    run = refined(toy, target, "features", refine_steps=150, **begin)
    assert torch.equal(run.latent, ws)
    assert_close(run.code_image, plain, 1e-6)
    assert psnr(run.code_image, run.target) < 30 and psnr(run.image, run.target) > 50
    offset = smooth_offset(toy, 0.5)
    with torch.no_grad():
        wanted = toy.synthesis(ws[None], features={AT: offset[None]})[0]
    assert psnr(run.image, wanted) > 50
    assert run.code_metrics["psnr"] < 30 and run.metrics["psnr"] > 50


@every_refine
def test_each_lowers_its_loss_and_ends_at_its_best(refined_once, refine):
    run = refined_once(refine)
    losses = [row["loss"] for row in rows_of(run, "refine")]
    assert len(losses) == 12 and run.best_loss == min(losses) < 0.9 * losses[0]
    assert run.history[run.best_step - 1]["loss"] == run.best_loss
    # up to the rounding of float16, the image is that of the best step, computed by the plain way
    error = (run.image - run.target).square().mean().item()
    assert error == pytest.approx(run.best_loss, rel=1e-2)
    before = (run.code_image - run.target).square().mean().item()
    assert before == pytest.approx(losses[0], rel=1e-4)
    assert run.metrics["psnr"] > run.code_metrics["psnr"]


@every_refine
@pytest.mark.parametrize("lr", [1.0, 100.0])
def test_none_ends_worse_than_it_began(toy, refine, lr):
    _, target, _ = bumped_image(toy)
    run = refined(toy, target, refine, refine_lr=lr, refine_lr_schedule="constant")
    losses = [row["loss"] for row in rows_of(run, "refine")]
    assert run.stopped or max(losses) > losses[0]  # such a rate leads away
    assert run.metrics["psnr"] >= run.code_metrics["psnr"] - 1e-3


@every_refine
def test_zero_steps_change_nothing(toy, refine):
    _, target, _ = bumped_image(toy)
    run = refined(toy, target, refine, refine_steps=0)
    assert_same_bits(run, refined(toy, target, "none"))
    assert run.refinement == {} and run.code_image is None and run.code_metrics == {}
    assert {row["phase"] for row in run.history} == {"code"}


# --- what a refinement is ---


@every_refine
def test_its_tensors_and_images_are_what_is_said(generator, refined_once, refine):
    run = refined_once(refine)
    shapes = {f"features.{AT}": generator.feature_shapes()[AT]} if refine != "weights" else {}
    if refine != "features":
        moving = generator.synthesis_parameters()
        shapes |= {f"weights.{name}": tuple(p.shape) for name, p in moving.items()}
    assert {name: tuple(x.shape) for name, x in run.refinement.items()} == shapes
    for x in run.refinement.values():
        assert x.dtype == torch.float16 and x.device.type == "cpu" and not x.requires_grad
    again = render_refined(generator, run.latent, run.noise, run.refinement)
    assert torch.equal(run.image, again) and not torch.equal(run.image, run.code_image)
    alone = render_refined(generator, run.latent, run.noise, {})
    assert torch.equal(run.code_image, alone)
    words = {"features": "features at 16", "weights": "weights"}
    words["both"] = "features at 16 and weights"
    assert describe_refinement(run.refinement) == words[refine]
    assert f"refined by {words[refine]}," in repr(run)


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
@pytest.mark.parametrize("refine", ["weights", "both"])
def test_demodulation_follows_the_weights_that_moved(architecture, refine):
    """Against a generator whose weights were changed by hand."""
    generator = random_stylegan2(architecture=architecture)
    _, target, _ = bumped_image(generator)
    run = refined(generator, target, refine, refine_lr=0.01 if refine == "weights" else 0.6)
    by_hand = random_stylegan2(seed=1, architecture=architecture)
    changes = weight_changes(run.refinement)
    by_hand.load_state_dict(
        {name: x + changes.get(name, 0) for name, x in generator.state_dict().items()}
    )
    by_hand.prepare()
    offsets = {AT: run.refinement[f"features.{AT}"].float()[None]} if refine == "both" else {}
    with torch.no_grad():
        wanted = by_hand.synthesis(run.latent[None], features=offsets)[0]
    assert_close(run.image, wanted, 1e-5)
    stale = copy.deepcopy(generator)
    for name, p in stale.synthesis_parameters().items():
        p += changes[name]
    with torch.no_grad():
        assert (stale.synthesis(run.latent[None], features=offsets)[0] - wanted).abs().max() > 1e-3


def test_a_generator_without_changes_is_returned_as_it_is(toy):
    assert tune(toy, {"features.16": torch.zeros(16, 16, 16)}) is toy


# --- what it leaves alone ---


@pytest.mark.parametrize("refine", ["weights", "both"])
def test_the_generators_own_weights_stay_and_stay_frozen(generator, refine):
    before, ws = state_of(generator), random_ws(generator, 1)
    image = generator.synthesis(ws)
    refined(generator, bumped_image(generator)[1], refine)
    assert_same(state_of(generator), before)
    assert not any(p.requires_grad or p.grad is not None for p in generator.parameters())
    assert not generator.training
    assert_close(generator.synthesis(ws), image, 1e-6)


@pytest.mark.parametrize("order", ["weights weights", "both weights"])
def test_photographs_do_not_touch_each_other(order):
    first, second = order.split()
    one, other = (bumped_image(build_toy(), seed=seed)[1] for seed in (1, 2))
    alone = refined(build_toy(), other, second)
    shared = build_toy()
    refined(shared, one, first, refine_lr=0.01)
    after = refined(shared, other, second)
    assert_same_bits(after, alone)
    assert_same(after.refinement, alone.refinement)
    assert torch.equal(after.code_image, alone.code_image)


def test_an_interrupted_photograph_leaves_nothing_to_the_next(toy):
    def stop(state):
        if state.phase == "refine" and state.step == 8:
            raise KeyboardInterrupt

    _, target, _ = bumped_image(toy)
    alone = refined(toy, target, "weights")
    with pytest.raises(KeyboardInterrupt):
        refined(toy, target, "weights", callback=stop, refine_lr=0.1)
    after = refined(toy, target, "weights")
    assert_same_bits(after, alone)
    assert_same(after.refinement, alone.refinement)


def test_the_working_copy_goes_with_its_generator():
    def holding(generator):
        return lambda ws: generator.synthesis(ws)

    generator = build_toy()
    generator._renderers = {"compiled": holding(generator)}  # as `make_renderer` leaves it
    gone = weakref.ref(generator)
    refined(generator, bumped_image(generator)[1], "weights", refine_steps=1)
    del generator
    gc.collect()
    assert gone() is None


def drift(generator, run, seed):
    """How far a refinement's weights moved images near the latent."""
    z = torch.randn(8, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        way = generator.mapping(z) - run.latent
        near = run.latent + 30 * way / way.flatten(1).norm(dim=1)[:, None, None]
        moved = tune(generator, run.refinement).synthesis(near)
        return (moved - generator.synthesis(near)).square().mean().item()


@pytest.mark.parametrize("refine", ["weights", "both"])
def test_locality_holds_other_images(toy, refine):
    _, target, _ = bumped_image(toy)
    free, held = (
        refined(toy, target, refine, refine_locality=weight, refine_steps=30, refine_lr=lr)
        for lr in [0.003 if refine == "weights" else 0.09]
        for weight in (0.0, 100.0)
    )
    assert drift(toy, held, 50) < 0.6 * drift(toy, free, 50)
    assert held.metrics["psnr"] > held.code_metrics["psnr"]
    # the penalty does not say which step is the best, nor what the history holds
    assert held.best_loss == min(row["loss"] for row in rows_of(held, "refine"))


# --- the mask of both ---


def test_failures_are_where_the_images_differ():
    target = torch.zeros(3, 64, 64)
    target[:, :, 32:] = 0.5
    image = target.clone()
    image[:, 40:56, 4:20] = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
    for size in (16, 64, 128):
        mask = find_failures(image, target, size)
        assert mask.shape == (1, 1, size, size) and mask.min() >= 0 and mask.max() <= 1
        at = size // 16
        assert mask[0, 0, 10 * at : 14 * at, at : 5 * at].mean() > 0.7
        assert mask[0, 0, :, 12 * at :].mean() < 0.1
    assert not find_failures(target, target, 16).any()


def test_features_move_only_inside_the_mask(toy):
    _, target, _ = bumped_image(toy)
    run = refined(toy, target, "both")
    mask = find_failures(run.code_image, run.target, AT)[0, 0]
    moved = run.refinement[f"features.{AT}"].abs().amax(0) > 0
    assert 0 < moved.float().mean() < 1
    assert not (moved & (mask == 0)).any()


# --- rates ---


@pytest.mark.parametrize(
    ("refine", "auto"), [("features", 0.09), ("weights", 3e-4), ("both", 0.09)]
)
def test_auto_is_the_rate_that_is_documented(toy, refine, auto):
    _, target, _ = bumped_image(toy)
    runs = [refined(toy, target, refine, refine_lr=lr) for lr in ("auto", auto, 2 * auto)]
    assert_same_bits(runs[0], runs[1])
    assert runs[2].best_loss != runs[0].best_loss


def test_a_ramp_rises_over_five_steps_and_falls_by_a_cosine(toy):
    _, target, _ = bumped_image(toy)
    ramp, constant = (
        [
            row["lr"]
            for row in rows_of(
                refined(toy, target, refine_steps=20, refine_lr=0.1, refine_lr_schedule=schedule),
                "refine",
            )
        ]
        for schedule in ("ramp", "constant")
    )
    assert constant == [0.1] * 20
    assert ramp[:11] == pytest.approx([0.02, 0.04, 0.06, 0.08] + [0.1] * 7)
    left = [(20 - i) / 10 for i in range(11, 20)]
    assert ramp[11:] == pytest.approx([0.05 - 0.05 * math.cos(math.pi * x) for x in left])


def test_weights_of_both_move_in_the_first_half_only(toy):
    """Then only the offset moves, so that a longer ride of it ends with the same weights."""
    _, target, _ = bumped_image(toy)
    kept = dict(refine_steps=12, refine_lr_schedule="constant", refine_lr=0.02)
    seen = refined(toy, target, "both", trace_at=range(3, 15), **kept).trace
    weights = [weight_changes(found.refinement) for found in seen]
    assert len(weights) == 12
    # what step k rendered was moved by k - 1 updates; six of them move weights
    assert_same(weights[6], weights[11])
    assert any((weights[5][name] != weights[6][name]).any() for name in weights[6])
    offsets = [found.refinement[f"features.{AT}"] for found in seen]
    assert (offsets[10] != offsets[11]).any()


def test_pictures_of_the_progress_go_on_through_the_refinement(toy):
    _, target, _ = bumped_image(toy)
    run = refined(toy, target, steps=4, refine_steps=6, snapshot_every=2)
    assert [step for step, _ in run.snapshots] == [0, 2, 4, 6, 8, 10]
    assert (run.snapshots[-1][1] == to_uint8(run.image)).all()

"""Small GANs side by side: plans, figures of steadiness, verdicts."""

import copy
import math

import numpy as np
import pytest

from ganinv.analysis import gans
from ganinv.errors import ParamsError
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.measures.distributions import set_features
from ganinv.paths import project_root
from ganinv.training.gan.settings import GanParams
from helpers.checks import strict_json
from helpers.gans import SMALL, train_small


@pytest.fixture(scope="module")
def trained(make_photo, tmp_path_factory):
    """A finished training of four steps on a dozen small pictures."""
    return train_small(make_photo, tmp_path_factory.mktemp("gan"))


def pretend(trained, objective, *, gradients, kids, recall=0.5, spectral_norm=False, seed=0):
    """The training with another history."""
    other = copy.copy(trained)
    other.name = OBJECTIVES[objective].label + (" + SN" if spectral_norm else "")
    own = {"objective": objective, "spectral_norm": spectral_norm, "seed": seed}
    other.params = trained.params | own
    other.steps = [{"step": i, "generator_gradient": g} for i, g in enumerate(gradients, 1)]
    other.looks = [{"step": i, "kid": k, "recall": recall} for i, k in enumerate(kids)]
    return other


# --- plans ---


def test_plan_shares_all_but_objective_and_rates(tmp_path):
    changes = SMALL | dict(images="faces:64", critic_steps=1, seed=3)
    objectives = ["nonsaturating", "lsgan", "wgan-gp", "hinge"]
    plans = gans.plan(objectives, [False, True], tmp_path, changes)
    assert list(plans) == [
        "GAN",
        "GAN + SN",
        "LSGAN",
        "LSGAN + SN",
        "WGAN-GP",
        "WGAN-GP + SN",
        "hinge",
        "hinge + SN",
    ]
    own = {
        "objective",
        "spectral_norm",
        "out",
        "lr_generator",
        "lr_discriminator",
        "beta1",
        "beta2",
    }
    shared = [params.model_dump(exclude=own) for params in plans.values()]
    assert all(values == shared[0] for values in shared)
    assert len({params.out for params in plans.values()}) == 8
    for name, params in plans.items():
        assert params.spectral_norm == name.endswith("SN")
    wgan = plans["WGAN-GP"]
    assert wgan.lr_discriminator == pytest.approx(3 * wgan.lr_generator)


def test_plan_gives_more_critic_steps_to_wgan_gp_alone(tmp_path):
    changes = SMALL | dict(images="faces:64", critic_steps=5)
    plans = gans.plan(["lsgan", "wgan-gp"], [False], tmp_path, changes)
    assert plans["LSGAN"].critic_steps == 1
    assert plans["WGAN-GP"].critic_steps == 5
    assert plans["WGAN-GP"].lr_discriminator == plans["WGAN-GP"].lr_generator


# --- figures, in closed form ----------------------------------------------------------------------


def test_unsteadiness_is_the_spread_of_the_later_log_gradients(trained):
    late = [1.0, math.e**2] * 5
    run = pretend(trained, "lsgan", gradients=[1e9] * 10 + late, kids=[1.0])
    assert run.unsteadiness() == pytest.approx(1.0)
    steady = pretend(trained, "lsgan", gradients=[7.0] * 20, kids=[1.0])
    assert steady.unsteadiness() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("kids", "wanted"),
    [([9, 1, 8, 4, 3, 2, 1], 0.0), ([0, 0, 5, 5, 1, 4, 2, 3, 1], 3.0), ([1, 1, 1, 2, 5], 4.0)],
)
def test_setback_is_the_largest_rise_above_the_lowest_so_far(trained, kids, wanted):
    assert pretend(trained, "lsgan", gradients=[1.0], kids=kids).setback() == wanted


def test_different_neighbours_counts_images():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    known = set_features(images)
    share, index = gans.different_neighbours(images, known)
    assert share == 1 and index.tolist() == list(range(12))
    share, index = gans.different_neighbours(images[[3, 3, 3, 5]], known)
    assert share == 0.5 and index.tolist() == [3, 3, 3, 5]


def test_samples_are_those_of_the_seed(trained):
    samples = gans.draw_samples(trained, 6)
    assert samples.shape == (6, 16, 16, 3) and samples.dtype == np.uint8
    assert np.array_equal(samples, gans.draw_samples(trained, 6))


# --- verdicts -------------------------------------------------------------------------------------


def four(trained, seed=0, **wgan):
    usual = dict(gradients=[1.0, 3.0 + seed / 10] * 20, kids=[4, 3, 2, 3], recall=0.4, seed=seed)
    plain = [pretend(trained, o, **usual) for o in ("nonsaturating", "lsgan", "hinge")]
    return [*plain, pretend(trained, "wgan-gp", **usual | wgan)]


STEADY = dict(gradients=[1.0] * 40, kids=[4, 3, 2, 1], recall=0.6)
SHAKY = dict(gradients=[1.0, 99.0] * 20, recall=0.1)


def test_single_trainings_decide_nothing(trained):
    stable, collapse, _ = gans.verdicts(four(trained, **STEADY), [0.5, 0.5, 0.5, 0.9])
    assert (stable.word, collapse.word) == ("not decided", "not decided")
    assert (stable.held, stable.total) == (3, 3)
    opening = "It held on 3 of 3 pairs of trainings, and one seed decides nothing: "
    assert stable.detail.startswith(opening + "unsteadiness, ")
    _, mixed, _ = gans.verdicts(four(trained, **STEADY), [0.95, 0.5, 0.5, 0.9])
    assert (mixed.held, mixed.total) == (2, 3)
    assert "different nearest neighbours, GAN → WGAN-GP: 95% → 90%" in mixed.detail


@pytest.mark.parametrize(
    ("wgan", "ours", "word"),
    [(STEADY, (0.9, 0.92, 0.94), "confirmed"), (SHAKY, (0.1, 0.12, 0.14), "refuted")],
)
def test_three_seeds_can_decide_claims_on_wgan_gp(trained, wgan, ours, word):
    runs = [t for seed in range(3) for t in four(trained, seed, **wgan)]
    spreads = [x for own in ours for x in (0.5, 0.5, 0.5, own)]
    stable, collapse, _ = gans.verdicts(runs, spreads)
    assert (stable.word, collapse.word) == (word, word)
    assert stable.total == 9 and "95% interval" in stable.detail


def test_seeds_that_differ_decide_nothing(trained):
    runs = [
        t for seed, own in enumerate((STEADY, SHAKY, STEADY)) for t in four(trained, seed, **own)
    ]
    stable, *_ = gans.verdicts(runs, [0.5] * 12)
    assert (stable.word, stable.held, stable.total) == ("not decided", 6, 9)


def normed_pairs(trained, kids):
    """Trainings without and with spectral normalization, {(objective, seed): (KID, KID)}."""
    return [
        pretend(trained, objective, gradients=[1.0], kids=[kid], spectral_norm=normed, seed=seed)
        for (objective, seed), pair in kids.items()
        for normed, kid in zip((False, True), pair, strict=True)
    ]


def test_claim_on_spectral_normalization_compares_pairs(trained):
    runs = normed_pairs(trained, {("lsgan", 0): (2.0, 1.0), ("hinge", 0): (1.0, 2.0)})
    (verdict,) = gans.verdicts(runs, [1, 1, 1, 1])
    assert (verdict.word, verdict.held, verdict.total) == ("not decided", 1, 2)
    lower = {("lsgan", seed): (2.0, 1.0 + seed / 100) for seed in range(3)}
    (verdict,) = gans.verdicts(normed_pairs(trained, lower), [1] * 6)
    assert verdict.word == "confirmed"
    (verdict,) = gans.verdicts(normed_pairs(trained, lower | {("hinge", 0): (1, 2)}), [1] * 8)
    assert verdict.word == "not decided"  # one of the objectives has one seed


def test_claims_are_left_out_where_nothing_can_test_them(trained):
    alone = [pretend(trained, "wgan-gp", gradients=[1.0], kids=[1.0])]
    (verdict,) = gans.verdicts(alone, [1.0])
    assert (verdict.word, verdict.total) == ("not decided", 0)


def test_summary_is_strict_json(trained, tmp_path):
    gans.write_summary(tmp_path / "summary.json", [trained])
    found = strict_json(tmp_path / "summary.json")["trainings"][trained.name]
    assert found["last"]["step"] == 4 and found["params"]["width"] == 2


@pytest.mark.parametrize("nothing", [{"steps": 0}, {"measure_count": 0}])
def test_nothing_to_compare_is_said_before_anything_runs(tmp_path, nothing):
    changes = SMALL | dict(images="faces:64", critic_steps=1) | nothing
    with pytest.raises(ParamsError, match="above 0"):
        gans.plan(["lsgan"], [False], tmp_path, changes)


def test_full_parameters_are_whole():
    """Every file of a GAN's parameters can be read, and is what its name says."""
    for path in sorted((project_root() / "params").glob("gan_*.yaml")):
        params = GanParams.load(path, ())
        if path.stem != "gan_objectives":
            assert path.stem.removesuffix("_sn") == f"gan_{params.objective.replace('-', '_')}"
            assert params.spectral_norm == path.stem.endswith("_sn")

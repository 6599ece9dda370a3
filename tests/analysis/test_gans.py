"""Small GANs side by side: plans, shares that can be told from 0, verdicts over seeds."""

from dataclasses import replace

import pytest
import torch

from ganinv.analysis import gans
from ganinv.analysis.neighbours import Neighbours
from ganinv.errors import ParamsError
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.paths import project_root
from ganinv.training.gan.settings import GanParams
from helpers.checks import strict_json
from helpers.gans import SMALL, train_small

NOISE = (-0.01, 0.0, 0.01)  # of three seeds


@pytest.fixture(scope="module")
def trained(make_photo, tmp_path_factory):
    """A finished training of four steps on a dozen small pictures."""
    return train_small(make_photo, tmp_path_factory.mktemp("gan"))


def pretend(
    trained,
    objective,
    *,
    unsteady=1.0,
    kids=(3.0, 2.0),
    recall=0.5,
    near=0.5,
    spectral=False,
    fid=9.0,
    noise=NOISE,
):
    """Trainings with other figures, one for each seed, which differ by `noise`."""
    params = trained.params | {
        "objective": objective,
        "spectral_norm": spectral,
        "measure_count": 100,
    }
    card = dict(trained.card) | {"params": params, "images": {"count": 1000}}
    return [
        replace(
            trained,
            name=OBJECTIVES[objective].label + (" + SN" if spectral else ""),
            card=card | {"params": params | {"seed": seed}},
            unsteadiness=unsteady + each,
            neighbours=near + each,
            looks=[
                {"step": i, "kid": k + each * i, "recall": recall, "fid": fid + each, "seconds": 60}
                for i, k in enumerate(kids)
            ],
        )
        for seed, each in enumerate(noise)
    ]


# --- plans ---


def test_plan_shares_all_but_objective_and_rates(tmp_path):
    changes = SMALL | dict(images="faces:64", critic_steps=1)
    objectives = ["nonsaturating", "lsgan", "wgan-gp", "hinge"]
    planned = gans.plan(objectives, [False, True], [3, 4], tmp_path, changes)
    assert all([params.seed for params in group] == [3, 4] for group in planned.values())
    assert len({params.out for group in planned.values() for params in group}) == 16
    for a, b in planned.values():
        assert a.replace(seed=4, out=b.out) == b
    plans = {name: params for name, (params, _) in planned.items()}
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
    for name, params in plans.items():
        assert params.spectral_norm == name.endswith("SN")
    wgan = plans["WGAN-GP"]
    assert wgan.lr_discriminator == pytest.approx(3 * wgan.lr_generator)


def test_plan_gives_more_critic_steps_to_wgan_gp_alone(tmp_path):
    changes = SMALL | dict(images="faces:64", critic_steps=5)
    planned = gans.plan(["lsgan", "wgan-gp"], [False], [0], tmp_path, changes)
    plans = {name: params for name, (params,) in planned.items()}
    assert plans["LSGAN"].critic_steps == 1
    assert plans["WGAN-GP"].critic_steps == 5
    assert plans["WGAN-GP"].lr_discriminator == plans["WGAN-GP"].lr_generator


# --- shares that can be told from 0 ---


def test_three_images_cannot_be_told_from_none_and_four_can(trained):
    """By the standard error of a count: 3 - 1.96 sqrt(3) is below 0, 4 - 1.96 sqrt(4) above."""
    three, four = (pretend(trained, "lsgan", recall=n / 100) for n in (3, 4))
    assert not gans.can_be_told(three, "recall") and gans.can_be_told(four, "recall")
    assert gans.can_be_told(three, "kid")
    assert gans.telling([three], ["kid", "recall"]) == ["kid"]
    assert gans.telling([three, four], ["kid", "recall"]) == ["kid", "recall"]


def test_sets_smaller_than_what_is_measured_count_their_own_images(trained):
    few = [
        replace(t, card=dict(t.card) | {"images": {"count": 50}}) for t in pretend(trained, "lsgan")
    ]
    assert gans.least_share(few[0]) == 4 / 50


# --- verdicts ---


def four(trained, **wgan):
    """Three objectives that are set back by a half, and WGAN-GP."""
    usual = dict(kids=(3.0, 2.0, 2.5), recall=0.4)
    plain = [pretend(trained, o, **usual) for o in ("nonsaturating", "lsgan", "hinge")]
    return [*plain, pretend(trained, "wgan-gp", **usual | wgan)]


OTHER = (0.01, -0.01, 0.0)  # what the seeds of WGAN-GP differ by
STEADY = dict(unsteady=0.5, kids=(3.0, 2.0), near=0.9, noise=OTHER)
SHAKY = dict(unsteady=2.0, kids=(3.0, 2.0, 5.0), near=0.1, noise=OTHER)


@pytest.mark.parametrize(("wgan", "word"), [(STEADY, "confirmed"), (SHAKY, "refuted")])
def test_three_seeds_can_decide_claims_on_wgan_gp(trained, wgan, word):
    groups = four(trained, **wgan, recall=0.01)
    low = [
        [replace(t, looks=[row | {"recall": 0.01} for row in t.looks]) for t in g] for g in groups
    ]
    stable, collapse, _ = gans.verdicts(low)
    assert (stable.word, collapse.word) == (word, word)
    assert stable.total == 9 and "95% interval" in stable.detail


def test_single_trainings_decide_nothing(trained):
    groups = [group[:1] for group in four(trained, **STEADY)]
    stable, collapse, _ = gans.verdicts(groups)
    assert (stable.word, collapse.word) == ("not decided", "not decided")
    assert (stable.held, stable.total) == (3, 3)
    opening = "It held on 3 of 3 pairs of trainings, and one seed decides nothing: "
    assert stable.detail.startswith(opening + "unsteadiness, ")
    assert "different nearest neighbours, GAN → WGAN-GP: 49% → 91%" in collapse.detail


def test_differences_as_small_as_those_between_seeds_decide_nothing(trained):
    wide = dict(noise=(-1.0, 0.3, 0.9))
    stable, collapse, _ = gans.verdicts(four(trained, unsteady=0.9, near=0.6, **wide))
    assert (stable.word, collapse.word) == ("not decided", "not decided")


def test_recall_next_to_0_has_no_say(trained):
    groups = four(trained, **STEADY)
    _, collapse, _ = gans.verdicts(groups)
    assert "recall" in collapse.claim and "recall" in collapse.detail
    low = [
        [replace(t, looks=[row | {"recall": 0.03} for row in t.looks]) for t in g] for g in groups
    ]
    _, collapse, _ = gans.verdicts(low)
    assert "recall" not in collapse.claim + collapse.detail and collapse.word == "confirmed"


def test_claim_on_spectral_normalization_compares_pairs(trained):
    def pair(objective, before, after, seeds=3):
        groups = (
            pretend(trained, objective, kids=[9.0, before]),
            pretend(trained, objective, kids=[9.0, after], spectral=True, noise=OTHER),
        )
        return [group[:seeds] for group in groups]

    single = gans.spectral_verdict(flat(pair("lsgan", 2.0, 1.0, 1) + pair("hinge", 1.0, 2.0, 1)))
    assert (single.word, single.held, single.total) == ("not decided", 1, 2)
    assert gans.spectral_verdict(flat(pair("lsgan", 2.0, 1.0))).word == "confirmed"
    both = gans.spectral_verdict(flat(pair("lsgan", 2.0, 1.0) + pair("hinge", 1.0, 2.0)))
    assert (both.word, both.held, both.total) == ("refuted", 3, 6)


def flat(groups):
    return [t for group in groups for t in group]


def test_claims_are_left_out_where_nothing_can_test_them(trained):
    (verdict,) = gans.verdicts([pretend(trained, "wgan-gp")])
    assert (verdict.word, verdict.total) == ("not decided", 0)


def test_the_best_has_the_lowest_mean_fid(trained):
    groups = [pretend(trained, "lsgan", fid=8.0), pretend(trained, "hinge", fid=7.9)]
    assert gans.best_of(groups)[0].name == "hinge"


def test_summary_is_strict_json(trained, tmp_path):
    gans.write_summary(tmp_path / "summary.json", [[trained]])
    found = strict_json(tmp_path / "summary.json")
    assert found["best"] == trained.name
    own = found["trainings"][trained.name]
    assert own["steps"] == [4] and own["params"]["width"] == 2
    assert own["last"]["fid"]["mean"] == trained.last["fid"] and own["last"]["fid"]["low"] is None
    assert "neighbours" not in found and "modes covered" not in found
    gans.write_summary(tmp_path / "summary.json", [[trained]], ring={"G is faster": (1, 2)})
    assert strict_json(tmp_path / "summary.json")["modes covered"] == {"G is faster": [1, 2]}


def test_summary_of_one_training_says_how_near_its_samples_lie(trained, tmp_path):
    near = Neighbours(
        index=torch.tensor([0, 1, 1]),
        distances=torch.tensor([1.0, 5.0, 3.0]),
        usual=torch.tensor([2.0, 4.0]),
    )
    gans.write_summary(tmp_path / "summary.json", [[trained]], neighbours=near)
    assert strict_json(tmp_path / "summary.json")["neighbours"] == {
        "samples": 3,
        "different": 2,
        "near": 1,
        "distance": {"median": 3.0, "least": 1.0},
        "between_images": {"median": 3.0, "least": 2.0},
    }


@pytest.mark.parametrize("nothing", [{"steps": 0}, {"measure_count": 0}, {"seeds": []}])
def test_nothing_to_compare_is_said_before_anything_runs(tmp_path, nothing):
    changes = SMALL | dict(images="faces:64", critic_steps=1, seeds=[0]) | nothing
    seeds = changes.pop("seeds")
    with pytest.raises(ParamsError, match="above 0"):
        gans.plan(["lsgan"], [False], seeds, tmp_path, changes)


def test_full_parameters_are_whole():
    """Every file of a GAN's parameters can be read, and is what its name says."""
    for path in sorted((project_root() / "params").glob("gan_*.yaml")):
        params = GanParams.load(path, ())
        if path.stem not in ("gan_objectives", "gan_congress"):
            assert path.stem.removesuffix("_sn") == f"gan_{params.objective.replace('-', '_')}"
            assert params.spectral_norm == path.stem.endswith("_sn")

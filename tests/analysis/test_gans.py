"""Small GANs side by side: plans, shares that can be told from 0, verdicts over seeds."""

from dataclasses import replace

import pytest

from ganinv.analysis import gans
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
    plain = [pretend(trained, o, recall=0.4) for o in ("nonsaturating", "lsgan", "hinge")]
    return [*plain, pretend(trained, "wgan-gp", **dict(recall=0.4) | wgan)]


def counts(verdict):
    return verdict.held, verdict.undecided, verdict.total


def test_claims_on_wgan_gp_hold_where_the_interval_of_differences_does(trained):
    falls = dict(kids=(3.0, 2.0, 2.5))  # set back by a half
    others = [pretend(trained, o, **falls) for o in ("nonsaturating", "lsgan", "hinge")]
    noise = (0.01, -0.01, 0.0)
    ours = pretend(trained, "wgan-gp", unsteady=0.5, near=0.9, recall=0.6, noise=noise)
    others = [
        [
            replace(
                t, looks=[*t.looks[:-1], t.looks[-1] | {"recall": 0.5 + 0.01 * t.params["seed"]}]
            )
            for t in group
        ]
        for group in others
    ]
    stable, collapse, _ = gans.verdicts([*others, ours])
    assert counts(stable) == counts(collapse) == (3, 0, 3)
    assert "recall" in collapse.claim and stable.word == collapse.word == "confirmed"
    ours = pretend(trained, "wgan-gp", unsteady=2.0, near=0.1, noise=noise)
    stable, collapse, _ = gans.verdicts([*others, ours])
    assert counts(stable) == counts(collapse) == (0, 0, 3) and stable.word == "refuted"


def test_differences_as_small_as_those_between_seeds_decide_nothing(trained):
    wide = dict(noise=(-1.0, 0.3, 0.9))
    stable, collapse, _ = gans.verdicts(four(trained, unsteady=0.9, near=0.6, **wide))
    assert counts(stable) == counts(collapse) == (0, 3, 3)


def test_one_seed_decides_nothing(trained):
    groups = [group[:1] for group in four(trained, unsteady=0.1, near=0.9)]
    assert [counts(v)[:2] for v in gans.verdicts(groups)[:2]] == [(0, 3), (0, 3)]


def test_recall_next_to_0_has_no_say(trained):
    low = [pretend(trained, o, recall=0.01) for o in ("nonsaturating", "lsgan", "hinge")]
    ours = pretend(trained, "wgan-gp", recall=0.0, near=0.9, noise=(0.02, 0.0, 0.01))
    _, collapse, _ = gans.verdicts([*low, ours])
    assert "recall" not in collapse.claim + collapse.detail
    assert counts(collapse) == (3, 0, 3)


def test_claim_on_spectral_normalization_compares_pairs(trained):
    noise = (0.02, 0.0, 0.01)
    groups = [
        pretend(trained, objective, kids=[9.0, kid], spectral=normed, **more)
        for objective, normed, kid, more in (
            ("lsgan", False, 2.0, {}),
            ("lsgan", True, 1.0, dict(noise=noise)),
            ("hinge", False, 1.0, {}),
            ("hinge", True, 2.0, dict(noise=noise)),
            ("wgan-gp", False, 2.0, {}),
            ("wgan-gp", True, 2.0, dict(noise=noise)),
        )
    ]
    assert counts(gans.spectral_verdict(groups)) == (1, 1, 3)


def test_claims_are_left_out_where_nothing_can_test_them(trained):
    (verdict,) = gans.verdicts([pretend(trained, "wgan-gp")])
    assert verdict.word == "not tested"


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

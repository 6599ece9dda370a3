"""Small GANs side by side: plans, figures of steadiness, verdicts, what the pages show."""

import copy
import math

import numpy as np
import pytest

from ganinv.analysis import gans as compared
from ganinv.errors import ParamsError
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.measures.distributions import set_features
from ganinv.paths import project_root
from ganinv.report import gans, show_gans
from ganinv.report.notebooks import check_parameters
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.train import train_gan
from helpers.checks import strict_json

SMALL = dict(
    resolution=16,
    width=2,
    z_dim=4,
    batch=8,
    steps=4,
    save_every=2,
    measure_count=8,
    grid=4,
    log_every=0,
    device="cpu",
    precision="float32",
)


@pytest.fixture(scope="module")
def trained(make_photo, tmp_path_factory):
    """A finished training of four steps on a dozen small pictures."""
    folder = tmp_path_factory.mktemp("gan")
    for seed in range(12):
        make_photo(folder / "set" / f"{seed}.png", seed=seed)
    params = GanParams.make(SMALL | dict(images=str(folder / "set"), out=str(folder / "run")))
    train_gan(params, say=lambda text: None)
    return compared.Trained(folder / "run", "GAN <b>")


def pretend(trained, objective, *, gradients, kids, recall=0.5, spectral_norm=False):
    """The training with another history."""
    other = copy.copy(trained)
    other.name = OBJECTIVES[objective].label + (" + SN" if spectral_norm else "")
    other.params = trained.params | {"objective": objective, "spectral_norm": spectral_norm}
    other.steps = [{"step": i, "generator_gradient": g} for i, g in enumerate(gradients, 1)]
    other.looks = [{"step": i, "kid": k, "recall": recall} for i, k in enumerate(kids)]
    return other


# --- sets and folders that cannot be used ---------------------------------------------------------


def train_on(folder, out):
    params = GanParams.make(SMALL | dict(images=str(folder), out=str(out)))
    return train_gan(params, say=lambda text: None)


def test_images_that_are_all_the_same_are_refused(make_photo, tmp_path):
    for number in range(9):
        make_photo(tmp_path / "same" / f"{number}.png", seed=0)
    with pytest.raises(ParamsError, match="are the same"):
        train_on(tmp_path / "same", tmp_path / "run")


def test_a_run_inside_the_folder_of_its_images_is_refused(make_photo, tmp_path):
    for number in range(9):
        make_photo(tmp_path / "set" / f"{number}.png", seed=number)
    with pytest.raises(ParamsError, match="lies in the folder of the images"):
        train_on(tmp_path / "set", tmp_path / "set" / "run")


# --- what is planned ------------------------------------------------------------------------------


def test_plan_shares_all_but_objective_and_rates(tmp_path):
    changes = SMALL | dict(images="faces:64", critic_steps=1, seed=3)
    objectives = ["nonsaturating", "lsgan", "wgan-gp", "hinge"]
    plans = compared.plan(objectives, [False, True], tmp_path, changes)
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
    plans = compared.plan(["lsgan", "wgan-gp"], [False], tmp_path, changes)
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
    share, index = compared.different_neighbours(images, known)
    assert share == 1 and index.tolist() == list(range(12))
    share, index = compared.different_neighbours(images[[3, 3, 3, 5]], known)
    assert share == 0.5 and index.tolist() == [3, 3, 3, 5]


def test_samples_are_those_of_the_seed(trained):
    samples = compared.draw_samples(trained, 6)
    assert samples.shape == (6, 16, 16, 3) and samples.dtype == np.uint8
    assert np.array_equal(samples, compared.draw_samples(trained, 6))


# --- verdicts -------------------------------------------------------------------------------------


def four(trained, **wgan):
    usual = dict(gradients=[1.0, 3.0] * 20, kids=[4, 3, 2, 3], recall=0.4)
    plain = [pretend(trained, o, **usual) for o in ("nonsaturating", "lsgan", "hinge")]
    return [*plain, pretend(trained, "wgan-gp", **usual | wgan)]


def test_claims_on_wgan_gp_are_held_against_each_other_objective(trained):
    steady = four(trained, gradients=[1.0] * 40, kids=[4, 3, 2, 1], recall=0.6)
    stable, collapse, _ = compared.verdicts(steady, [0.5, 0.5, 0.5, 0.9])
    assert (stable.word, collapse.word) == ("confirmed", "confirmed")
    shaky = four(trained, gradients=[1.0, 99.0] * 20, recall=0.1)
    stable, collapse, _ = compared.verdicts(shaky, [0.5, 0.5, 0.5, 0.1])
    assert (stable.word, collapse.word) == ("refuted", "refuted")
    _, mixed, _ = compared.verdicts(steady, [0.95, 0.5, 0.5, 0.9])
    assert mixed.word == "held on 2 of 3 objectives"


def test_claim_on_spectral_normalization_compares_pairs(trained):
    runs = [
        pretend(trained, objective, gradients=[1.0], kids=[kid], spectral_norm=normed)
        for objective, normed, kid in (
            ("lsgan", False, 2.0),
            ("lsgan", True, 1.0),
            ("hinge", False, 1.0),
            ("hinge", True, 2.0),
        )
    ]
    (verdict,) = compared.verdicts(runs, [1, 1, 1, 1])
    assert (verdict.held, verdict.total) == (1, 2)


def test_claims_are_left_out_where_nothing_can_test_them(trained):
    alone = [pretend(trained, "wgan-gp", gradients=[1.0], kids=[1.0])]
    (verdict,) = compared.verdicts(alone, [1.0])
    assert verdict.word == "not tested"


def test_summary_is_strict_json(trained, tmp_path):
    compared.write_summary(tmp_path / "summary.json", [trained])
    found = strict_json(tmp_path / "summary.json")["trainings"][trained.name]
    assert found["last"]["step"] == 4 and found["params"]["width"] == 2


# --- pages ----------------------------------------------------------------------------------------


def test_picture_grid_lays_images_row_by_row():
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    grid = show_gans.picture_grid(images, 3)
    assert grid.shape == (4, 6, 3)
    assert grid[::2, ::2, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    ragged = show_gans.picture_grid(images[:4], 3)
    assert ragged[::2, ::2, 0].tolist() == [[0, 1, 2], [3, 255, 255]]


def test_exhibits_show_a_training_and_escape_its_name(trained):
    samples = compared.draw_samples(trained, 8)
    shown = [
        show_gans.training_curves(trained),
        show_gans.progress(trained),
        show_gans.final_samples(trained, rows=2),
        show_gans.looks_table(trained),
        show_gans.comparison_table([trained, trained]),
        show_gans.card_table(trained),
        show_gans.measure_curves([trained]),
        show_gans.neighbour_pairs(samples, samples),
        show_gans.images_html(samples, 4, alt=""),
        show_gans.steadiness_table([trained], [0.5]),
    ]
    assert all(html.startswith("<") and "<b>" not in html for html in shown)
    assert shown[1].count("<img") == 3  # steps 0, 2, 4
    assert "step 4" in shown[1]


def test_report_gives_notebooks_what_they_name(tmp_path, monkeypatch):
    ran = {}

    def run_notebook(name, folder, values):
        check_parameters(project_root() / "notebooks" / name, values)
        ran[name] = values
        return tmp_path / name

    monkeypatch.setattr(gans, "run_notebook", run_notebook)
    monkeypatch.setattr(gans, "write_page", lambda *args, **options: None)
    page = gans.make_gan_report(tmp_path, overrides=("steps=7", "images=faces:100"))
    assert page == tmp_path / "index.html"
    assert list(ran) == ["train_gan.ipynb", "invert_dcgan.ipynb", "gan_objectives.ipynb"]
    assert ran["train_gan.ipynb"]["steps"] == ran["gan_objectives.ipynb"]["steps"] == 7
    assert ran["train_gan.ipynb"]["objective"] == "hinge"
    inversion = ran["invert_dcgan.ipynb"]
    assert inversion["images"] == f"faces:{100 + inversion['held_out']}"
    assert inversion["generator"].endswith("runs/train_gan/generator.safetensors")
    gans.make_gan_report(tmp_path, quick=True)
    assert ran["gan_objectives.ipynb"]["images"] == "faces:64"


def test_report_refuses_unknown_parameters_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(gans, "run_notebook", lambda *args: pytest.fail("ran"))
    with pytest.raises(ParamsError, match="widht"):
        gans.make_gan_report(tmp_path, overrides=("widht=3",))


@pytest.mark.parametrize("text", ["z_dim=64", "flip=false", "precision=float32"])
def test_report_refuses_what_its_notebooks_would_drop(tmp_path, monkeypatch, text):
    monkeypatch.setattr(gans, "run_notebook", lambda *args: pytest.fail("ran"))
    with pytest.raises(ParamsError, match="gan-report does not take"):
        gans.make_gan_report(tmp_path, overrides=(text,))


def test_quick_leaves_what_was_asked_for(tmp_path, monkeypatch):
    ran = {}
    monkeypatch.setattr(gans, "run_notebook", lambda n, f, values: ran.update({n: values}))
    monkeypatch.setattr(gans, "write_page", lambda *args, **options: None)
    gans.make_gan_report(tmp_path, quick=True, overrides=("width=4",))
    assert ran["gan_objectives.ipynb"]["width"] == 4


@pytest.mark.parametrize("nothing", [{"steps": 0}, {"measure_count": 0}])
def test_nothing_to_compare_is_said_before_anything_runs(tmp_path, nothing):
    changes = SMALL | dict(images="faces:64", critic_steps=1) | nothing
    with pytest.raises(ParamsError, match="above 0"):
        compared.plan(["lsgan"], [False], tmp_path, changes)


@pytest.mark.parametrize(
    ("images", "wanted"),
    [("faces", "faces:4104"), ("faces:64", "faces:72"), ("cats", "cats"), ("a/b", "a/b")],
)
def test_unseen_images_follow_those_that_were_seen(images, wanted):
    assert gans.unseen(images, 8) == wanted


def test_full_parameters_are_whole():
    """Every file of a GAN's parameters can be read, and is what its name says."""
    for path in sorted((project_root() / "params").glob("gan_*.yaml")):
        params = GanParams.load(path, ())
        if path.stem != "gan_objectives":
            assert path.stem.removesuffix("_sn") == f"gan_{params.objective.replace('-', '_')}"
            assert params.spectral_norm == path.stem.endswith("_sn")

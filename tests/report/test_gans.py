"""The report on small GANs: what its notebooks are given, what goes on, and what it refuses."""

import pytest

from ganinv.analysis import gans as analysis
from ganinv.errors import ParamsError
from ganinv.files import write_json, write_text
from ganinv.paths import project_root, work_folder
from ganinv.report import gans
from ganinv.report.notebooks import fit_parameters
from ganinv.training.gan.checks import GAN
from ganinv.training.gan.settings import GanParams
from helpers.checks import strict_json

SHARED = {*gans.SHARED, "critic_steps"} - {"seed"}


class Notebooks(dict):
    """In place of papermill: notes what notebooks are given, {name: values}.

    The study leaves a checkpoint of each training and a summary by which `best` is the best.
    """

    def __init__(self, best="LSGAN"):
        super().__init__()
        self.best, self.plans = best, {}

    def __call__(self, name, folder, values):
        fit_parameters(project_root() / "notebooks" / name, values)
        self[name] = values
        out = work_folder() / values["out"]
        summary = {"page": name}
        if name == "13_gan_objectives.ipynb":
            changes = {key: values[key] for key in SHARED}
            objectives = ["lsgan", "wgan-gp", "hinge"]
            self.plans = analysis.plan(objectives, [False, True], values["seeds"], out, changes)
            for group in self.plans.values():
                for params in group:
                    write_text(f"{params.out}/checkpoint.safetensors", params.out)
                    write_text(f"{params.out}/.lock", "")
            found = {n: {"params": g[0].model_dump(exclude={"out"})} for n, g in self.plans.items()}
            summary |= {"best": self.best, "trainings": found}
        write_json(out / "summary.json", summary)
        return folder / name


@pytest.fixture
def report(tmp_path):
    """A function that makes a report into tmp_path/gan by such notebooks, and returns these."""

    def make(*overrides, best="LSGAN", **options):
        ran = Notebooks(best)
        page = gans.make_gan_report(
            tmp_path / "gan",
            overrides=overrides,
            run=ran,
            write=lambda *arguments, **more: None,
            **options,
        )
        assert page == tmp_path / "gan" / "index.html"
        return ran

    return make


def never(*arguments):
    """In place of a notebook's run, where nothing may run."""
    pytest.fail("ran")


def of(values):
    """The parameters of the one training, as its notebook makes them."""
    return GanParams.make({k: x for k, x in values.items() if k in GanParams.model_fields})


def test_objectives_come_first_and_are_trained_with_three_seeds(report, tmp_path):
    ran = report("steps=7", "images=faces:100", "seed=5")
    assert list(ran) == ["13_gan_objectives.ipynb", "12_train_gan.ipynb", "14_invert_dcgan.ipynb"]
    study = ran["13_gan_objectives.ipynb"]
    assert study["seeds"] == [5, 6, 7] and study["steps"] == 7
    assert study["diff_augment"] == "color,translation,cutout"
    published = project_root() / "reports" / "published" / "gan" / "results"
    assert [(work_folder() / path).resolve() for path in study["results"]] == (
        [published] if published.is_dir() else []
    )
    for name in ran:
        stem = name.removesuffix(".ipynb")
        assert strict_json(tmp_path / "gan" / f"{stem}.json")["page"] == name


@pytest.mark.parametrize("best", ["LSGAN", "WGAN-GP", "hinge + SN"])
def test_the_best_objective_goes_on_from_its_checkpoint(report, best):
    ran = report("images=faces:100", best=best)
    alone = of(ran["12_train_gan.ipynb"])
    begun = ran.plans[best][0]
    assert GAN.decisive(alone) == GAN.decisive(begun) and alone.images == begun.images
    assert alone.steps > begun.steps and alone.patience > 0
    folder = (work_folder() / alone.out).resolve()
    assert folder.parent.name == "train_gan"
    assert (folder / "checkpoint.safetensors").read_text() == begun.out
    assert not (folder / ".lock").exists()
    inversion = ran["14_invert_dcgan.ipynb"]
    assert (work_folder() / inversion["generator"]).resolve().parent == folder


def test_a_training_that_went_on_is_not_replaced(report, tmp_path):
    report("images=faces:100")
    kept = tmp_path / "gan" / "runs" / "train_gan" / "lsgan_0" / "checkpoint.safetensors"
    write_text(kept, "gone on")
    report("images=faces:100")
    assert kept.read_text() == "gone on"


def test_an_objective_that_is_named_is_trained_in_place_of_the_best(report):
    ran = report("objective=nonsaturating", "spectral_norm=false", "images=faces:100", "steps=9")
    alone = of(ran["12_train_gan.ipynb"])
    assert (alone.objective, alone.spectral_norm, alone.steps) == ("nonsaturating", False, 9)
    folder = (work_folder() / alone.out).resolve()
    assert folder.name == "gan_0" and not (folder / "checkpoint.safetensors").exists()


def test_quick_leaves_what_was_asked_for(report):
    ran = report("width=4", quick=True)
    study = ran["13_gan_objectives.ipynb"]
    assert (study["width"], study["images"], len(study["seeds"])) == (4, "faces:64", 2)
    assert ran["12_train_gan.ipynb"]["steps"] == study["steps"] == 12
    assert ran["12_train_gan.ipynb"]["patience"] == 0


def test_report_refuses_unknown_parameters_before_anything_runs(tmp_path):
    with pytest.raises(ParamsError, match="widht"):
        gans.make_gan_report(tmp_path, overrides=("widht=3",), run=never)


@pytest.mark.parametrize("text", ["z_dim=64", "flip=false", "precision=float32"])
def test_report_refuses_what_its_notebooks_would_drop(tmp_path, text):
    with pytest.raises(ParamsError, match="gan-report does not take"):
        gans.make_gan_report(tmp_path, overrides=(text,), run=never)


@pytest.mark.parametrize(
    ("images", "align", "wanted"),
    [
        ("faces", True, "faces:4104"),
        ("faces:64", False, "faces:72"),
        ("cats", False, "cats"),
        ("a/b", False, "a/b"),
        ("congress", True, "faces:8"),
    ],
)
def test_unseen_images_follow_those_that_were_seen(images, align, wanted):
    assert gans.unseen(images, 8, align) == wanted

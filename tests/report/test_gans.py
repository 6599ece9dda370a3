"""The report on small GANs: what its notebooks are given, and what it refuses."""

import pytest

from ganinv.errors import ParamsError
from ganinv.paths import project_root
from ganinv.report import gans
from ganinv.report.notebooks import fit_parameters


def never(*arguments):
    """In place of a notebook's run, where nothing may run."""
    pytest.fail("ran")


def test_report_gives_notebooks_what_they_name(tmp_path):
    ran = {}

    def run(name, folder, values):
        fit_parameters(project_root() / "notebooks" / name, values)
        ran[name] = values
        return tmp_path / name

    given = dict(run=run, write=lambda *arguments, **options: None)
    page = gans.make_gan_report(tmp_path, overrides=("steps=7", "images=faces:100"), **given)
    assert page == tmp_path / "index.html"
    assert list(ran) == ["train_gan.ipynb", "invert_dcgan.ipynb", "gan_objectives.ipynb"]
    assert ran["train_gan.ipynb"]["steps"] == ran["gan_objectives.ipynb"]["steps"] == 7
    assert ran["train_gan.ipynb"]["objective"] == "hinge"
    inversion = ran["invert_dcgan.ipynb"]
    assert inversion["images"] == f"faces:{100 + inversion['held_out']}"
    assert inversion["generator"].endswith("runs/train_gan/generator.safetensors")
    gans.make_gan_report(tmp_path, quick=True, **given)
    assert ran["gan_objectives.ipynb"]["images"] == "faces:64"


def test_report_refuses_unknown_parameters_before_anything_runs(tmp_path):
    with pytest.raises(ParamsError, match="widht"):
        gans.make_gan_report(tmp_path, overrides=("widht=3",), run=never)


@pytest.mark.parametrize("text", ["z_dim=64", "flip=false", "precision=float32"])
def test_report_refuses_what_its_notebooks_would_drop(tmp_path, text):
    with pytest.raises(ParamsError, match="gan-report does not take"):
        gans.make_gan_report(tmp_path, overrides=(text,), run=never)


def test_quick_leaves_what_was_asked_for(tmp_path):
    ran = {}
    gans.make_gan_report(
        tmp_path,
        quick=True,
        overrides=("width=4",),
        run=lambda name, folder, values: ran.update({name: values}),
        write=lambda *arguments, **options: None,
    )
    assert ran["gan_objectives.ipynb"]["width"] == 4


@pytest.mark.parametrize(
    ("images", "wanted"),
    [("faces", "faces:4104"), ("faces:64", "faces:72"), ("cats", "cats"), ("a/b", "a/b")],
)
def test_unseen_images_follow_those_that_were_seen(images, wanted):
    assert gans.unseen(images, 8) == wanted

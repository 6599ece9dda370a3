"""A run whose images begin with their own latents of an earlier run."""

import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.inversion.latent_files import GeneratorFile, load_latent, save_latent
from ganinv.inversion.refinement import REFINEMENT, load_refinement, save_refinement
from ganinv.runs.experiment import run_experiment
from ganinv.runs.folder import default_folder
from ganinv.runs.params import Params

REFINED = dict(refine="features", refine_resolution=8, refine_loss="l2", refine_steps=4)


def latents(folder, names):
    return [load_latent(folder / name / "latent.safetensors")[0] for name in names]


def test_each_image_begins_with_its_own_latent(toy_params, photos, tmp_path, silent):
    first = run_experiment(toy_params(photos, out=str(tmp_path / "first")), say=silent)
    names = list(first.results["images"])
    again = toy_params(photos, out=str(tmp_path / "again"), init=str(first.out), steps=0)
    second = run_experiment(again, say=silent)
    a, b = latents(first.out, names), latents(second.out, names)
    assert len(a) > 1 and not torch.equal(a[0], a[1])
    assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_it_goes_on_from_code_and_refinement(toy_params, photos, tmp_path, silent):
    first = toy_params(photos[:1], out=str(tmp_path / "first"), **REFINED)
    done = run_experiment(first, say=silent).results["images"]["a"]
    more = first.replace(out=str(tmp_path / "more"), init=str(tmp_path / "first"), steps=0)
    went_on = run_experiment(more, say=silent).results["images"]["a"]
    assert went_on["psnr"] > done["psnr"] > done["code"]["psnr"]
    assert went_on["code"]["psnr"] == pytest.approx(done["code"]["psnr"], abs=1e-4)
    assert run_experiment(more, say=silent).seconds < 5  # finished earlier, and known


def test_each_refinement_is_read_once_and_one_that_does_not_fit_fails_alone(
    toy_params, photos, tmp_path, silent, monkeypatch
):
    first = toy_params(photos, out=str(tmp_path / "first"), **REFINED)
    run_experiment(first, say=silent)
    read = []

    def counted(path):
        read.append(path.parent.name)
        return load_refinement(path)

    monkeypatch.setattr("ganinv.inversion.refinement.load_refinement", counted)
    again = first.replace(out=str(tmp_path / "again"), init=str(tmp_path / "first"), steps=0)
    assert run_experiment(again, say=silent).failed == {}
    assert read == ["a", "b"]
    of = GeneratorFile("toy", "")
    save_refinement(tmp_path / "first" / "a" / REFINEMENT, {"features.8": torch.zeros(2)}, of)
    save_latent(tmp_path / "first" / "b" / "latent.safetensors", torch.zeros(3, 5), of)
    run = run_experiment(again, fresh=True, say=silent)
    assert "features.8 of shape (2,)" in run.failed["a"]
    assert "has shape (3, 5)" in run.failed["b"]


def test_another_latent_is_another_result(toy_params, photos, tmp_path, silent, inverted):
    first = toy_params(photos[:1], out=str(tmp_path / "first"))
    run_experiment(first, say=silent)
    again = toy_params(
        photos[:1], out=str(tmp_path / "again"), init=str(tmp_path / "first"), steps=0
    )
    before = run_experiment(again, say=silent).results["images"]["a"]
    run_experiment(first.replace(steps=first.steps + 1), fresh=True, say=silent)
    assert "began from another latent" in run_experiment(again, say=silent).failed["a"]
    after = run_experiment(again, fresh=True, say=silent).results["images"]["a"]
    assert after["psnr"] != before["psnr"]


def test_an_image_without_a_latent_there_fails_alone(toy_params, photos, tmp_path, silent):
    first = run_experiment(toy_params(photos[:1], out=str(tmp_path / "first")), say=silent)
    again = toy_params(photos, out=str(tmp_path / "again"), init=str(first.out), steps=0)
    run = run_experiment(again, say=silent)
    assert list(run.results["images"]) == ["a"]
    assert all("holds no latent of" in reason for reason in run.failed.values()) and run.failed


def test_a_folder_that_is_not_there_is_refused(toy_params, photos, tmp_path, silent):
    missing = toy_params(photos, init=str(tmp_path / "nowhere"))
    with pytest.raises(ParamsError, match="nowhere"):
        run_experiment(missing, say=silent)


def test_a_folder_named_like_a_word_is_not_what_the_word_means(
    toy_params, photos, tmp_path, silent, monkeypatch
):
    before = run_experiment(toy_params(photos[:1], out=str(tmp_path / "before")), say=silent)
    (tmp_path / "here" / "mean_w").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    params = toy_params(photos[:1], out=str(tmp_path / "after"))
    after = run_experiment(params, say=silent)
    assert params.init == "mean_w" == Params.load(tmp_path / "after" / "params.yaml").init
    settings = [run.results["images"]["a"]["settings"] for run in (before, after)]
    assert settings[0] == settings[1]
    assert default_folder(params, "k").name == default_folder(before.params, "k").name

"""What is kept of each image: latents, pictures or all; and what reads the folder afterwards."""

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

import ganinv
from ganinv.analysis.finished import read_experiment
from ganinv.editing.sources import find_latents
from ganinv.errors import ParamsError
from ganinv.images.writing import read_png
from ganinv.inversion.latent_files import load_latent
from ganinv.runs.experiment import run_experiment
from ganinv.runs.names import INDEX, RECORD, SHEET
from ganinv.runs.params import Params
from ganinv.runs.plan import settings_key
from ganinv.runs.records import collect
from ganinv.runs.verify import verify
from helpers.checks import strict_json

LATENTS = {RECORD, "latent.safetensors"}
PICTURES = LATENTS | {"target.png", "reconstruction.png", "panel.png"}
ALL = PICTURES | {
    *("difference.png", "loss_curve.png", "history.csv", "history.json"),
    *("progress.gif", "progress_strip.png"),
}
REFINEMENT = dict(refine="features", refine_steps=2, refine_resolution=8, refine_loss="l2")
REFINED = {
    "latents": {"refinement.safetensors"},
    "pictures": {"refinement.safetensors", "code.png"},
    "all": {"refinement.safetensors", "code.png"},
}


def files(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("refined", [False, True])
@pytest.mark.parametrize(
    ("keep", "wanted"), dict(latents=LATENTS, pictures=PICTURES, all=ALL).items()
)
def test_what_is_kept(toy_params, photos, tmp_path, silent, keep, wanted, refined):
    changes = dict(snapshot_every=2) | (REFINEMENT if refined else {})
    whole = run_experiment(
        toy_params(photos[:1], out=str(tmp_path / "whole"), **changes), say=silent
    )
    run = run_experiment(toy_params(photos[:1], keep=keep, **changes), say=silent)
    folder = tmp_path / "run" / "a"
    assert files(folder) == wanted | (REFINED[keep] if refined else set())
    for name in files(folder) & {"latent.safetensors", "refinement.safetensors", "target.png"}:
        assert (folder / name).read_bytes() == (tmp_path / "whole" / "a" / name).read_bytes()
    record, other = strict_json(folder / RECORD), strict_json(whole.out / "a" / RECORD)
    assert record["keep"] == keep and record["settings"] == other["settings"]
    assert verify(run.out, say=silent) == {}


def test_it_decides_no_result_and_goes_on_whatever_was_kept(
    toy_params, photos, tmp_path, silent, inverted
):
    assert len({settings_key(Params(keep=keep), {}) for keep in ("latents", "all")}) == 1
    run_experiment(toy_params(photos[:1], keep="latents"), say=silent, invert=inverted)
    run = run_experiment(toy_params(photos), say=silent, invert=inverted)
    assert inverted == ["a", "b"] and not run.failed
    assert [len(files(tmp_path / "run" / name)) for name in "ab"] == [2, 11]
    (kept,) = silent.about("finished earlier")
    assert "its latents alone" in kept
    assert verify(tmp_path / "run", say=silent) == {}


def test_pictures_of_an_earlier_result_go(toy_params, photos, tmp_path, silent):
    run_experiment(toy_params(photos[:1], snapshot_every=2), say=silent)
    run_experiment(toy_params(photos[:1], keep="pictures"), fresh=True, say=silent)
    assert files(tmp_path / "run" / "a") == PICTURES
    run_experiment(toy_params(photos[:1], keep="latents"), fresh=True, say=silent)
    assert files(tmp_path / "run" / "a") == LATENTS


def test_an_image_whose_latent_is_lost_is_done_again(toy_params, photos, silent, inverted):
    params = toy_params(photos[:1], keep="latents")
    run = run_experiment(params, say=silent, invert=inverted)
    (run.out / "a" / "latent.safetensors").unlink()
    run_experiment(params, say=silent, invert=inverted)
    assert inverted == ["a", "a"]


def test_pictures_of_the_search_are_not_even_taken(toy_params, photos, silent):
    taken = []

    def invert(generator, target, params, **options):
        run = ganinv.invert(generator, target, params, **options)
        taken.append(len(run.snapshots))
        return run

    for keep in ("latents", "all"):
        params = toy_params(photos[:1], keep=keep, snapshot_every=2)
        run_experiment(params, fresh=True, say=silent, invert=invert)
    assert taken[0] == 0 < taken[1]


# --- what reads the folder ------------------------------------------------------------------------


@pytest.fixture
def bare(toy_params, photos, silent):
    """The folder of a run of which the latents were kept."""
    return run_experiment(toy_params(photos, keep="latents"), say=silent).out


def test_verify_cuts_the_photograph_again(bare, photos, silent):
    with Image.open(photos[0]) as image:
        other = np.asarray(image.convert("RGB")).copy()
    other[0, 0] ^= 255
    Image.fromarray(other).save(photos[0])
    photos[1].unlink()
    complaints = verify(bare, say=silent)
    assert "without target.png" in complaints["a"] and "SHA-256" in complaints["a"]
    assert "its photograph is not here" in complaints["b"]


def test_verify_finds_another_latent(bare, silent):
    path = bare / "a" / "latent.safetensors"
    latent, metadata = load_latent(path)
    save_file({"latent": latent + 1}, path, metadata)
    assert "psnr" in verify(bare, say=silent)["a"]


def test_the_page_lists_them_without_pictures(bare):
    page = (bare / INDEX).read_text()
    assert "<img" not in page and not (bare / SHEET).exists()
    assert "a/latent.safetensors" in page and "b/record.json" in page


def test_a_page_has_the_pictures_that_there_are(toy_params, photos, bare, silent):
    (bare / "b" / "latent.safetensors").unlink()
    run_experiment(toy_params(photos, keep="pictures"), say=silent)
    page = (bare / INDEX).read_text()
    assert page.count("<img") == 1 and "b/panel.png" in page and "a/panel.png" not in page
    assert (bare / SHEET).is_file()


def test_latents_are_found_and_begun_from(toy_params, photos, bare, tmp_path, silent):
    assert [name for name, _ in find_latents(bare)] == ["a", "b"]
    params = toy_params(photos, init=str(bare), out=str(tmp_path / "on"), keep="latents", steps=0)
    run = run_experiment(params, say=silent)
    begun, gone_on = (load_latent(x / "a" / "latent.safetensors")[0] for x in (bare, run.out))
    assert (begun == gone_on).all()


def test_comparisons_say_what_is_missing(bare):
    experiment = read_experiment(bare, "bare")
    for show in (lambda: experiment.picture("a", "target"), lambda: experiment.history("a")):
        with pytest.raises(ParamsError, match="was kept without"):
            show()


def test_records_are_gathered_whatever_was_kept(bare):
    metrics = collect(bare)
    assert list(metrics["images"]) == ["a", "b"] and metrics["mean"]["psnr"]


def test_pictures_are_those_of_a_whole_run(toy_params, photos, tmp_path, silent):
    runs = {}
    for keep in ("pictures", "all"):
        params = toy_params(photos[:1], keep=keep, out=str(tmp_path / keep))
        runs[keep] = run_experiment(params, say=silent).out / "a"
    for name in ("target.png", "reconstruction.png", "panel.png"):
        assert (read_png(runs["pictures"] / name) == read_png(runs["all"] / name)).all()

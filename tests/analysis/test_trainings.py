"""Finished trainings: their figures in closed form, and the results that are kept of them."""

import json
import math
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from ganinv.analysis import trainings
from ganinv.analysis.trainings import make_training, read_results, read_training, training_key
from ganinv.measures.distributions import set_features
from ganinv.training.gan.settings import GanParams
from ganinv.training.sets.image_sets import load_image_set
from helpers.checks import strict_json
from helpers.gans import SMALL, train_small
from helpers.image_sets import Said
from helpers.tensors import quiet


@pytest.fixture(scope="module")
def trained(make_photo, tmp_path_factory):
    """A finished training of four steps on a dozen small pictures."""
    return train_small(make_photo, tmp_path_factory.mktemp("gan"))


@pytest.fixture
def study(trained, tmp_path):
    """What `make_training` is given: parameters, a name, the images, and what is known of them."""
    params = GanParams.make(
        SMALL | dict(images=str(trained.folder.parent / "set"), out=str(tmp_path / "study" / "one"))
    )
    images = load_image_set(params.images, 16, say=quiet)
    return params, "GAN", images, set_features(images[:8])


# --- figures, in closed form ---


def test_unsteadiness_is_the_spread_of_the_later_log_gradients():
    late = [1.0, math.e**2] * 5
    assert trainings.unsteadiness([1e9] * 10 + late) == pytest.approx(1.0)
    assert trainings.unsteadiness([7.0] * 20) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("kids", "wanted"),
    [([9, 1, 8, 4, 3, 2, 1], 0.0), ([0, 0, 5, 5, 1, 4, 2, 3, 1], 3.0), ([1, 1, 1, 2, 5], 4.0)],
)
def test_setback_is_the_largest_rise_above_the_lowest_so_far(trained, kids, wanted):
    looks = [{"step": i, "kid": kid} for i, kid in enumerate(kids)]
    assert replace(trained, looks=looks).setback() == wanted


def test_curves_are_means_of_runs_of_steps():
    rows = [dict.fromkeys(trainings.CURVES, float(n)) | {"step": n} for n in range(1, 1001)]
    curves = trainings.thin(rows)
    assert curves["step"] == list(range(5, 1001, 5))
    assert curves["generator"][:2] == [3.0, 8.0]
    few = trainings.thin(rows[:3])
    assert few["step"] == few["real"] == [1, 2, 3]


def test_different_neighbours_counts_images():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
    known = set_features(images)
    share, index = trainings.different_neighbours(images, known)
    assert share == 1 and index.tolist() == list(range(12))
    share, index = trainings.different_neighbours(images[[3, 3, 3, 5]], known)
    assert share == 0.5 and index.tolist() == [3, 3, 3, 5]


def test_a_film_is_the_corner_of_each_grid(trained):
    params = dict(trained.params) | {"grid": 8}
    large = np.arange(64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3)
    card = dict(trained.card) | {"params": params}
    alone = replace(trained, folder=None, card=card, samples=large)
    ((step, shown),) = alone.film()
    assert step == 4 and np.array_equal(shown, large[:32, :32])


def test_frames_are_spaced_from_the_first_to_the_last():
    frames = [(n, None) for n in range(15)]
    assert [n for n, _ in trainings.spaced(frames)] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert trainings.spaced(frames[:3]) == frames[:3]


def test_samples_are_those_of_the_seed(trained):
    samples = trainings.draw_samples(trained, 6)
    assert samples.shape == (6, 16, 16, 3) and samples.dtype == np.uint8
    assert np.array_equal(samples, trainings.draw_samples(trained, 6))


# --- results ---


def test_results_stand_for_a_training_that_is_there_no_more(study, tmp_path):
    params, name, images, known = study
    first = make_training(*study, say=quiet)
    assert (
        first.neighbours
        == trainings.different_neighbours(trainings.draw_samples(first, 4), known)[0]
    )
    first_film = first.film()
    assert [step for step, _ in first_film] == [0, 2, 4]
    shutil.rmtree(params.out)
    said = Said()
    again = make_training(*study, say=said)
    assert said == [
        f"GAN, seed 0: finished before; its results are in {tmp_path}/study/results/one.json"
    ]
    assert again.folder is None and not (tmp_path / "study" / "one").exists()
    for field in ("name", "looks", "trouble", "unsteadiness", "neighbours"):
        assert getattr(again, field) == getattr(first, field), field
    first.card["environment"].pop("command")  # which names folders of this machine
    assert again.card == first.card
    assert sys.prefix not in (tmp_path / "study" / "results" / "one.json").read_text()
    assert again.curves["step"] == first.curves["step"]
    for key in trainings.CURVES:
        assert again.curves[key] == pytest.approx(first.curves[key], rel=1e-5)
    assert again.samples.shape == first.samples.shape
    assert abs(again.samples.astype(int) - first.samples).mean() < 8  # JPEG's
    for (step, kept), (wanted, drawn) in zip(again.film(), first_film, strict=True):
        assert step == wanted and kept.shape == drawn.shape
        assert abs(kept.astype(int) - drawn).mean() < 12  # WebP's
    assert [step for step, _ in replace(again, frames=()).film()] == [4]
    with pytest.raises(ValueError, match="only the results"):
        trainings.draw_samples(again, 2)


def test_results_are_found_in_the_folders_given_and_left_out_when_fresh(study, tmp_path):
    params = study[0]
    make_training(*study, say=quiet)
    (tmp_path / "study" / "results").rename(tmp_path / "published")
    shutil.rmtree(params.out)
    found = make_training(*study, kept=[tmp_path / "nowhere", tmp_path / "published"], say=quiet)
    assert found.folder is None
    anew = make_training(*study, kept=[tmp_path / "published"], fresh=True, say=quiet)
    assert anew.folder == tmp_path / "study" / "one"


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"steps": 5}, {"diff_augment": "color"}, {"patience": 3}], ids=str
)
def test_key_changes_with_all_that_decides(study, change):
    params, _, images, _ = study
    assert training_key(params.replace(**change), images) != training_key(params, images)


def test_key_is_of_images_by_their_content_and_of_no_place(study, monkeypatch):
    params, _, images, _ = study
    key = training_key(params, images)
    other = params.replace(out="elsewhere", images="photos", log_every=3, device="auto")
    assert training_key(other, np.array(images)) == key
    assert training_key(params, images[::-1]) != key
    monkeypatch.setattr("ganinv.training.folder.NUMERICS", -1)
    assert training_key(params, images) != key


def test_results_of_another_key_or_damaged_ones_are_none(study, tmp_path):
    params, _, images, _ = study
    make_training(*study, say=quiet)
    path, key = tmp_path / "study" / "results" / "one.json", training_key(params, images)
    assert read_results(path, key) and read_results(path, "another") is None
    kept = strict_json(path)
    for fault in ({"samples": "data:,x"}, {"samples": None}, {"more": 1}):
        path.write_text(json.dumps(kept | fault))
        assert read_results(path, key) is None
    path.write_text("[]")
    assert read_results(path, key) is None
    assert read_results(tmp_path / "nowhere.json", key) is None


def test_a_training_that_was_begun_is_ended(study):
    """Its folder has a checkpoint of two steps, and no results."""
    params = study[0]
    half = make_training(params.replace(steps=2), *study[1:], say=quiet)
    assert half.last["step"] == 2
    said = Said()
    whole = make_training(*study, say=said)
    assert said[0] == "going on from step 2" and whole.last["step"] == 4
    assert read_training(params.out, "GAN").last == whole.last

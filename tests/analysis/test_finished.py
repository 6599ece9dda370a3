"""Finished runs, read back."""

import pytest

from ganinv.analysis.finished import ensure_runs, read_before, read_experiment, search_again
from ganinv.errors import ParamsError
from ganinv.runs.experiment import run_experiment
from helpers.runs import fake_run
from helpers.searches import quick_params


def test_runs_that_are_there_are_left_alone(toy_params, make_photo, tmp_path):
    photo = make_photo(tmp_path / "a.png", 0)
    run_experiment(toy_params([photo]), say=lambda text: None)
    (tmp_path / "run" / "metrics.json").unlink()  # as after a kill: the records count
    ensure_runs([tmp_path / "run"])
    assert read_experiment(tmp_path / "run", "it").params.steps == 4
    with pytest.raises(ParamsError, match="absent.yaml"):  # a missing one would be made
        ensure_runs([tmp_path / "absent"])


def test_one_image_is_searched_again_under_another_loss(toy_path, make_photo, tmp_path):
    for seed, name in enumerate("ab"):
        make_photo(tmp_path / "photos" / f"{name}.png", seed)
    params = quick_params(toy_path, [tmp_path / "photos"], tmp_path / "run", steps=3)
    run = run_experiment(params, say=lambda text: None)
    changes = dict(loss={"l2": 1.0, "l2_full": 1.0}, out=str(tmp_path / "again"))
    again = search_again(run, "b", "again", **changes)
    assert (again.name, again.folder, list(again.images)) == ("again", tmp_path / "again", ["b"])
    assert again.params.loss == changes["loss"] and again.params.steps == 3
    assert len(again.history("b")) == 3 and "l2_full" in again.history("b")[0]


def test_the_run_before_is_read_as_far_as_its_images_are_the_same(tmp_path):
    new = read_experiment(fake_run(tmp_path / "new", {"a": {}, "b": {}}))
    fake_run(tmp_path / "old", {"b": {}, "z": {}})
    before = read_before(tmp_path / "old", new, "Exp-01")
    assert list(before.images) == ["b"] and before.studied == "Exp-01"
    fake_run(tmp_path / "other", {"z": {}})
    for folder in ("", tmp_path / "none", tmp_path / "other"):
        assert read_before(folder, new) is None

"""What a report has yet to do, and the time that it takes here, on a toy."""

import time

import pytest

from ganinv.analysis.editing import EditingParams
from ganinv.generators.load import load_generator
from ganinv.report import timing
from ganinv.report.experiments import experiment_values
from ganinv.report.timing import Page, estimate_parts, list_work, plan_page
from ganinv.runs.experiment import run_experiment
from helpers.edited import quick_study
from helpers.searches import quick_params


@pytest.fixture
def params(toy_path, make_photo, tmp_path):
    photos = [make_photo(tmp_path / f"{name}.png", seed) for seed, name in enumerate("ab")]
    return quick_params(toy_path, photos, tmp_path / "out", steps=6, space="w+")


@pytest.fixture(autouse=True)
def _stay_here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def test_images_that_are_finished_under_the_same_settings_count_nothing(params, tmp_path):
    pages = [Page("exp01", [params])]
    before = estimate_parts(pages, tmp_path, time.time())
    assert [part.announced for part in before] == [False, True, True]
    assert all(part.seconds > 0 for part in before)
    run_experiment(params.replace(images=params.images[:1]))
    after = estimate_parts(pages, tmp_path, time.time())
    assert [part.seconds > 0 for part in after] == [True, True]
    changed = [Page("exp01", [params.replace(steps=7)])]
    assert all(part.seconds for part in estimate_parts(changed, tmp_path, time.time()))
    fresh = estimate_parts(pages, tmp_path, time.time(), True)
    assert all(part.seconds for part in fresh)


def test_steps_are_counted_and_refinements_are_a_kind_of_their_own(params, tmp_path):
    refined = params.replace(refine="features", refine_steps=5, refine_resolution=8, steps=0)
    pages = [Page("exp01", [params]), Page("x", [refined, params.replace(steps=60)])]
    parts = estimate_parts(pages, tmp_path, time.time())
    kinds = [part.kind for part in parts if part.announced]
    assert kinds[:2] == kinds[4:] and kinds[2:4] == ["refined features"] * 2
    few, many = (next(p for p in parts[k:] if p.announced) for k in (2, 7))
    assert many.seconds > few.seconds


def test_the_estimate_is_of_the_right_order(params, tmp_path):
    longer = params.replace(steps=60)
    expected = sum(
        p.seconds for p in estimate_parts([Page("x", [longer])], tmp_path, time.time())[1:]
    )
    began = time.perf_counter()
    run_experiment(longer)
    took = time.perf_counter() - began
    assert took / 8 < expected < took * 8


def test_timing_ends_when_its_time_is_over(params):
    generator = load_generator(params.generator)
    target = timing._render_mean(generator)
    kinds = {"a": params, "b": params.replace(steps=50), "c": params}
    timed = timing.time_kinds(kinds, generator, target, 0.0)
    assert timed["b"] == timed["c"] == timing.Timed(timed["a"].step, 0.0)


def test_a_study_on_edits_counts_its_pictures(toy_path, make_photo, tmp_path):
    photo = make_photo(tmp_path / "a.png", 1)
    study = quick_study(
        toy_path, [photo], tmp_path / "out", directions=["pca:0"], strengths=[-1, 0, 1]
    )
    page = plan_page("editing", study.model_dump())
    assert isinstance(page.runs[0], EditingParams) and page.pictures == 3
    runs = list(list_work(page, load_generator(toy_path)))
    assert [w.params.out.rpartition("/")[2] for w in runs][-2:] == ["features", "weights"]


def test_pages_are_planned_from_what_their_notebooks_are_given(params):
    values = params.model_dump() | {"components": 2, "file": "x", "resolutions": [8]}
    assert plan_page("beyond", values).pictures == 7
    first, mended = plan_page("exp03", experiment_values("exp03", params)).runs
    assert first == params and mended.loss == {"lpips": 1.0, "l2": 0.5}
    assert plan_page("index", {"runs": {}}).runs == []
    kept = {"steps": 10, "out": "o", "images": ["a.png"], "seed": 0}
    naive, indomain = plan_page("indomain", kept).runs
    assert (naive.out, indomain.out) == ("o/naive", "o/indomain") and indomain.steps == 10


def test_what_cannot_be_estimated_keeps_no_report_from_being_made(capsys):
    unknown = {"space": "w", "steps": "many"}
    assert timing.estimate_report([("exp01", unknown)]) is None
    assert "could not be estimated" in capsys.readouterr().out
    broken = {"space": "w", "generator": "nowhere.pkl", "images": ["a.png"], "out": "o"}
    assert timing.estimate_report([("exp01", broken)]) is None
    assert "could not be estimated" in capsys.readouterr().out

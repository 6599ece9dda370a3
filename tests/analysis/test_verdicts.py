"""Verdicts on hypotheses, from the metrics of runs."""

import math

import pytest

from ganinv.analysis import finished, verdicts
from ganinv.files import read_json
from helpers.runs import fake_run, lose_metric


@pytest.fixture
def pair(tmp_path):
    old = fake_run(tmp_path / "old", {"a": {"psnr": 20.0}, "b": {"psnr": 21.0}})
    new = fake_run(tmp_path / "new", {"a": {"psnr": 22.0}, "b": {"psnr": 20.5}, "c": {}})
    return [finished.read_experiment(p, n) for p, n in ((old, "Old"), (new, "New"))]


def test_verdict_counts_images_that_both_finished(pair):
    old, new = pair
    verdict = verdicts.better_everywhere(new, old, "psnr")
    assert (verdict.held, verdict.total) == (1, 2)
    assert verdict.word == "held on 1 of 2 images"
    assert "20.50 → 21.25 dB" in verdict.detail and "-0.50 to +2.00" in verdict.detail


def test_verdict_knows_that_lpips_is_better_when_lower(tmp_path):
    low = fake_run(tmp_path / "low", {"a": {"lpips_alex": 0.1}})
    high = fake_run(tmp_path / "high", {"a": {"lpips_alex": 0.2}})
    low, high = (finished.read_experiment(p, p.name) for p in (low, high))
    assert verdicts.better_everywhere(low, high, "lpips_alex").word == "confirmed"
    assert verdicts.better_everywhere(high, low, "lpips_alex").word == "refuted"
    assert verdicts.better_everywhere(low, low, "lpips_alex").word == "refuted"


@pytest.mark.parametrize(("losses", "held"), [((1.0, 0.5), 1), ((1.0, 0.51), 0)])
def test_loss_falls_to_half(tmp_path, losses, held):
    run = finished.read_experiment(fake_run(tmp_path / "r", {"a": {}}, losses), "R")
    assert verdicts.loss_falls(run).held == held


def test_summary_is_json_with_verdicts(pair):
    old, new = pair
    judged = [verdicts.better_everywhere(new, old, "psnr")]
    verdicts.write_summary(new, "exp", judged)
    summary = read_json(new.folder / "summary.json")
    assert summary["verdicts"][0]["held"] == 1
    assert summary["metrics"]["images"]["a"]["psnr"] == 22.0


@pytest.mark.parametrize(("new", "held"), [(0.19, 1), (0.209, 1), (0.211, 0)])
def test_about_as_good_allows_five_per_cent(tmp_path, new, held):
    runs = [
        finished.read_experiment(fake_run(tmp_path / name, {"a": {"lpips_alex": lpips}}), name)
        for name, lpips in (("new", new), ("old", 0.2))
    ]
    assert verdicts.about_as_good(*runs, "lpips_alex").held == held


@pytest.mark.parametrize(("new", "held"), [(20.0, 1), (19.1, 1), (18.9, 0)])
def test_about_as_good_knows_which_way_is_better(tmp_path, new, held):
    runs = [
        finished.read_experiment(fake_run(tmp_path / name, {"a": {"psnr": psnr}}), name)
        for name, psnr in (("new", new), ("old", 20.0))
    ]
    assert verdicts.about_as_good(*runs, "psnr").held == held


def test_evaluations_to_reach_a_loss(tmp_path):
    run = finished.read_experiment(fake_run(tmp_path / "r", {"a": {}}, (1.0, 0.5, 0.6, 0.2)), "R")
    assert verdicts.evaluations_to_reach(run, "a", 0.55) == 2
    assert verdicts.evaluations_to_reach(run, "a", 0.2) == 4
    assert verdicts.evaluations_to_reach(run, "a", 0.1) is None


def test_images_without_a_number_are_not_judged(tmp_path):
    """Null is infinity of PSNR, of equal images, and what was not measured elsewhere."""
    old = fake_run(tmp_path / "old", {"a": {"identity": None}, "b": {"identity": 0.5}})
    new = fake_run(tmp_path / "new", {"a": {"identity": None}, "b": {"identity": 0.4}})
    exact = fake_run(tmp_path / "exact", {"a": {"psnr": None, "identity": 0.0}})
    old, new, exact = (finished.read_experiment(p, p.name) for p in (old, new, exact))
    assert finished.value(old, "a", "identity") is None
    assert finished.value(exact, "a", "psnr") == math.inf
    verdict = verdicts.better_everywhere(new, old, "identity")
    assert (verdict.held, verdict.total) == (1, 1) and "0.500 → 0.400" in verdict.detail
    assert verdicts.better_everywhere(exact, old, "identity").word == "not tested"
    assert verdicts.better_everywhere(exact, old, "psnr").word == "confirmed"


def test_a_metric_that_older_runs_lack_is_judged_where_both_have_it(tmp_path):
    old = fake_run(tmp_path / "old", {"a": {}, "b": {}})
    new = fake_run(tmp_path / "new", {"a": {}, "b": {}})
    for folder, images in ((old, ("a",)), (new, ("a", "b"))):
        lose_metric(folder, "ssim", images)
    old, new = (finished.read_experiment(p, p.name) for p in (old, new))
    assert finished.value(old, "a", "ssim") is None
    assert verdicts.better_everywhere(new, old, "ssim").word == "not tested"
    assert verdicts.about_as_good(new, old, "ssim").word == "not tested"
    assert verdicts.about_as_good(new, old, "psnr").total == 2


@pytest.mark.parametrize(
    ("held", "undecided", "word"),
    [
        (2, 0, "confirmed"),
        (0, 0, "refuted"),
        (0, 2, "undecided"),
        (0, 1, "held on 0 of 2 measures"),
        (1, 1, "held on 1 of 2 measures"),
    ],
)
def test_what_is_undecided_neither_holds_nor_is_refuted(held, undecided, word):
    verdict = verdicts.Verdict("claim", held, 2, "", "measures", undecided)
    assert verdict.word == word

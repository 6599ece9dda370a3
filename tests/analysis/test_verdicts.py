"""Verdicts on hypotheses, from the metrics of runs."""

import math

import pytest

from ganinv.analysis import finished, verdicts
from ganinv.analysis.statistics import Interval, mean_interval
from ganinv.analysis.study import settings_of
from ganinv.files import read_json
from ganinv.numerics import NUMERICS
from ganinv.runs.params import Params
from helpers.runs import fake_run, lose_metric


@pytest.fixture
def pair(tmp_path):
    old = fake_run(tmp_path / "old", {"a": {"psnr": 20.0}, "b": {"psnr": 21.0}})
    new = fake_run(tmp_path / "new", {"a": {"psnr": 22.0}, "b": {"psnr": 20.5}, "c": {}})
    return [finished.read_experiment(p, n) for p, n in ((old, "Old"), (new, "New"))]


def runs(tmp_path, metric, new, old):
    """Two runs with a metric's values for images a, b, c …"""
    found = []
    for name, values in (("New", new), ("Old", old)):
        entries = {chr(97 + i): {metric: x} for i, x in enumerate(values)}
        found.append(finished.read_experiment(fake_run(tmp_path / name, entries), name))
    return found


def test_verdict_counts_images_that_both_finished(pair):
    old, new = pair
    verdict = verdicts.better_everywhere(new, old, "psnr")
    assert (verdict.held, verdict.total) == (1, 2)
    assert verdict.word == "not decided"
    assert verdict.detail.startswith("It held on 1 of 2 images, and two images decide nothing: ")
    # of 2 and -0.5: Student's 12.71 at one degree, and half of 2.5 as the standard error
    assert "20.50 → 21.25 dB, change +0.75 dB, 95% interval -15.13 to +16.63" in verdict.detail


@pytest.mark.parametrize(
    ("new", "old", "word"),
    [
        ([22.0, 23.1, 24.2], [20.0, 21.0, 22.0], "confirmed"),
        ([20.0, 21.0, 22.0], [22.0, 23.1, 24.2], "refuted"),
        ([20.1, 30.0, 22.2], [20.0, 21.0, 22.0], "not decided"),  # on every image, but unevenly
        ([19.9, 21.1, 22.1, 23.1], [20.0, 21.0, 22.0, 23.0], "not decided"),
        ([20.0, 20.0, 10.0], [20.1, 20.2, 20.0], "refuted"),  # held on none
        ([21.0 + x for x in (0, 0.2) * 9] + [19.9], [20.0] * 19, "not decided"),  # on all but one
        ([22.0], [20.0], "not decided"),
        ([22.0, 23.1], [20.0, 21.0], "not decided"),
    ],
)
def test_a_verdict_needs_the_count_and_the_interval(tmp_path, new, old, word):
    verdict = verdicts.better_everywhere(*runs(tmp_path, "psnr", new, old), "psnr")
    assert verdict.word == word


def test_one_image_is_the_reason(tmp_path):
    verdict = verdicts.better_everywhere(*runs(tmp_path, "psnr", [22.0], [20.0]), "psnr")
    assert verdict.detail == (
        "It held on 1 of 1 image, and one image decides nothing: "
        "mean 20.00 → 22.00 dB, change +2.00 dB."
    )


def test_verdict_knows_that_lpips_is_better_when_lower(tmp_path):
    low, high = runs(tmp_path, "lpips_alex", [0.1, 0.11, 0.12], [0.2, 0.22, 0.24])
    assert verdicts.better_everywhere(low, high, "lpips_alex").word == "confirmed"
    assert verdicts.better_everywhere(high, low, "lpips_alex").word == "refuted"
    assert verdicts.better_everywhere(low, low, "lpips_alex").word == "refuted"


def test_a_part_that_lies_on_the_other_side_refutes_the_whole():
    up, level = Interval(1.0, 0.5, 1.5, 4), Interval(1.0, -0.5, 2.5, 4)
    held = [verdicts.Comparison(up, 1, ""), verdicts.Comparison(level, 1, "")]
    assert verdicts.decide("claim", 4, 4, held[:1]).word == "confirmed"
    assert verdicts.decide("claim", 4, 4, held).word == "not decided"
    assert verdicts.decide("claim", 0, 4, held[:1]).word == "not decided"  # they contradict
    against = [*held, verdicts.Comparison(up, -1, "")]
    assert verdicts.decide("claim", 4, 4, against).word == "refuted"
    assert verdicts.decide("claim", 0, 0, []).word == "not decided"


@pytest.mark.parametrize(
    ("best", "word"), [((0.1, 0.11, 0.12), "confirmed"), ((0.9, 0.8, 0.7), "refuted")]
)
def test_a_loss_is_judged_by_its_geometric_mean(tmp_path, best, word):
    values = {i: {"best_loss": x} for i, x in zip("abc", best, strict=True)}
    folder = fake_run(tmp_path / "r", values, (1.0,))
    verdict = verdicts.loss_falls(finished.read_experiment(folder, "R"))
    assert verdict.word == word
    mean = (1 / best[0] / best[1] / best[2]) ** (1 / 3)
    assert f"in the geometric mean {mean:.1f}-fold, 95% interval" in verdict.detail


@pytest.mark.parametrize(("losses", "held"), [((1.0, 0.5), 1), ((1.0, 0.51), 0)])
def test_loss_falls_to_half(tmp_path, losses, held):
    run = finished.read_experiment(fake_run(tmp_path / "r", {"a": {}}, losses), "R")
    assert verdicts.loss_falls(run).held == held


def test_summary_is_json_with_verdicts(pair):
    old, new = pair
    judged = [verdicts.better_everywhere(new, old, "psnr")]
    verdicts.write_summary(new, "exp", judged)
    summary = read_json(new.folder / "summary.json")
    (told,) = summary["verdicts"]
    assert (told["held"], told["total"], told["verdict"]) == (1, 2, "not decided")
    assert told["intervals"][0]["mean"] == 0.75 and told["intervals"][0]["count"] == 2
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


@pytest.mark.parametrize(
    ("new", "word", "said"),
    [
        ([0.2, 0.2, 0.3, 0.4], "confirmed", "better by 0% on average; 5% were allowed; from what"),
        ([0.2, 0.215, 0.31, 0.4], "not decided", "worse by 2% on average; 5% were allowed"),
        ([0.3, 0.31, 0.42, 0.5], "refuted", "worse by 39% on average; 5% were allowed"),
        ([0.1, 0.1, 0.15, 0.2], "confirmed", "better by 50% on average"),
    ],
)
def test_about_as_good_is_judged_by_what_is_allowed(tmp_path, new, word, said):
    old = [0.2, 0.2, 0.3, 0.4]
    verdict = verdicts.about_as_good(*runs(tmp_path, "lpips_alex", new, old), "lpips_alex")
    assert verdict.word == word and said in verdict.detail


def test_a_share_says_which_way_it_went(tmp_path):
    higher = runs(tmp_path, "psnr", [18.0] * 3, [20.0] * 3)
    assert "worse by 10% on average; 5% were" in verdicts.about_as_good(*higher, "psnr").detail
    halved = runs(tmp_path, "lpips_alex", [0.1] * 3, [0.4] * 3)
    judged = verdicts.judge_runs("", *halved, "lpips_alex", 0.5)
    assert "25% of it, where 50% were allowed; from what was allowed -0.1" in judged.detail


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
    assert verdicts.better_everywhere(exact, old, "identity").word == "not decided"
    infinite = verdicts.better_everywhere(exact, old, "psnr")
    assert infinite.held == 1 and "there is no number to judge it by: mean" in infinite.detail


def test_a_metric_that_older_runs_lack_is_judged_where_both_have_it(tmp_path):
    old = fake_run(tmp_path / "old", {"a": {}, "b": {}})
    new = fake_run(tmp_path / "new", {"a": {}, "b": {}})
    for folder, images in ((old, ("a",)), (new, ("a", "b"))):
        lose_metric(folder, "ssim", images)
    old, new = (finished.read_experiment(p, p.name) for p in (old, new))
    assert finished.value(old, "a", "ssim") is None
    assert verdicts.better_everywhere(new, old, "ssim").word == "not decided"
    assert verdicts.about_as_good(new, old, "ssim").word == "not decided"
    assert verdicts.about_as_good(new, old, "psnr").total == 2


# --- a study of more photographs ------------------------------------------------------------------


def study_of(new, old, numerics=NUMERICS, names=("New", "Old"), **changes):
    """What a study.json holds of two recipes: LPIPS-alex of each photograph, from one start."""
    runs = [
        dict(recipe=name, restart=1, photograph=str(place), lpips_alex=x)
        for name, values in zip(names, (new, old), strict=True)
        for place, x in enumerate(values)
    ]
    recipe = {"steps": 450, "params": settings_of(Params()) | changes}
    photographs = [str(place) for place in range(len(new))]
    return dict(
        photographs=photographs, runs=runs, recipes=dict.fromkeys(names, recipe), numerics=numerics
    )


OLD = [0.1, 0.2, 0.3, 0.4] * 5


@pytest.mark.parametrize(
    ("new", "word"),
    [
        ([x - 0.05 for x in OLD], "confirmed"),
        ([x - 0.05 for x in OLD[:-1]] + [0.41], "not decided"),
        ([x + 0.05 for x in OLD], "refuted"),
    ],
)
def test_a_study_is_judged_in_place_of_the_images(tmp_path, new, word):
    one = runs(tmp_path, "lpips_alex", [0.3], [0.2])
    verdict = verdicts.better_everywhere(*one, "lpips_alex", study=study_of(new, OLD))
    assert (verdict.word, verdict.total, verdict.counted) == (word, 20, "photographs")
    assert f"Over 20 photographs of the study it held on {verdict.held}: mean" in verdict.detail


@pytest.mark.parametrize(
    ("share", "word"), [(1.04, "confirmed"), (1.06, "refuted"), (0.5, "confirmed")]
)
def test_a_study_decides_what_is_about_as_good(tmp_path, share, word):
    own = runs(tmp_path, "lpips_alex", [0.2], [0.2])
    study = study_of([share * x for x in OLD], OLD)
    verdict = verdicts.about_as_good(*own, "lpips_alex", study=study)
    assert (verdict.word, verdict.total) == (word, 20)


def test_what_is_allowed_goes_by_each_photographs_own_number(tmp_path):
    """A tenth over a slack of 5 % on each: the interval is as narrow as 5 % of each number.

    That of the plain differences, moved by 5 % of the mean, would be twice as wide.
    """
    own = runs(tmp_path, "lpips_alex", [0.2], [0.2])
    verdict = verdicts.about_as_good(
        *own, "lpips_alex", study=study_of([1.1 * x for x in OLD], OLD)
    )
    (interval,) = (one.interval for one in verdict.comparisons)
    each = mean_interval([0.05 * x for x in OLD])
    assert interval.mean == pytest.approx(each.mean)
    assert interval.high - interval.low == pytest.approx(each.high - each.low, rel=0.1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": "l2"}, "loss"),
        ({"steps": 7}, "steps"),
        ({"generator": "other"}, "generator"),
        ({"numerics": NUMERICS + 1}, "numerics"),
    ],
)
def test_a_study_under_other_settings_is_no_judge_and_that_is_said(tmp_path, changes, said):
    own = runs(tmp_path, "lpips_alex", [0.1], [0.2])
    alone = verdicts.better_everywhere(*own, "lpips_alex")
    study = study_of(OLD, OLD, **changes)
    verdict = verdicts.better_everywhere(*own, "lpips_alex", study=study)
    assert (verdict.word, verdict.total) == (alone.word, 1)
    assert f"the study's New differs in {said} and judges nothing" in verdict.detail


def test_auto_is_what_it_became(tmp_path):
    own = runs(tmp_path, "lpips_alex", [0.3], [0.2])
    study = study_of([x - 0.05 for x in OLD], OLD, coordinates="style")
    assert verdicts.better_everywhere(*own, "lpips_alex", study=study).total == 20


def test_a_study_of_other_recipes_or_metrics_is_not_taken(tmp_path):
    own = runs(tmp_path, "lpips_alex", [0.1], [0.2])
    alone = verdicts.better_everywhere(*own, "lpips_alex")
    others = study_of(OLD, OLD, names=("New", "Other"))
    assert verdicts.better_everywhere(*own, "lpips_alex", study=others) == alone
    alone = verdicts.better_everywhere(*own, "psnr")
    assert verdicts.better_everywhere(*own, "psnr", study=study_of(OLD, OLD)) == alone

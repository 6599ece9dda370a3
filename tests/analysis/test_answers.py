"""What a study answers, of made-up rows: which recipe is better, by which measures, and why not."""

import math

import pytest

from ganinv.analysis import answers
from ganinv.analysis.study import summarize
from ganinv.measures.reconstruction import METRICS
from helpers.studies import made_up_plan

MANY = "pqrstuvwxyz"
FIRST = {p: [0.30 + k / 1000] for k, p in enumerate(MANY)}


def study_of(**changes):
    """A study whose second recipe has lower numbers on every photograph."""
    lower = {p: [0.20 + k / 900] for k, p in enumerate(MANY)}
    return summarize(made_up_plan({"first": FIRST, "second": lower}, **changes))


def measures(answer):
    return {one.metric: one.sign for one in answer.measures}


def test_lower_is_better_of_distances_and_worse_of_likenesses():
    (one,) = answers.answers(study_of())
    assert (one.a, one.b) == ("second", "first")
    assert measures(one) == {name: -1 if m.higher else 1 for name, m in METRICS.items()}
    assert one.word == answers.BOTH and one.flattered == {}


def test_what_one_of_the_two_alone_minimizes_does_not_decide():
    study = study_of()
    study["comparisons"] = [
        one for one in study["comparisons"] if one["metric"] in ("lpips_alex", "psnr")
    ]
    assert answers.answers(study)[0].word == answers.BOTH
    study["recipes"]["second"]["params"] = {"loss": {"lpips": 1}, "lpips_net": "alex", "steps": 3}
    study["recipes"]["first"]["params"] = {"loss": "lpips", "lpips_net": "vgg", "steps": 3}
    (one,) = answers.answers(study)
    assert one.word == answers.WORSE, "PSNR is in no loss, and lower"
    assert one.flattered == {"second": ["lpips_alex"], "first": ["lpips_vgg"]}


@pytest.mark.parametrize(
    ("params", "measured"),
    [
        ({"loss": {"lpips": 1, "l2": 0.5}}, {"lpips_vgg", "psnr"}),
        ({"loss": "lpips_alex"}, {"lpips_alex"}),
        ({"loss": "l2", "steps": 0}, set()),
        ({"loss": {"lpips_alex": 0.0}}, set()),
        ({"loss": "l2", "refine_loss": {"lpips_alex": 1}}, {"psnr"}),
        (
            {"loss": "l2", "refine": "features", "refine_loss": {"lpips_alex": 1}},
            {"psnr", "lpips_alex"},
        ),
        ({"loss": 5}, set()),
        (None, set()),
    ],
)
def test_what_a_recipe_minimizes(params, measured):
    assert answers.minimized_by({"params": params}) == measured


def test_two_photographs_decide_nothing():
    plan = made_up_plan({"a": {"p": [0.1], "q": [0.1]}, "b": {"p": [0.2], "q": [0.21]}})
    (one,) = answers.answers(summarize(plan))
    assert {*measures(one).values()} == {0} and one.word == answers.OPEN


def outlier():
    """Worse by a little on all photographs but one, on which it is better by much."""
    second = {p: [x + 0.01 + k / 5000] for k, (p, (x,)) in enumerate(FIRST.items())}
    second["t"] = [FIRST["t"][0] - 0.2]
    return summarize(made_up_plan({"first": FIRST, "second": second}))


def test_a_photograph_that_lies_far_is_named():
    study = outlier()
    (one,) = answers.answers(study)
    lpips = next(x for x in one.measures if x.metric == "lpips_alex")
    assert lpips.sign == 0 and lpips.is_disputed
    found = answers.farthest(study, "second", "first", "lpips_alex")
    assert (found.photograph, found.alone) == ("t", True)
    assert found.value == pytest.approx(-0.2)
    assert not any(x.is_disputed for x in answers.answers(study_of())[0].measures)


def test_of_two_photographs_none_lies_farthest():
    plan = made_up_plan({"a": {"p": [0.1], "q": [0.1]}, "b": {"p": [0.2], "q": [0.21]}})
    assert answers.farthest(summarize(plan), "b", "a", "psnr") is None


def test_restarts_are_told_apart_by_their_variances():
    near = {p: [0.5, 0.5 + 0.001 * (k + 1)] for k, p in enumerate(MANY)}
    far = {p: [0.5, 0.5 + 0.02 * (k + 1)] for k, p in enumerate(MANY)}
    study = summarize(made_up_plan({"near": near, "far": far}, restarts=2))
    assert answers.restarts_differ(study, "near", "far", "psnr") < 0.001
    assert answers.restarts_differ(study, "near", "near", "psnr") == pytest.approx(1)
    assert math.isnan(answers.restarts_differ(study_of(), "first", "second", "psnr"))


def machines(study, tell):
    return study | {"runs": [row | tell(row) for row in study["runs"]]}


def test_seconds_compare_where_a_photograph_has_all_recipes_on_one_machine():
    study = study_of()
    assert answers.split_machines(study) == {}
    half = machines(study, lambda row: {"machine": "A" if row["photograph"] < "t" else "B"})
    assert answers.split_machines(half) == {}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"machine": "B"}, "B"),
        ({"threads": 1}, "a machine, 1 thread"),
        ({"threads": 4}, "a machine, 4 threads"),
        ({"compile": "on"}, "a machine, compiled"),
        ({"compile": "off", "precision": "bf16"}, "a machine, not compiled, bf16"),
    ],
)
def test_seconds_of_machines_that_differ_are_told_apart(other, said):
    study = machines(study_of(), lambda row: other if row["recipe"] == "second" else {})
    assert answers.split_machines(study) == {"first": ["a machine"], "second": [said]}


def test_photographs_that_do_not_count_do_not_split():
    study = study_of()
    extra = study["runs"][0] | {"photograph": "other", "machine": "B"}
    assert answers.split_machines(study | {"runs": [*study["runs"], extra]}) == {}

"""What a damaged study.json is refused for, before it is shown or judges."""

import copy

import pytest

from ganinv.analysis.study import summarize
from ganinv.analysis.study_format import check_study
from helpers.studies import made_up_plan

CURVE = [[k, 1 / k] for k in range(1, 31)]


@pytest.fixture(scope="module")
def study():
    values = {name: {"p": [1.0], "q": [2.0]} for name in "ab"}
    curves = {"a": CURVE, "b": CURVE}
    return summarize(made_up_plan(values, curves=curves, head_starts=[["a", "b"]]))


def test_what_a_study_writes_is_whole(study):
    check_study(study)


HUGE = 10**400


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["photographs"], "p"),
        (["photographs", 0], 3),
        (["spread"], HUGE),
        (["spread"], float("nan")),
        (["missing"], None),
        (["failed"], {"p": ["no face"]}),
        (["machines"], [None]),
        (["recipes"], []),
        (["recipes", "a", "title"], 5),
        (["recipes", "a", "steps"], "3"),
        (["recipes", "a", "mean", "psnr"], "20"),
        (["recipes", "a", "interval"], {}),
        (["recipes", "a", "interval", "psnr"], [1.0]),
        (["recipes", "a", "spread", "psnr"], 1.0),
        (["comparisons", 0, "a"], "other"),
        (["comparisons", 0, "metric"], "beauty"),
        (["comparisons", 0, "difference"], None),
        (["comparisons", 0, "wins"], -1),
        (["head_starts", 0, "b"], "other"),
        (["head_starts", 0, "checkpoints", 0], {"step": 0}),
        (["runs", 0], None),
        (["runs", 0, "curve"], [["1", 2]]),
        (["runs", 0, "psnr"], HUGE),
    ],
)
def test_what_is_damaged_deep_inside_is_refused(study, place, value):
    damaged = copy.deepcopy(study)
    *way, last = place
    part = damaged
    for key in way:
        part = part[key]
    part[last] = value
    with pytest.raises(ValueError):
        check_study(damaged)


@pytest.mark.parametrize("value", [None, [], {}, "study", 3])
def test_what_is_none_at_all_is_refused(value):
    with pytest.raises(ValueError):
        check_study(value)

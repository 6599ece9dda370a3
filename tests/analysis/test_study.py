"""What the rows of a study come to, of made-up numbers with known answers."""

import json

import pytest

from ganinv.analysis.study import (
    first_as_low,
    head_start,
    lowest_until,
    of_photograph,
    pairs_of,
    part_of,
    read_study,
    summarize,
)
from ganinv.files import write_json
from helpers.studies import made_up_plan

VALUES = {
    "a": {"p": [1.0, 3.0], "q": [2.0, 4.0], "r": [5.0, 5.0]},
    "b": {"p": [4.0, 4.0], "q": [4.0, 6.0], "r": [4.0, 8.0]},
}


def comparison(found, metric):
    (one,) = (x for x in found["comparisons"] if x["metric"] == metric)
    return one


def test_means_are_of_photographs_means():
    found = summarize(made_up_plan(VALUES, restarts=2))
    assert found["photographs"] == ["p", "q", "r"] and found["restarts"] == 2
    assert found["recipes"]["a"]["mean"]["psnr"] == pytest.approx((2 + 3 + 5) / 3)
    assert found["recipes"]["b"]["mean"]["psnr"] == pytest.approx((4 + 5 + 6) / 3)
    low, high = found["recipes"]["a"]["interval"]["psnr"]
    assert low < 10 / 3 < high
    assert len(found["runs"]) == 12 and found["missing"] == 0
    json.dumps(found, allow_nan=False)


def test_comparisons_are_paired_and_know_which_way_is_better():
    found = summarize(made_up_plan(VALUES, restarts=2))
    psnr, lpips = (comparison(found, name) for name in ("psnr", "lpips_alex"))
    assert (psnr["a"], psnr["b"]) == ("b", "a"), "without pairs, each with those before it"
    assert psnr["difference"] == pytest.approx((2 + 2 + 1) / 3)
    assert (psnr["wins"], lpips["wins"], psnr["n"]) == (3, 0, 3)
    assert psnr["low"] < psnr["difference"] < psnr["high"]


def test_spread_over_restarts_is_told_apart():
    found = summarize(made_up_plan(VALUES, restarts=2))
    within = found["recipes"]["a"]["spread"]["psnr"]["restarts"]
    assert within == pytest.approx(((2 + 2 + 0) / 3) ** 0.5)  # variances of pairs: 2, 2, 0


def test_only_whole_photographs_count():
    values = {"a": VALUES["a"], "b": {"p": [4.0, 4.0], "q": [4.0]}}
    found = summarize(made_up_plan(values, restarts=2))
    assert found["photographs"] == ["p"] and found["missing"] == 3
    assert found["recipes"]["a"]["mean"]["psnr"] == 2
    assert comparison(found, "psnr")["n"] == 1
    assert comparison(found, "psnr")["low"] is None
    assert len(found["runs"]) == 9, "rows of other photographs are kept"
    assert of_photograph(found, "a", "psnr") == {"p": [1.0, 3.0]}


def test_what_was_not_measured_is_left_out():
    plan = made_up_plan(VALUES, restarts=2)
    for place, row in plan.known.items():
        if place[2] == "p":
            row["identity"] = None
    one = comparison(summarize(plan), "identity")
    assert one["n"] == 2


def test_pairs_are_those_asked_for():
    plan = made_up_plan(VALUES, restarts=2, pairs=[["a", "b"]])
    assert pairs_of(plan) == [("a", "b")]
    three = made_up_plan({name: {"p": [1.0]} for name in "abc"})
    assert pairs_of(three) == [("b", "a"), ("c", "a"), ("c", "b")]


def test_head_start_is_counted_in_steps():
    """b's loss is 10 - step; a's is 4 lower at every step, so it is four steps ahead."""
    curves = {
        "a": [[step, max(6.0 - step, 0.5)] for step in range(1, 13)],
        "b": [[step, 10.0 - step] for step in range(1, 13)],
    }
    plan = made_up_plan({"a": {"p": [1.0]}, "b": {"p": [1.0]}}, curves=curves)
    rows = plan.rows()
    found = head_start("a", rows[:1], "b", rows[1:])
    assert [point["step"] for point in found["checkpoints"]] == [0, 10]
    assert found["checkpoints"][0] == {"step": 0, "ahead": 4, "never": 0, "n": 1}
    assert found["checkpoints"][1]["ahead"] == -1, "a stands still at 0.5, which b reaches first"
    worse = head_start("b", rows[1:], "a", rows[:1])
    assert worse["checkpoints"][0] == {"step": 0, "ahead": 0, "never": 0, "n": 1}
    assert worse["checkpoints"][1] == {"step": 10, "ahead": None, "never": 1, "n": 1}


def test_a_recipe_is_not_ahead_of_itself():
    """Also where a curve has every fifth step alone."""
    curve = [[step, 1 / step] for step in (*range(1, 51), *range(55, 121, 5))]
    plan = made_up_plan({"a": {"p": [1.0]}, "b": {"p": [1.0]}}, curves={"a": curve, "b": curve})
    rows = plan.rows()
    found = head_start("a", rows[:1], "b", rows[1:])["checkpoints"]
    assert [(x["step"], x["ahead"]) for x in found] == [(s, 0) for s in (0, 10, 25, 50, 100)]


def test_curves_are_read_off():
    curve = [[1, 5.0], [2, 3.0], [3, 4.0], [8, 1.0]]
    assert [lowest_until(curve, step) for step in (0, 1, 2, 7, 8)] == [5.0, 3.0, 3.0, 1.0, None]
    assert lowest_until([], 0) is None
    assert [first_as_low(curve, loss) for loss in (9.0, 3.0, 2.0, 0.5)] == [0, 1, 7, None]


# --- read back ---


def test_a_study_is_read_back_and_a_part_of_it_taken(tmp_path):
    values = {name: {"p": [1.0], "q": [2.0]} for name in "abc"}
    write_json(tmp_path / "study.json", summarize(made_up_plan(values)))
    study = read_study(tmp_path / "study.json")
    part = part_of(study, ["c", "a"])
    assert list(part["recipes"]) == ["c", "a"] and len(part["runs"]) == 4
    assert {(one["a"], one["b"]) for one in part["comparisons"]} == {("c", "a")}
    assert part_of(study, ["a", "other"]) is None


def test_what_is_no_study_yet(tmp_path):
    assert read_study("") is None and read_study(tmp_path / "none.json") is None
    write_json(tmp_path / "early.json", summarize(made_up_plan({"a": {"p": [1.0]}, "b": {}})))
    assert read_study(tmp_path / "early.json") is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"photographs": []}', "null"])
def test_a_damaged_study_is_refused(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(ValueError, match="no study.json"):
        read_study(tmp_path / "study.json")

"""Verdicts on edits: planted truths are confirmed, their opposites refuted, few photographs say."""

from dataclasses import replace

import pytest

from ganinv.analysis import edited_verdicts
from ganinv.analysis.edited_verdicts import FEWEST, advise, judge
from ganinv.runs.params import Params
from helpers.checks import strict_json
from helpers.edited import DISTANCE, LPIPS, made_up

CARRIED, LEFT, WEIGHTS = (
    f"W+ short + {x}" for x in ("features, carried", "features, left", "weights")
)


def words(**changes):
    return [v.word for v in judge(made_up(**changes))]


def test_planted_truths_are_confirmed():
    assert words(own={CARRIED: 0.7}) == ["confirmed"] * 4


def test_with_few_photographs_nothing_is_judged():
    verdicts = judge(made_up(FEWEST - 1))
    assert [v.word for v in verdicts] == ["not decided"] * 4
    opening = f"On {FEWEST - 1} photographs nothing is decided, it takes 8: "
    assert all(v.detail.startswith(opening) for v in verdicts)
    one = judge(made_up(1))
    assert one[0].detail.startswith("On 1 photograph nothing is decided, it takes 8: LPIPS-alex")


def test_the_opposite_is_refuted():
    codes = list(DISTANCE)
    backwards = dict(zip(codes, [LPIPS[name] for name in reversed(codes)], strict=True))
    assert words(lpips=backwards)[0] == "refuted"
    own = dict(zip(codes, (0.5, 0.6, 0.7, 0.8, 0.9), strict=True))
    assert words(own=own)[1] == "refuted"
    assert words(ghosts={CARRIED: 0.8, WEIGHTS: 0.9})[3] == "refuted"


def test_where_intervals_hold_zero_nothing_is_decided():
    level = {name: 0.7 for name in DISTANCE}
    assert words(own=level, noise=0.1)[1] == "not decided"
    assert words(ghosts={CARRIED: 0.6, WEIGHTS: 0.1})[3] == "not decided"


def test_a_short_code_that_is_harder_to_edit_is_refuted_and_told_in_parts():
    found = made_up(own={CARRIED: 0.3})
    verdict = judge(found)[2]
    assert (verdict.word, verdict.held, verdict.total) == ("refuted", 2, 5)
    rule = "Confirmed where all five measures are, refuted as soon as one of them is."
    assert verdict.detail.startswith(f"{rule} It held in 2 of 5: LPIPS-alex")
    text = advise(found)
    assert "not shown to be better in all" in text
    held, against = text.split("The opposite holds of")
    assert "nearer to the photograph; sooner." in held
    assert "lose less of the person" in against


def test_details_say_means_differences_and_intervals():
    verdict = judge(made_up(noise=0.0))[2]
    assert "LPIPS-alex 0.100 → 0.050, difference -0.050 (-0.050 to -0.050)" in verdict.detail
    assert "own change 0.50 → 0.70, difference +0.20 (+0.20 to +0.20)" in verdict.detail
    assert "seconds 9 → 2, difference -7 (-8 to -7)" in verdict.detail  # 9.35, of 9.0 to 9.7
    assert "Confirmed where both measures are" in judge(made_up())[3].detail
    first = judge(made_up(noise=0.0))[0]
    assert "LPIPS-alex -1.00 (-1.00 to -1.00), expected below 0" in first.detail


def test_advice_needs_photographs_and_every_measure():
    assert advise(made_up()).startswith("**Take a short code and refine it.**")
    assert advise(made_up(3)) == (
        "**No advice yet**: this run is on 3 photographs, and advice needs 8."
    )


def test_what_could_not_be_measured_is_not_judged():
    found = made_up()
    for row in found.study.rows:
        row["changes"], row["lost"], row["ghosting"] = {}, float("nan"), float("nan")
    verdicts = judge(found)
    assert [v.word for v in verdicts[:2]] == ["confirmed", "not decided"]
    assert verdicts[1].detail.endswith("nothing of it could be measured.")
    assert (verdicts[2].word, verdicts[2].held) == ("not decided", 2)  # LPIPS-alex and seconds
    assert verdicts[3].word == "not decided"
    assert "Take a short code" not in advise(found)


def test_the_summary_is_strict_json(tmp_path):
    found = made_up(2)
    judged = judge(found)
    path = tmp_path / "summary.json"
    edited_verdicts.write_summary(path, Params(), found, judged, advise(found))
    told = strict_json(path)
    assert list(told["experiments"]) == [e.name for e in found.experiments]
    assert len(told["edits"]) == 2 * 8 * 2 and len(told["verdicts"]) == 4
    assert told["attributes"] == {"smile": "smile", "yaw": "yaw"}
    assert told["edits"][0]["ghosting"] is None and "out" not in told["params"]


@pytest.mark.parametrize("variant", [CARRIED, LEFT, WEIGHTS])
def test_refined_variants_are_found_by_kind(variant):
    kind = "weights" if variant == WEIGHTS else "features"
    features = "stay" if variant == LEFT else "carry"
    assert made_up(1).refined(kind, features) == variant


def test_seconds_name_the_machine():
    found = replace(made_up(), machine="a clock, one thread")
    assert "seconds (a clock, one thread) 9 → 2" in judge(found)[2].detail
    assert "(one thread)" not in judge(made_up())[2].detail

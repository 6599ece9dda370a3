"""A study's answers, as its page says them: in words, numbers, and with where these come from."""

import html
import re

import pytest

from ganinv.analysis.study import summarize
from ganinv.files import write_json
from ganinv.measures.reconstruction import METRICS
from ganinv.report import show_answers
from ganinv.report.numbered import read_numbers
from ganinv.report.told import fill, reader
from ganinv.runs.study_params import recipes_of
from helpers.pages import read_tags
from helpers.runs import HOSTILE
from helpers.studies import made_up_plan

MANY = "pqrstuvwxyz"
FIRST = {p: [0.30 + k / 1000] for k, p in enumerate(MANY)}


def plan_of(second=None, **changes):
    lower = {p: [0.20 + k / 900] for k, p in enumerate(MANY)}
    return made_up_plan({"first": FIRST, "second": second or lower}, **changes)


def paragraphs(text):
    return [
        html.unescape(re.sub(r"<[^>]*>", "", x)) for x in re.findall(r"<p[^>]*>.*?</p>", text, re.S)
    ]


def test_a_pair_is_a_card_of_words_and_numbers():
    text = show_answers.first_answers(summarize(plan_of()))
    assert text.count('class="card ') == 1 and "<strong>Better and worse</strong>" in text
    pair, better, worse = paragraphs(text)
    assert pair == "“SECOND” against “FIRST”."
    assert re.search(r"LPIPS-alex \(-0\.099, -0\.1\d\d to -0\.09\d; better on 11 of 11\)", better)
    assert re.match(r"Worse in PSNR \(-0\.10 dB, .*; better on 0 of 11\); SSIM", worse)


def test_what_is_not_decided_says_so_and_names_the_photograph_that_lies_far():
    second = {p: [x + 0.01 + k / 5000] for k, (p, (x,)) in enumerate(FIRST.items())}
    second["t"] = [FIRST["t"][0] - 0.2]
    study = summarize(plan_of(second))
    found = [x for x in paragraphs(show_answers.first_answers(study)) if "LPIPS-alex" in x]
    (said,) = found
    assert said.startswith("Not decided by its interval, which holds 0, though by a test")
    assert "better on 1 of 11), p = 0.012 by the sign test" in said
    assert "Photograph t lies farthest from the others, at -0.200; without it" in said


def test_what_flatters_is_named_and_does_not_decide():
    plan = plan_of()
    recipes = {name: {"title": name, "loss": "l2"} for name in ("first", "second")}
    recipes["second"]["loss"] = "lpips_alex"
    plan.study = plan.study.replace(recipes=recipes)
    plan.recipes = recipes_of(plan.study)
    text = paragraphs(show_answers.first_answers(summarize(plan)))
    assert any(
        x == "LPIPS-alex is a measure that second alone minimizes, which flatters it: the verdict "
        "is without it."
        for x in text
    )


@pytest.mark.parametrize("restarts", [1, 2])
def test_every_number_is_that_of_the_file(tmp_path, restarts):
    second = {p: [x + 0.01 + k / 5000] for k, (p, (x,)) in enumerate(FIRST.items())}
    second["t"] = [FIRST["t"][0] - 0.2]
    values = [
        {
            p: [x + r * 0.001 * k for r in range(restarts)]
            for k, (p, (x,)) in enumerate(rows.items())
        }
        for rows in (FIRST, second)
    ]
    plan = made_up_plan(dict(zip(("first", "second"), values, strict=True)), restarts=restarts)
    study = summarize(plan)
    write_json(tmp_path / "study.json", study)
    look_up = reader(tmp_path, "study.html")
    marks = read_numbers(show_answers.first_answers(study)).marks
    assert len(marks) >= 3 and any("Photograph" in mark.form for mark in marks)
    for mark in marks:
        assert mark.text == fill(mark.form, [look_up(x) for x in mark.sources])


def test_restarts_are_told_where_there_are_any():
    near = {p: [0.5, 0.5 + 0.001 * (k + 1)] for k, p in enumerate(MANY)}
    far = {p: [0.5, 0.5 + 0.02 * (k + 1)] for k, p in enumerate(MANY)}
    text = show_answers.restarts_card(summarize(made_up_plan({"n": near, "f": far}, restarts=2)))
    said, tested = paragraphs(text)
    assert "lie apart (standard deviation) by 0.005 under N; 0.096 under F." in said
    assert tested == "Under N they lie closer than under F: p < 0.001, F test of the variances."
    same = show_answers.restarts_card(summarize(made_up_plan({"n": near, "m": near}, restarts=2)))
    assert "<strong>Restarts: not decided" in same and "are not shown to lie closer" in same
    assert show_answers.restarts_card(summarize(plan_of())) == ""


def test_more_pairs_than_a_few_stand_below():
    values = {name: {p: [k + x] for p, (x,) in FIRST.items()} for k, name in enumerate("abcd")}
    study = summarize(made_up_plan(values))
    first, other = show_answers.first_answers(study), show_answers.other_answers(study)
    assert first.count('class="card ') == show_answers.FIRST == 4
    assert "2 more pairs are answered below" in first
    assert other.count('class="card ') == 2 and "“D” against “C”" in other
    assert show_answers.other_answers(summarize(plan_of())) == ""


def test_one_recipe_alone_is_compared_with_none():
    alone = summarize(made_up_plan({"a": FIRST}))
    assert show_answers.first_answers(alone) == ""


def test_every_text_is_escaped():
    plan = plan_of(restarts=1)
    recipes = {name: {"title": HOSTILE + name} for name in ("first", "second")}
    plan.study = plan.study.replace(recipes=recipes)
    plan.recipes = recipes_of(plan.study)
    text = show_answers.first_answers(summarize(plan))
    assert not read_tags(text).handlers and METRICS["psnr"].label in text

"""What the page of a study shows, of made-up rows: what they say, with every text escaped."""

import html
import re

import pytest

from ganinv.analysis.study import summarize
from ganinv.measures.reconstruction import METRICS
from ganinv.report import show_study
from ganinv.report.told import ABSENT
from ganinv.runs.study_params import recipes_of
from helpers.pages import read_cells, read_tags
from helpers.runs import HOSTILE
from helpers.studies import made_up_plan

VALUES = {
    "first": {p: [0.50, 0.52] for p in "pqrst"},
    "second": {p: [0.30 + k / 100, 0.32] for k, p in enumerate("pqrst")},
}
CURVES = {
    "first": [[k, 1 / k] for k in range(1, 31)],
    "second": [[k, 1 / (k + 5)] for k in range(1, 31)],
}


@pytest.fixture(scope="module")
def plan():
    return made_up_plan(VALUES, restarts=2, curves=CURVES, head_starts=[["second", "first"]])


@pytest.fixture(scope="module")
def study(plan):
    return summarize(plan)


def test_the_first_sentence_says_what_was_done(study):
    text = show_study.describe_study(study)
    assert "2 recipes on 5 photographs, 2 starts each" in text and "1 % of the spread" in text
    assert "20 searches" in text and "still to be done" not in text


def test_what_is_missing_is_said():
    values = {"a": {"p": [1.0], "q": [1.0]}, "b": {"p": [1.0]}}
    text = show_study.describe_study(summarize(made_up_plan(values)))
    assert "on 1 photographs" not in text and "1 photograph" in text
    assert "1 search is still to be done" in text
    assert ": 2 searches. 1 search more is of photographs that do not count." in text


@pytest.mark.parametrize(("spread", "said"), [(0.004, "moved by 0.4 % of"), (0.0, "not moved")])
def test_how_far_starts_are_moved_is_said(spread, said):
    one = made_up_plan({"a": {"p": [1.0]}, "b": {"p": [2.0]}}, spread=spread)
    assert f"1 start each, {'every one ' * bool(spread)}{said}" in show_study.describe_study(
        summarize(one)
    )


def test_the_paragraph_is_html_that_holds_any_text(study):
    text = show_study.summary(study | {"failed": {"bad": f"{HOSTILE}: no face was found."}})
    assert not read_tags(text).handlers and "no face was found.</p>" in text


def test_a_mean_over_fewer_photographs_says_so(plan):
    fewer = made_up_plan(VALUES, restarts=2)
    for place, row in fewer.known.items():
        if place[0] == "first" and place[2] in "pq":
            row["identity"] = None
    text = show_study.recipes_table(summarize(fewer))
    assert text.count(", of 3 of 5") == 1


def test_recipes_have_means_with_intervals(study):
    found = read_cells(show_study.recipes_table(study))
    assert found[0] == "FIRST" and any(cell.startswith("0.510") for cell in found)
    assert any(re.match(r"0\.32\d \(0\.3\d\d to 0\.3\d\d\)", cell) for cell in found)


def test_differences_say_how_many_photographs_bear_them_out(study):
    text = show_study.comparisons_table(study)
    rows = [read_cells(row) for row in text.split("<tr>")[2:]]
    by_metric = {row[0]: row for row in rows if row}
    lpips = next(row for name, row in by_metric.items() if name.startswith("LPIPS-alex"))
    psnr = next(row for name, row in by_metric.items() if name.startswith("PSNR"))
    assert lpips[1].startswith("-0.1") and text.count("SECOND − FIRST") == 1
    assert lpips[2] == "5 of 5" and psnr[2] == "0 of 5", "a higher PSNR is the better one"


def test_each_pair_heads_its_differences():
    values = {name: {p: [k + 1.0] for p in "pq"} for k, name in enumerate("abc")}
    text = show_study.comparisons_table(summarize(made_up_plan(values)))
    heads = re.findall(r'scope="rowgroup"[^>]*><span>([^<]*)', text)
    assert heads == ["B − A", "C − A", "C − B"]
    assert len(read_cells(text)) == 3 * 4 * len(METRICS)


def test_a_study_says_what_it_asks(study):
    assert "Recipes, over many photographs</h1>" in show_study.heading(study)
    asked = study | {"title": "A title", "about": HOSTILE}
    text = show_study.heading(asked)
    assert text.startswith("<h1>A title</h1><p>") and not read_tags(text).handlers
    old = {name: value for name, value in study.items() if name not in ("title", "about")}
    assert show_study.heading(old) == show_study.heading(study)


def test_each_recipe_is_described(study):
    assert "<dt>FIRST</dt><dd>W+, 1 LPIPS-vgg + 0.5 L2, Adam" in show_study.recipes_list(study)
    old = {name: {"title": name} for name in study["recipes"]}
    assert show_study.recipes_list(study | {"recipes": old}) == ""


@pytest.mark.parametrize(
    "params",
    [
        {"refine_loss": {"l2_full": 4, "lpips_alex": 1}},
        {"loss": {"lpips": 1}, "lpips_net": "alex"},
        {"loss": "lpips_alex"},
    ],
)
def test_a_measure_in_a_loss_judges_nothing(study, params):
    assert "in the loss of FIRST: there" in show_study.minimized(with_params(study, params))
    assert show_study.minimized(study) == ""


@pytest.mark.parametrize(
    "params", [None, {}, {"loss": 5}, {"loss": [["a"]]}, {"loss": {"lpips_alex": 0.0, "l2": 1}}]
)
def test_what_no_loss_weighs_is_not_in_it(study, params):
    assert show_study.minimized(with_params(study, params)) == ""


def with_params(study, params):
    """The study, its first recipe with other parameters."""
    (name, recipe), other = study["recipes"].items()
    return study | {"recipes": {name: recipe | {"params": params}, other[0]: other[1]}}


def test_a_study_without_head_starts_or_pairs_shows_none(study):
    bare = study | {"head_starts": [], "comparisons": []}
    for show in (show_study.head_starts, show_study.comparisons_table):
        assert show(bare) == "" != show(study)
    assert show_study.differences(bare, "psnr") == "" != show_study.differences(study, "psnr")


def test_p_is_written_as_far_as_it_tells():
    shown = [show_study.show_p(p) for p in (None, 0.00001, 0.0312, 0.62)]
    assert shown == [ABSENT, "< 0.001", "0.031", "0.62"]


def test_spreads_stand_side_by_side(study):
    text = show_study.spreads_table(study)
    assert "LPIPS-alex: photographs" in text and "LPIPS-alex: restarts" in text
    assert "0.014" in read_cells(text), "0.50 and 0.52 are 0.014 apart in standard deviation"


def test_a_head_start_is_told_in_steps(study):
    (one,) = study["head_starts"]
    text = show_study.head_start_table(one, study["recipes"])
    assert read_cells(text)[:3] == ["0", "+5", "0 of 10"]
    assert "<svg" in show_study.head_start_curves(study, one)


def test_without_curves_that_is_said():
    one = summarize(made_up_plan({"a": {"p": [1.0]}, "b": {"p": [2.0]}}, head_starts=[["a", "b"]]))
    (start,) = one["head_starts"]
    assert "No loss" in show_study.head_start_curves(one, start)
    assert start["checkpoints"] == []


def test_a_recipe_alone_has_figures_too():
    one = summarize(made_up_plan({"only": {"p": [1.0]}}))
    assert "<svg" in show_study.lines(one) and show_study.differences(one, "psnr") == ""
    assert show_study.comparisons_table(one) == ""


def test_figures_have_alternative_texts(study):
    for text in (show_study.lines(study), show_study.differences(study, "psnr")):
        found = re.findall(r'role="img" aria-label="([^"]+)"', text)
        assert any("PSNR" in words and re.search(r"FIRST.*\d", words) for words in found)


def test_a_photograph_alone_has_no_interval():
    one = summarize(made_up_plan({"a": {"p": [1.0]}, "b": {"p": [2.0]}}, restarts=1))
    assert "to" not in "".join(read_cells(show_study.recipes_table(one)))
    for text in (show_study.lines(one), show_study.differences(one, "psnr")):
        assert "<svg" in text
    twice = summarize(made_up_plan({"a": {"p": [1.0, 1.1]}, "b": {"p": [2.0, 2.0]}}, restarts=2))
    assert ABSENT in read_cells(show_study.spreads_table(twice))
    assert show_study.spreads_table(one) == "", "nothing was restarted"


def test_where_it_was_measured_is_said(study):
    text = show_study.provenance(study)
    assert "20 searches, 3 min in all" in text and "a machine" in text and "000000000000." in text
    changed = study | {"runs": [row | {"commit": "a" * 40 + "+"} for row in study["runs"]]}
    assert "aaaaaaaaaaaa+." in show_study.provenance(changed), "files were changed"


def test_every_text_is_escaped(plan):
    recipes = {name: {"title": HOSTILE + name, "restarts": 2} for name in VALUES}
    hostile = made_up_plan(VALUES, restarts=2, curves=CURVES, head_starts=[["second", "first"]])
    hostile.study = hostile.study.replace(recipes=recipes)
    hostile.recipes = recipes_of(hostile.study)
    study = summarize(hostile) | {"machines": [HOSTILE]}
    texts = [
        show_study.recipes_table(study),
        show_study.comparisons_table(study),
        show_study.spreads_table(study),
        show_study.lines(study),
        show_study.differences(study, "psnr"),
        show_study.head_start_table(study["head_starts"][0], study["recipes"]),
        show_study.head_start_curves(study, study["head_starts"][0]),
        show_study.provenance(study),
    ]
    for text in texts:
        assert not read_tags(text).handlers, text[:300]
    title = read_cells(texts[0])[0]
    assert title == html.escape(HOSTILE + "first")


def test_controls_are_one_block(study):
    text = show_study.controls(study)
    assert "20 searches" in text and text.count("<figure") == 3 and "ahead by steps" in text
    assert "no study of these recipes" in show_study.controls(None)

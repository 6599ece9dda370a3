"""What the page of a study shows, of made-up rows: what they say, with every text escaped."""

import dataclasses
import html
import re

import pytest

from ganinv.analysis.study import summarize
from ganinv.measures.reconstruction import METRICS
from ganinv.report import show_study, show_study_plots
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
        {"refine": "features", "refine_loss": {"l2_full": 4, "lpips_alex": 1}},
        {"loss": {"lpips": 1}, "lpips_net": "alex"},
        {"loss": "lpips_alex"},
    ],
)
def test_a_measure_in_a_loss_judges_nothing(study, params):
    text = show_study.minimized(with_params(study, params))
    assert "LPIPS-alex is in the loss of FIRST: there it judges nothing" in text
    assert "LPIPS-alex" not in show_study.minimized(study)


def test_what_every_recipe_minimizes_compares_how_well(study):
    text = show_study.minimized(study)
    assert "and so PSNR, is in the loss of every recipe: it tells which" in text
    assert "LPIPS-vgg is in the loss of every recipe" in text and "SSIM" not in text
    unsearched = {
        name: recipe | {"params": {"loss": "l2", "steps": 0}}
        for name, recipe in study["recipes"].items()
    }
    assert show_study.minimized(study | {"recipes": unsearched}) == ""


@pytest.mark.parametrize(
    "params", [None, {}, {"loss": 5}, {"loss": [["a"]]}, {"loss": {"lpips_alex": 0.0, "l2": 1}}]
)
def test_what_no_loss_weighs_is_not_in_it(study, params):
    assert "FIRST" not in show_study.minimized(with_params(study, params))


def with_params(study, params):
    """The study, its first recipe with other parameters."""
    (name, recipe), other = study["recipes"].items()
    return study | {"recipes": {name: recipe | {"params": params}, other[0]: other[1]}}


def test_a_study_without_head_starts_or_pairs_shows_none(study):
    bare = study | {"head_starts": [], "comparisons": []}
    for show in (show_study.head_starts, show_study.comparisons_table):
        assert show(bare) == "" != show(study)
    assert (
        show_study_plots.differences(bare, "psnr")
        == ""
        != show_study_plots.differences(study, "psnr")
    )


def test_p_is_written_as_far_as_it_tells():
    shown = [show_study.told_p("#", p) for p in (None, 0.00001, 0.0312, 0.62)]
    assert shown == [ABSENT, "< 0.001", "0.031", "0.62"]


def test_spreads_stand_side_by_side(study):
    text = show_study.spreads_table(study)
    assert "LPIPS-alex: photographs" in text and "LPIPS-alex: restarts" in text
    assert "0.014" in read_cells(text), "0.50 and 0.52 are 0.014 apart in standard deviation"


def test_a_head_start_is_told_in_steps(study):
    (one,) = study["head_starts"]
    text = show_study.head_start_table(one, study["recipes"])
    assert read_cells(text)[:3] == ["0", "+5", "0 of 10"]
    assert "<svg" in show_study_plots.head_start_curves(study, one)


def test_without_curves_that_is_said():
    one = summarize(made_up_plan({"a": {"p": [1.0]}, "b": {"p": [2.0]}}, head_starts=[["a", "b"]]))
    (start,) = one["head_starts"]
    assert "No loss" in show_study_plots.head_start_curves(one, start)
    assert start["checkpoints"] == []


def test_a_recipe_alone_has_figures_too():
    one = summarize(made_up_plan({"only": {"p": [1.0]}}))
    assert "<svg" in show_study_plots.lines(one) and show_study_plots.differences(one, "psnr") == ""
    assert show_study.comparisons_table(one) == ""


def test_figures_have_alternative_texts(study):
    for text in (show_study_plots.lines(study), show_study_plots.differences(study, "psnr")):
        found = re.findall(r'role="img" aria-label="([^"]+)"', text)
        assert any("PSNR" in words and re.search(r"FIRST.*\d", words) for words in found)


def test_a_photograph_alone_has_no_interval():
    one = summarize(made_up_plan({"a": {"p": [1.0]}, "b": {"p": [2.0]}}, restarts=1))
    assert "to" not in "".join(read_cells(show_study.recipes_table(one)))
    for text in (show_study_plots.lines(one), show_study_plots.differences(one, "psnr")):
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
        show_study_plots.lines(study),
        show_study_plots.differences(study, "psnr"),
        show_study.head_start_table(study["head_starts"][0], study["recipes"]),
        show_study_plots.head_start_curves(study, study["head_starts"][0]),
        show_study.provenance(study),
    ]
    for text in texts:
        assert not read_tags(text).handlers, text[:300]
    title = read_cells(texts[0])[0]
    assert title == html.escape(HOSTILE + "first")


def test_controls_are_one_block(study):
    text = show_study.controls(study)
    assert "20 searches" in text and text.count("<figure") == 3 and "ahead by steps" in text
    assert "both controls" in text


def test_without_a_study_the_controls_are_one_sentence():
    text = show_study.controls(None)
    assert "no study of these recipes" in text and "controls" not in text
    assert text.count("<p>") == 1 and re.sub(r"<[^>]*>", "", text).count(".") == 1


def test_a_recipe_is_told_in_words_and_in_parameters():
    plan = made_up_plan({"a": {"p": [1.0]}, "b": {"p": [2.0]}})
    values = {"a": {"title": "A", "about": "half <i>the</i> rate"}, "b": {"title": "B"}}
    plan.recipes = recipes_of(plan.study.replace(recipes=values))
    text = show_study.recipes_list(summarize(plan))
    assert "<dt>A</dt><dd>Half &lt;i&gt;the&lt;/i&gt; rate. W+, 1 LPIPS" in text
    assert "<dt>B</dt><dd>W+, 1 LPIPS" in text


def rows_with(study, tell):
    return study | {"runs": [row | tell(row) for row in study["runs"]]}


def test_seconds_of_two_machines_do_not_stand_beside_each_other(study):
    assert "s per photo" in show_study.recipes_table(study)
    assert "Seconds are those of a machine." in show_study.reading(study)
    split = rows_with(study, lambda x: {"machine": "B"} if x["recipe"] == "second" else {})
    assert "s per photo" not in show_study.recipes_table(split)
    assert "10" not in read_cells(show_study.recipes_table(split))
    text = show_study.reading(split)
    assert "Seconds are left out" in text and "FIRST on a machine, but SECOND on B." in text


@pytest.mark.parametrize(("seconds", "shown"), [(0.87, "0.87"), (3.2, "3.2"), (321.7, "322")])
def test_seconds_have_digits_that_tell_them_apart(seconds, shown):
    plan = made_up_plan(VALUES, restarts=2)
    for row in plan.known.values():
        row["seconds"] = seconds
    assert f"{shown} ({shown} to {shown})" in read_cells(show_study.recipes_table(summarize(plan)))


def test_only_what_is_in_the_table_is_explained(study, plan):
    assert "means over restarts" in show_study.reading(study)
    assert "lack" not in show_study.reading(study)
    single = summarize(made_up_plan({"a": {"p": [1.0], "q": [1.0]}, "b": {"p": [2.0], "q": [3.0]}}))
    assert "restarts" not in show_study.reading(single)
    next(row for row in single["runs"] if row["recipe"] == "a")["identity"] = None
    assert "where no face is found" in show_study.reading(single)


def test_recipes_with_single_starts_are_left_out_of_the_spreads():
    values = {"a": {p: [0.5, 0.52] for p in "pqr"}, "b": {p: [0.5] for p in "pqr"}}
    plan = made_up_plan(values, restarts=2)
    for name in "ab":
        plan.recipes[name] = dataclasses.replace(
            plan.recipes[name], restarts=len(values[name]["p"])
        )
    text = show_study.spreads_table(summarize(plan))
    assert ABSENT not in read_cells(text) and "Recipes with single starts have none" in text
    assert re.findall(r'scope="row"[^>]*>([^<]*)', text) == ["A"]


def test_runs_without_a_step_are_no_searches(study):
    still = {name: recipe | {"steps": 0} for name, recipe in study["recipes"].items()}
    text = show_study.describe_study(study | {"recipes": still})
    assert "20 runs" in text and "search" not in text
    assert "20 runs, 3 min" in show_study.provenance(study | {"recipes": still})

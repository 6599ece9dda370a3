"""Advice has a sentence for each purpose, its figures, and a way to the page that bears it."""

import re
from html import unescape

import pytest

from ganinv.analysis import beyond, edited_verdicts, finished
from ganinv.analysis.study import summarize
from ganinv.files import read_json, write_json
from ganinv.report.show_advice import show_advice
from ganinv.report.told import fill, reader
from ganinv.report.ways import join_reports
from ganinv.runs.params import Params
from helpers import edited
from helpers.beyond import made_up as made_up_beyond
from helpers.runs import HOSTILE, fake_run
from helpers.studies import made_up_plan


@pytest.fixture
def runs(tmp_path):
    folders = {"Near": 0.1, "Far": 0.2}
    return [
        finished.read_experiment(fake_run(tmp_path / name, {"a": {"lpips_alex": x}}), name)
        for name, x in folders.items()
    ]


def write_study(path, recipes, **params):
    """A study whose recipes have a value of every metric on each of six photographs."""
    values = {n: {f"p{k}": [x + (k - 2.5) / 1000] for k in range(6)} for n, x in recipes.items()}
    found = summarize(made_up_plan(values))
    for name, own in params.items():
        found["recipes"][name]["params"] |= own
    write_json(path, found)


@pytest.fixture
def published(tmp_path):
    folder = tmp_path / "published"
    refined = {"refine": "features", "refine_loss": {"lpips_alex": 1.0}}
    write_study(
        folder / "study.json",
        {"code": 0.4, "exact": 0.1},
        exact=refined,
        code={"loss": "lpips"},
    )
    write_study(
        folder / "restarts.json",
        {"plain": 0.3, "mixed": 0.2},
        plain={"loss": "lpips"},
        mixed={"loss": {"lpips": 1, "l2": 1}},
    )
    found = edited.made_up(own={"Encoder": 2.0})
    edited_verdicts.write_summary(folder / "editing.json", Params(), found, [], "")
    experiments, rows = made_up_beyond(
        {"Code": [0.2, 0.4], "Features 64": [0.1, 0.1]}, {"Features 64": [0.5, 0.5]}
    )
    beyond.write_summary(folder / "beyond.json", experiments, rows, [], {})
    summary = read_json(folder / "beyond.json")
    for name, mean in (("Code", 0.3), ("Features 64", 0.1)):
        summary["experiments"][name]["mean"] = {"lpips_alex": mean}
    write_json(folder / "beyond.json", summary)
    return folder


def sentences(text):
    """{purpose: what is advised, without tags}."""
    found = re.findall(r"<p><strong>([^<]*):</strong> (.*?)</p>", text)
    return {purpose: unescape(re.sub("<[^>]*>", "", said)) for purpose, said in found}


def test_published_results_advise_in_a_sentence_for_each_purpose(runs, published):
    said = sentences(show_advice(runs, None, published))
    assert list(said) == ["For likeness", "What goes beyond a code", "For a code", "For edits"]
    assert said["For likeness"] == (
        "“EXACT” is nearer to the photograph than “CODE”: in identity on 6 of 6 (0.100 against "
        "0.400), which nothing minimizes, and in LPIPS-alex on 6 of 6 (0.100 against 0.400), which "
        "it minimizes, in 1.00 of the time. See Study of recipes."
    )
    assert (
        "LPIPS-alex from 0.300, the same code's own, to 0.100, in the mean of 2 photographs."
        in (said["What goes beyond a code"])
    )
    assert said["For a code"].startswith("take “MIXED” (")
    assert (
        "better than “PLAIN” alone in LPIPS-alex on 6 of 6 (0.200 against 0.300)"
        in (said["For a code"])
    )
    assert said["For edits"].startswith("the code of “Encoder” edits most cleanly: ")
    assert "of “W+ long” 2" in said["For edits"] and "another person" not in said["For edits"]


def test_its_figures_are_those_of_the_files(runs, published):
    text = show_advice(runs, None, published)
    marks = re.findall(r'<span data-from="([^"]*)" data-as="([^"]*)">([^<]*)', text)
    assert len(marks) == 3
    look_up = reader(published, "index.html")
    for sources, form, shown in marks:
        values = [look_up(unescape(source)) for source in sources.split(" ; ")]
        assert fill(unescape(form), values) == unescape(shown)


def test_each_leads_to_the_page_that_bears_it(runs, published):
    pages = ("study", "beyond", "restarts", "editing")
    for name in pages:
        (published / f"{name}.html").write_text("a page")
    page = published / "index.html"
    page.write_text(show_advice(runs, None, published))
    join_reports(published)
    links = re.findall(r'<a class="way"[^>]*href="([^"]*)"', page.read_text())
    assert links == [f"{name}.html" for name in pages]


def test_without_published_results_the_report_s_own_advise(runs, tmp_path):
    values = {"a": {"lpips_alex": 0.02, "code": {"lpips_alex": 0.15}}}
    refined = finished.read_experiment(fake_run(tmp_path / "refined", values), "Refined")
    said = sentences(show_advice(runs, refined))
    assert list(said) == ["What goes beyond a code", "For a code"]
    assert "from 0.150, the same code's own, to 0.020, on" in said["What goes beyond a code"]
    assert said["For a code"].startswith("of the experiments of this page Near, whose LPIPS-alex ")
    assert "the lowest (0.100 in 1 s a photograph; Far: 0.200 in 1 s)" in said["For a code"]
    assert HOSTILE not in show_advice(runs, refined)


def test_a_refined_run_that_is_no_nearer_than_its_code_is_not_advised(runs, tmp_path):
    values = {"a": {"lpips_alex": 0.15, "code": {"lpips_alex": 0.15}}}
    refined = finished.read_experiment(fake_run(tmp_path / "refined", values), "Refined")
    assert list(sentences(show_advice(runs, refined))) == ["For a code"]


def test_without_a_result_there_is_no_advice(tmp_path):
    runs = [
        finished.read_experiment(fake_run(tmp_path / name, {name: {}}), name) for name in ("a", "b")
    ]
    assert show_advice(runs) == ""


@pytest.mark.parametrize("name", ["study", "restarts", "editing", "beyond"])
def test_a_damaged_file_is_told_in_a_sentence(runs, published, name):
    write_json(published / f"{name}.json", {"experiments": {"W": {}}, "edits": [{}]})
    with pytest.raises(ValueError, match=f"{name}.json is .*damaged.*; remove it"):
        show_advice(runs, None, published)

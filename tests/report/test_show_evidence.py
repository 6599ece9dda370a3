"""What pages show of published photographs: whose they are, and nothing where none judge."""

from dataclasses import replace

from ganinv.analysis.evidence import Evidence
from ganinv.report.show_evidence import show_edits, show_refinements
from helpers import beyond, edited
from helpers.pages import read_tags

LPIPS = {"Code": [0.2, 0.3], "Features 64": [0.02, 0.03]}


def test_published_refinements_are_shown_as_such():
    experiments, edits = beyond.made_up(LPIPS, {"Features 64": [0.8, 0.9]})
    evidence = Evidence("beyond.json", {}, experiments)
    text = show_refinements(evidence, edits)
    assert "Judged on the 2 photographs published in beyond.json: i0, i1." in text
    assert "0.025" in text and "0.850" in text and "<svg" in text
    assert text.count("<table") == 2
    assert read_tags(text)


def test_published_edits_are_shown_as_such():
    found = edited.made_up(8)
    text = show_edits(Evidence("editing.json", {}, found.experiments), found)
    assert "Judged on the 8 photographs published in editing.json: i0, i1" in text
    assert text.count("<table") == 4 and "<svg" in text


def test_where_none_judge_the_reason_is_told_or_nothing():
    assert show_refinements(None, None) == show_edits(None, None) == ""
    assert show_edits(None, None, "differs in <b>") == "<p>differs in &lt;b&gt;</p>"


def test_names_of_files_are_escaped():
    experiments, edits = beyond.made_up(LPIPS, {"Features 64": [0.8, 0.9]})
    named = replace(Evidence("x", {}, experiments), source="<i>.json")
    assert "<i>" not in show_refinements(named, edits)

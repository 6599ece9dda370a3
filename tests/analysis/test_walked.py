"""Sentences of the page on eq. 4: of its walks, and of the published edits."""

import json

import pytest

from ganinv.analysis.edited_verdicts import judge, write_summary
from ganinv.analysis.walked import describe_walks, in_domain_edits
from ganinv.report.show_codes import link_to_edits
from ganinv.runs.params import Params
from helpers.edited import made_up


def test_walks_are_told_by_their_ends_and_their_least():
    walks = [("naive", [], [2.0, 1.5, 1.2, 3.0]), ("in-domain", [], [1.0, 0.5, 0.6, 0.8])]
    text = describe_walks(walks)
    assert "naive codes from 2.50 in the mean of the ends to 1.20" in text
    assert "in-domain codes from 0.90 in the mean of the ends to 0.50" in text
    assert "The walk of in-domain codes stays nearest to the mean of W: at most 1.00" in text
    assert "The walk of naive codes" in describe_walks(walks[:1])


def test_published_edits_are_told_with_intervals(tmp_path):
    path = tmp_path / "editing.json"
    found = made_up(noise=0.0)
    write_summary(path, Params(), found, judge(found), "")
    text = in_domain_edits(path)
    assert text.startswith("Over 8 photographs, from W+ short codes to in-domain ones: ")
    assert "moves 0.70 → 0.80, +0.10 (+0.10 to +0.10)" in text and "0.20 → 0.30, +0.10" in text
    summary = json.loads(path.read_text())
    summary["edits"][0]["lost"] = None  # of i0 under W
    row = next(r for r in summary["edits"] if r["variant"] == "In-domain")
    row["changes"] = {}
    path.write_text(json.dumps(summary))
    assert in_domain_edits(path).startswith("Over 7 photographs")


def test_without_a_summary_nothing_is_told_and_a_damaged_one_is_named(tmp_path):
    assert in_domain_edits("") == in_domain_edits(tmp_path / "none.json") == ""
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match="bad.json is no summary of edits"):
        in_domain_edits(tmp_path / "bad.json")


def test_the_sentence_has_a_link_to_its_page_and_is_escaped():
    assert link_to_edits("") == ""
    text = link_to_edits("a <b>")
    assert 'href="editing.html"' in text and "a &lt;b&gt;" in text

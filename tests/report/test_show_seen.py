"""What is seen in a run, as HTML."""

import re

from ganinv.analysis.finished import read_experiment
from ganinv.report import show_seen
from helpers.runs import fake_run


def test_titles_are_escaped_and_paragraphs_kept(tmp_path):
    experiment = read_experiment(fake_run(tmp_path, {"a": {}, "b": {"psnr": 22.0}}))
    text = show_seen.sentences(experiment)
    assert text.count("<p>") == 3 and "<img" not in text and "&lt;img" in text


def test_the_worst_place_is_shown_beside_that_of_the_run_before(tmp_path):
    entries = {"a": {"lpips_alex": 0.2, "title": "A"}, "b": {"lpips_alex": 0.4, "title": "B"}}
    new = read_experiment(fake_run(tmp_path / "new", entries), "New")
    old = read_experiment(fake_run(tmp_path / "old", entries), "Old")
    alone, both = show_seen.worst_place(new), show_seen.worst_place(new, old)
    assert "B, the worst in LPIPS-alex (0.400): the 40×40 pixels" in alone
    heads = re.findall(r">([\w ]+)</div>", both)
    assert heads == ["photograph", "Old", "New"] and both.count("<img") == 3
    assert alone.count("<img") == 2
    del entries["b"]
    missing = read_experiment(fake_run(tmp_path / "less", entries), "Less")
    assert show_seen.worst_place(new, missing) == alone


def test_nothing_is_shown_of_no_photograph(tmp_path):
    assert show_seen.worst_place(read_experiment(fake_run(tmp_path, {}))) == ""

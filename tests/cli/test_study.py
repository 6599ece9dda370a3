"""ganinv study: what it refuses before any work, and what it leaves."""

import json

import pytest

from ganinv.analysis.study import summarize
from ganinv.core_yaml import dump_yaml
from ganinv.files import read_json
from helpers.commands import cli
from helpers.studies import made_up_plan, toy_study


@pytest.fixture
def params(toy_path, make_photo, tmp_path):
    photos = [make_photo(tmp_path / f"{name}.png", k) for k, name in enumerate("ab")]
    values = toy_study(toy_path, photos, tmp_path / "study").model_dump()
    path = tmp_path / "mine.yaml"
    path.write_text(dump_yaml(values))
    return path


def test_a_study_is_made_and_kept(params, tmp_path, capfd):
    assert cli("study", "--params", params) == 0
    found = read_json(tmp_path / "study" / "study.json")
    assert found["photographs"] == ["a", "b"]
    page = (tmp_path / "study" / "study.html").read_text(encoding="utf-8")
    assert "6 searches" in page
    capfd.readouterr()
    assert cli("study", "--params", params) == 0
    assert "restart" not in capfd.readouterr().out, "nothing is done again"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "restarts=0"], "restarts"),
        (["--set", "nothing=1"], "nothing"),
        (["--set", "recipes={a: {setps: 3}}"], "recipe a"),
        (["--set", "images=[no-such-folder]"], "no-such-folder"),
        (["--params", "no-such-file"], "no-such-file"),
    ],
)
def test_what_cannot_be_done_is_refused(params, words, said, capfd):
    given = words if "--params" in words else ["--params", params, *words]
    assert cli("study", *given) == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"), [("{}", "no study.json, or a damaged one"), (None, "no photograph of it")]
)
def test_a_report_refuses_a_study_that_cannot_judge_before_it_begins(tmp_path, text, said, capfd):
    early = summarize(made_up_plan({"a": {"p": [1.0]}, "b": {}}))
    path = tmp_path / "study.json"
    path.write_text(text or json.dumps(early))
    assert cli("report", "--out", tmp_path / "report", "--study", path) == 2
    assert said in capfd.readouterr().err
    assert not (tmp_path / "report" / "runs").exists()


def test_where_no_photograph_was_finished_there_is_no_page(params, tmp_path, capfd):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"no picture")
    assert cli("study", "--params", params) == 1
    out, err = capfd.readouterr()
    assert "no photograph has been finished by every recipe" in out + err
    assert "the study is" not in out + err and not (tmp_path / "study" / "study.html").exists()
    assert read_json(tmp_path / "study" / "study.json")["failed"].keys() == {"a", "b"}

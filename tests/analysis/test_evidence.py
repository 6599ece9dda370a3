"""Published photographs judge where the study is the same, and only there."""

import numpy as np
import pytest

from ganinv.analysis import beyond, edited_verdicts
from ganinv.analysis.evidence import find_evidence, published_edits, published_study
from ganinv.analysis.finished import Experiment
from ganinv.files import read_json, write_json
from ganinv.numerics import NUMERICS
from ganinv.paths import published_folder
from ganinv.report.experiments import plan_experiment
from helpers import edited
from helpers.beyond import made_up

LPIPS = {"Code": 0.2, "Features 16": 0.05, "Features 64": 0.02, "Weights": 0.06, "Both": 0.04}
KEEPS = {"Features 16": 0.7, "Features 64": 0.8, "Weights": 0.9, "Both": 0.75}
SETTINGS = {"components": 3}


def refinements(photographs):
    grows = [1 + 0.01 * k for k in range(photographs)]
    lpips = {name: [x * g for g in grows] for name, x in LPIPS.items()}
    return made_up(lpips, {name: [x * g for g in grows] for name, x in KEEPS.items()})


@pytest.fixture
def refined_json(tmp_path):
    """What eight photographs left."""
    experiments, edits = refinements(8)
    verdicts = beyond.judge(experiments, [f"i{k}" for k in range(8)], edits)
    path = tmp_path / "beyond.json"
    beyond.write_summary(path, experiments, edits, verdicts, SETTINGS)
    return path


@pytest.fixture
def edited_json(tmp_path):
    found = edited.made_up(8)
    path = tmp_path / "editing.json"
    params = found.experiments[3].params
    edited_verdicts.write_summary(path, params, found, edited_verdicts.judge(found), "", SETTINGS)
    return path


def test_eight_published_photographs_judge_one_of_refinements(refined_json):
    own, own_edits = refinements(1)
    assert beyond.judge(own, ["i0"], own_edits)[0].word == "not decided"
    found, why = find_evidence(refined_json, own, own[0].params, SETTINGS)
    assert why == "" and found.images == [f"i{k}" for k in range(8)]
    judged = found.sign(beyond.judge(found.experiments, found.images, published_edits(found)))
    told = read_json(refined_json)["verdicts"]
    assert [v.word for v in judged] == [row["verdict"] for row in told]
    assert [v.word for v in judged] == ["confirmed", "refuted", "confirmed"]
    opening = "Judged on the 8 photographs published in beyond.json. "
    assert [v.detail for v in judged] == [opening + row["detail"] for row in told]
    assert list(own[0].images) == ["i0"], "the run's own entries were changed"


def test_eight_published_photographs_judge_one_of_edits(edited_json):
    own = edited.made_up(1)
    params = own.experiments[3].params
    found, _ = find_evidence(edited_json, own.experiments, params, SETTINGS)
    published = published_study(found, own)
    judged, all_eight = edited_verdicts.judge(published), edited_verdicts.judge(edited.made_up(8))
    assert [v.word for v in edited_verdicts.judge(own)] == ["not decided"] * 4
    assert [v.word for v in judged] == [v.word for v in all_eight]
    clock = f" ({found.machine})"
    assert found.machine.startswith("by the clock of ") and clock in judged[2].detail
    assert [v.detail.replace(clock, "") for v in judged] == [v.detail for v in all_eight]
    assert "Take a short code" in edited_verdicts.advise(published)
    assert np.isnan(published.study.measured("W", "ghosting")).all()  # null in JSON


@pytest.mark.parametrize(
    ("changes", "settings", "named"),
    [
        ({"refine_steps": 5}, SETTINGS, "refine_steps"),
        ({"steps": 10, "seed": 1}, SETTINGS, "seed, steps"),
        ({"generator": "other.pkl"}, SETTINGS, "generator"),
        ({}, {"components": 1}, "components"),
    ],
)
def test_another_study_judges_nothing_and_says_in_what(refined_json, changes, settings, named):
    own, _ = refinements(1)
    params = own[0].params.replace(**changes)
    found, why = find_evidence(refined_json, own, params, settings)
    assert found is None
    assert why == f"The published beyond.json differs in {named}, and judges nothing."


def test_other_machines_and_photographs_are_the_same_study(refined_json):
    own, _ = refinements(1)
    other = dict(images=["me.jpg"], device="cuda", precision="float32", compile="off", log_every=7)
    params = own[0].params.replace(**other, generator="elsewhere/ffhq-student.safetensors")
    assert find_evidence(refined_json, own, params, SETTINGS)[0] is not None


def test_other_numerics_and_other_kinds_are_another_study(refined_json):
    own, _ = refinements(1)
    told = read_json(refined_json)
    write_json(refined_json, told | {"numerics": NUMERICS + 1})
    assert "numerics" in find_evidence(refined_json, own, own[0].params, SETTINGS)[1]
    write_json(refined_json, told)
    assert (
        "its kinds of results" in find_evidence(refined_json, own[:-1], own[0].params, SETTINGS)[1]
    )


def test_without_a_published_summary_nothing_is_said(tmp_path):
    own, _ = refinements(1)
    for path in ("", tmp_path / "beyond.json"):
        assert find_evidence(path, own, own[0].params, SETTINGS) == (None, "")


def test_one_published_photograph_judges_nothing(refined_json):
    own, _ = refinements(1)
    summary = read_json(refined_json)
    for run in summary["experiments"].values():
        run["images"] = {"i0": run["images"]["i0"]}
    write_json(refined_json, summary)
    assert find_evidence(refined_json, own, own[0].params, SETTINGS) == (None, "")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"params": 3, "experiments": {}}'])
def test_a_damaged_summary_is_told_in_a_sentence(tmp_path, text):
    path = tmp_path / "beyond.json"
    path.write_text(text)
    own, _ = refinements(1)
    with pytest.raises(ValueError, match="no summary of this study, or a damaged one.*make evid"):
        find_evidence(path, own, own[0].params, SETTINGS)


def test_an_edit_that_could_not_be_measured_is_published_as_such(refined_json):
    summary = read_json(refined_json)
    summary["edits"][0]["correlation"] = None  # as JSON has NaN
    write_json(refined_json, summary)
    own, _ = refinements(1)
    found, _ = find_evidence(refined_json, own, own[0].params, SETTINGS)
    edits = published_edits(found)
    assert np.isnan(edits.over_images("Features 16", lambda row: row["correlation"])).sum() == 1
    assert len(beyond.judge(found.experiments, found.images, edits)) == 3


@pytest.mark.parametrize("rows", [None, 3, ["i0"], [{}], [{"image": ["i0"]}]])
def test_a_summary_without_its_edits_is_damaged(refined_json, rows):
    summary = read_json(refined_json)
    own, _ = refinements(1)
    write_json(refined_json, summary | {"edits": rows})
    with pytest.raises(ValueError, match="a damaged one"):
        find_evidence(refined_json, own, own[0].params, SETTINGS)
    del summary["edits"]
    write_json(refined_json, summary)
    with pytest.raises(ValueError, match="a damaged one"):
        find_evidence(refined_json, own, own[0].params, SETTINGS)


def test_the_published_refinements_are_of_the_report_s_parameters():
    path = published_folder() / "beyond.json"
    told = read_json(path)
    planned = plan_experiment("beyond", path.parent, False, [])
    runs = beyond.plan(planned, beyond.RESOLUTIONS, beyond.RESOLUTIONS)
    nothing = {"images": {}, "failed": {}}
    own = [Experiment(name, path.parent, params, nothing) for name, params in runs.items()]
    found, why = find_evidence(path, own, runs["Code"], {"components": beyond.COMPONENTS})
    assert why == "" and len(found.images) == 8
    judged = beyond.judge(found.experiments, found.images, published_edits(found))
    assert [v.word for v in judged] == [row["verdict"] for row in told["verdicts"]]

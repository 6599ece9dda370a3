"""The report: parameters checked first, notebooks given what they name, pages written."""

import pytest

from ganinv.errors import ParamsError
from ganinv.files import write_json
from ganinv.paths import project_root
from ganinv.report import experiments
from ganinv.report.notebooks import fit_parameters
from ganinv.runs.params import Params

STUDIES = ("beyond", "editing", "benchmarks")


def never(*arguments):
    """In place of a notebook's run, where nothing may run."""
    pytest.fail("ran")


def test_unknown_parameters_are_refused_before_anything_runs(tmp_path):
    with pytest.raises(ParamsError, match="no parameter"):
        experiments.make_report(tmp_path / "out", overrides=["stepz=3"], run=never)
    assert not (tmp_path / "out").exists()


def test_quick_takes_a_tenth_of_the_steps(tmp_path):
    full = experiments.plan_experiment("exp03", tmp_path, False, [])
    quick = experiments.plan_experiment("exp03", tmp_path, True, [])
    assert (full.steps, quick.steps) == (600, 60)
    assert quick.images == full.images[:1]
    changed = {"steps", "images", "log_every", "snapshot_every"}
    assert full.model_dump(exclude=changed) == quick.model_dump(exclude=changed)


def test_every_notebook_is_given_parameters_that_it_names(tmp_path):
    ran, written = {}, {}

    def run(name, folder, values):
        fit_parameters(project_root() / "notebooks" / name, values)
        ran[name] = values
        return folder / name

    def write(notebook, path, name, *, pages, notice):
        written[name] = (notebook.name, path, list(pages), bool(notice))

    for number in range(1, 5):
        failed = {"bad": "no face"} if number == 3 else {}
        summary = {"metrics": {"failed": failed}}
        write_json(tmp_path / "runs" / f"exp0{number}" / "summary.json", summary)
    page, failed = experiments.make_report(tmp_path, quick=True, run=run, write=write)
    assert (page, failed) == (tmp_path / "index.html", True)
    assert list(ran) == [experiments.NOTEBOOKS[name] for name in written]
    assert list(written) == [*experiments.EXPERIMENTS, "indomain", *STUDIES, "index"]
    for name, (notebook, path, pages, noted) in written.items():
        assert notebook == experiments.NOTEBOOKS[name] and path == tmp_path / f"{name}.html"
        assert pages == list(experiments.PAGES) and noted == (name != "benchmarks")
    beyond = ran[experiments.NOTEBOOKS["beyond"]]
    assert (beyond["steps"], beyond["refine_steps"], beyond["components"]) == (10, 5, 1)
    editing = ran[experiments.NOTEBOOKS["editing"]]
    steps = ("steps", "w_steps", "long_steps", "indomain_steps", "refine_steps")
    assert [editing[name] for name in steps] == [10, 30, 60, 10, 5]
    assert editing["images"] == ["sample:portrait-050"] and editing["strengths"] == [-2, 0, 2]
    assert editing["directions"] == ["yaw", "smile"]
    before = [ran[experiments.NOTEBOOKS[x]].get("previous", "") for x in experiments.EXPERIMENTS]
    outs = [ran[experiments.NOTEBOOKS[name]]["out"] for name in experiments.EXPERIMENTS]
    assert before == ["", *outs[:-1]]


def made(out, **given):
    """Make a report whose notebooks do nothing: the parameters of each that was to run."""
    ran = {}

    def run(name, folder, values):
        ran[name] = values
        return folder / name

    for number in range(1, 5):
        summary = {"metrics": {"failed": {}}}
        write_json(out / "runs" / f"exp0{number}" / "summary.json", summary)
    experiments.make_report(out, run=run, write=lambda *a, **b: None, **given)
    return ran


@pytest.mark.parametrize("quick", [False, True])
def test_a_notebook_runs_the_parameters_that_were_planned(tmp_path, monkeypatch, quick):
    monkeypatch.chdir(project_root() / "notebooks")
    overrides = ["lr=0.02", "plateau=50", "loss={l2: 1, lpips: 0.5}", "steps=70"]
    for name in experiments.EXPERIMENTS:
        planned = experiments.plan_experiment(name, tmp_path, quick, overrides)
        given = experiments.experiment_values(name, planned)
        notebook = project_root() / "notebooks" / experiments.NOTEBOOKS[name]
        values = fit_parameters(notebook, given)
        assert Params.collect(values, values["experiment"], values["changes"]) == planned
        assert (planned.plateau, planned.steps) == (50, 7 if quick else 70)
        with pytest.raises(ParamsError, match="has no parameter stepz"):
            fit_parameters(notebook, given | {"stepz": 3})


@pytest.mark.parametrize(
    ("given", "named", "judged"),
    [
        ({}, True, True),
        ({"quick": True}, True, True),
        ({"quick": True}, False, False),
        ({"overrides": ["steps=3"]}, False, False),
    ],
)
def test_a_study_judges_where_it_is_of_the_same_recipes(tmp_path, given, named, judged):
    write_json(tmp_path / "study.json", {})
    study = tmp_path / "study.json" if named else None
    ran = made(tmp_path, study=study, **given)
    for name in (*experiments.STUDIED, "index"):
        values = ran[experiments.NOTEBOOKS[name]]
        assert values.get("study", "").endswith("study.json") == judged
    assert "study" not in ran[experiments.NOTEBOOKS["exp01"]]


@pytest.mark.parametrize(
    ("given", "judged"), [({}, True), ({"quick": True}, False), ({"overrides": ["steps=3"]}, False)]
)
def test_published_photographs_judge_a_full_report_under_the_usual_parameters(
    tmp_path, given, judged
):
    ran = made(tmp_path, **given)
    told = ran[experiments.NOTEBOOKS["beyond"]].get("published", "")
    assert told.endswith("reports/published/beyond.json") == judged
    assert not any("published" in ran[experiments.NOTEBOOKS[n]] for n in experiments.EXPERIMENTS)


def test_only_the_pages_that_are_asked_for_are_made(tmp_path):
    images = ["sample:portrait-014", "sample:portrait-030"]
    given = f"images=[{', '.join(images)}]"
    ran = made(tmp_path, only=["editing", "beyond"], overrides=[given])
    assert list(ran) == [experiments.NOTEBOOKS[name] for name in experiments.EVIDENCE]
    assert all(values["images"] == images for values in ran.values())


def test_a_page_that_is_none_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ParamsError, match="no page 'beyonds'; there are index, exp01"):
        experiments.make_report(tmp_path / "out", only=["beyonds"], run=never)
    assert not (tmp_path / "out").exists()


def test_pages_that_are_all_left_out_are_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(experiments, "_encoder_fits", lambda params: False)
    with pytest.raises(ParamsError, match="nothing to make: exp04, indomain needs an encoder"):
        experiments.make_report(tmp_path / "out", only=["exp04", "indomain"], run=never)

"""A study's results and page: written from what is done, on toys and without a kernel."""

from ganinv.files import read_json
from ganinv.report.study import make_study, write_study
from ganinv.report.ways import STUDIES
from ganinv.runs.study import plan_study
from helpers.studies import made_up_plan, toy_study


class Pages(list):
    """In place of papermill and nbconvert: keeps what they were asked for."""

    def run(self, name, folder, values):
        self.append((name, values))
        return folder / name

    def write(self, notebook, path, name, *, pages):
        self.append((notebook.name, path.name, pages[name]))


def test_results_and_page_are_written(toy_path, make_photo, tmp_path):
    photos = [make_photo(tmp_path / f"{name}.png", k) for k, name in enumerate("ab")]
    pages = Pages()
    study = toy_study(toy_path, photos, tmp_path / "out")
    page, plan = make_study(study, say=lambda text: None, run=pages.run, write=pages.write)
    assert page == tmp_path / "out" / "study.html" and len(plan.rows()) == 6
    found = read_json(tmp_path / "out" / "study.json")
    assert found["photographs"] == ["a", "b"] and len(found["runs"]) == 6
    (name, values), shown = pages
    assert name == "09_study.ipynb" and values["results"].endswith("out/study.json")
    assert shown == ("09_study.ipynb", "study.html", "Study")
    again = plan_study(study.replace(kept=str(tmp_path / "out" / "study.json")), print)
    assert again.rows() == found["runs"]


def test_a_study_of_the_published_ones_calls_itself_by_its_name(tmp_path):
    rows = {name: {"p": [1.0]} for name in "ab"}
    for folder, name in (("restarts", STUDIES["restarts"]), ("mine", "Study")):
        pages = Pages()
        out = tmp_path / folder
        write_study(made_up_plan(rows, out=str(out)), run=pages.run, write=pages.write)
        assert pages[-1] == ("09_study.ipynb", "study.html", name)


def test_without_a_whole_photograph_there_is_no_page_yet(tmp_path):
    plan = made_up_plan({"a": {"p": [1.0]}, "b": {}}, out=str(tmp_path))
    pages = Pages()
    (tmp_path / "study.html").write_text("of other recipes")
    assert write_study(plan, run=pages.run, write=pages.write) is None
    assert not (tmp_path / "study.html").exists()
    assert pages == [] and read_json(tmp_path / "study.json")["photographs"] == []

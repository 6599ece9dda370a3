"""Reports that lie together are linked, both ways, and no link leads nowhere."""

import re

from ganinv.report.ways import STUDIES, join_reports
from ganinv.runs.study_params import StudyParams
from helpers.paths import ROOT

PAGE = '<nav><a href="index.html">First</a><span class="ways"></span></nav>'


def links(path):
    return re.findall(r'<a href="([^"]+)"', path.read_text().partition("ways")[2])


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(PAGE)


def test_ways_lead_there_and_back(tmp_path):
    names = ("index.html", "exp01.html", "study.html", "gan/index.html", "gan/train_gan.html")
    write(tmp_path, *names)
    join_reports(tmp_path)
    assert links(tmp_path / "exp01.html") == ["study.html", "gan/index.html"]
    assert links(tmp_path / "study.html") == ["index.html", "gan/index.html"]
    assert links(tmp_path / "gan" / "train_gan.html") == ["../index.html", "../study.html"]
    for name in names:
        assert all((tmp_path / name).parent.joinpath(x).is_file() for x in links(tmp_path / name))


def test_ways_are_set_anew_when_another_report_is_there(tmp_path):
    write(tmp_path, "index.html")
    join_reports(tmp_path)
    assert links(tmp_path / "index.html") == []
    write(tmp_path, "gan/index.html")
    join_reports(tmp_path)
    join_reports(tmp_path)
    assert links(tmp_path / "index.html") == ["gan/index.html"]


def test_make_study_makes_each_that_pages_lead_to():
    target = re.search(r"^study:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    assert sorted(re.findall(r"--params params/(\w+)\.yaml", target)) == sorted(STUDIES)
    for name in STUDIES:
        assert StudyParams.load(ROOT / f"params/{name}.yaml").out == f"runs/{name}"

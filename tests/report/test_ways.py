"""Reports that lie together are linked, both ways, and no link leads nowhere."""

import re

from ganinv.report.ways import STUDIES, beside, join_reports
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


def test_a_study_is_headed_as_the_ways_call_it():
    for name, title in STUDIES.items():
        assert StudyParams.load(ROOT / f"params/{name}.yaml").title == title


def test_a_text_shows_once_the_report_that_it_leads_to_lies_beside(tmp_path):
    text = PAGE + f"<p>None{beside('starts.html', '; see <the> ')}.</p>"
    (tmp_path / "exp04.html").write_text(text)
    join_reports(tmp_path)
    assert "see" not in re.sub(r"<[^>]*>", "", (tmp_path / "exp04.html").read_text())
    write(tmp_path, "starts.html")
    for _ in range(2):
        join_reports(tmp_path)
        shown = f'; see &lt;the&gt; <a href="starts.html">{STUDIES["starts"]}</a></span>.</p>'
        assert (tmp_path / "exp04.html").read_text().endswith(shown)
    (tmp_path / "starts.html").unlink()
    join_reports(tmp_path)
    assert "</a></span>.</p>" not in (tmp_path / "exp04.html").read_text()

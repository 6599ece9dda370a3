"""Reports that lie together are linked, both ways, and no link leads nowhere."""

import re

from ganinv.report.ways import join_reports

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

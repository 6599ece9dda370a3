"""Reports that lie together are linked, both ways, under one name each; no link leads nowhere."""

import re
from html import unescape

import nbformat

from ganinv.report.numbered import read_numbers
from ganinv.report.pages import write_page
from ganinv.report.ways import REPORT, STUDIES, beside, join_reports, way
from ganinv.runs.study_params import StudyParams
from helpers.paths import ROOT

HEAD = (
    '<nav aria-label="Pages"><span class="pages">{}</span><span class="ways"></span></nav>'
    "<main>{}</main>"
)
PAGES = {"index.html": "First", "exp01.html": "Exp-01: W &amp; L2"}
GANS = {"index.html": "Objectives", "train_gan.html": "One training"}


def rows(path):
    """The links of a page's head, a list for each row: (address, label, whether it is here)."""
    found = re.findall(r'<span class="(?:pages|ways)">(.*?)</span>', path.read_text())
    link = re.compile(r'<a href="([^"]+)"( aria-current="page")?>(.*?)</a>')
    return [
        [(page, unescape(label), bool(here)) for page, here, label in link.findall(row)]
        for row in found
    ]


def addresses(path):
    return [[page for page, *_ in row] for row in rows(path)]


def write(folder, *names, text=""):
    for name in names:
        listed = GANS if name.startswith("gan/") else {"study.html": "Study of recipes"}
        listed = PAGES if name in PAGES else listed
        row = "".join(f'<a href="{page}">{label}</a>' for page, label in listed.items())
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(HEAD.format(row, text))


def test_ways_lead_there_and_back(tmp_path):
    names = ("index.html", "exp01.html", "study.html", "gan/index.html", "gan/train_gan.html")
    write(tmp_path, *names)
    join_reports(tmp_path)
    for name in names[:3]:
        assert addresses(tmp_path / name) == [[*PAGES], ["study.html", "gan/index.html"]]
    assert addresses(tmp_path / "gan" / "train_gan.html") == [
        [*GANS],
        ["../index.html", "../study.html"],
    ]
    for name in names:
        for page in sum(addresses(tmp_path / name), []):
            assert (tmp_path / name).parent.joinpath(page).is_file()


def test_all_pages_name_a_page_alike_and_mark_their_own(tmp_path):
    studies = [f"{name}.html" for name in STUDIES]
    write(tmp_path, *PAGES, *studies, "gan/index.html")
    join_reports(tmp_path)
    for page in (*PAGES, *studies):
        shown = sum(rows(tmp_path / page), [])
        assert [x for x, _, here in shown if here] == [page]
        names = {x: label for x, label, _ in shown}
        own = {k: unescape(v) for k, v in PAGES.items()} | {"gan/index.html": "Small GANs"}
        assert names == own | {f"{k}.html": v for k, v in STUDIES.items()}
    back = rows(tmp_path / "gan" / "index.html")[1]
    assert back[0] == ("../index.html", REPORT, False)


def test_studies_without_a_report_lead_to_each_other(tmp_path):
    write(tmp_path, "study.html")
    join_reports(tmp_path)
    assert rows(tmp_path / "study.html") == [[], [("study.html", STUDIES["study"], True)]]


def test_ways_are_set_anew_when_another_report_is_there(tmp_path):
    write(tmp_path, "index.html")
    join_reports(tmp_path)
    assert addresses(tmp_path / "index.html") == [[*PAGES], []]
    write(tmp_path, "gan/index.html")
    join_reports(tmp_path)
    text = (tmp_path / "index.html").read_text()
    join_reports(tmp_path)
    assert (tmp_path / "index.html").read_text() == text
    assert addresses(tmp_path / "index.html")[1] == ["gan/index.html"]


def test_a_reference_is_a_link_to_where_its_page_is(tmp_path):
    write(tmp_path, "index.html", text=way("starts.html", "starts & ends"))
    join_reports(tmp_path)
    assert "<a" not in (tmp_path / "index.html").read_text().partition("<main>")[2]
    for place in ("published/starts.html", "starts.html"):
        write(tmp_path, place)
        join_reports(tmp_path)
        main = (tmp_path / "index.html").read_text().partition("<main>")[2]
        assert re.findall(r'href="([^"]+)">(.*?)</a>', main) == [(place, "starts &amp; ends")]
    (tmp_path / "starts.html").unlink()
    (tmp_path / "published" / "starts.html").unlink()
    join_reports(tmp_path)
    assert way("starts.html", "starts & ends") in (tmp_path / "index.html").read_text()


def test_written_pages_are_joined(tmp_path):
    cell = nbformat.v4.new_markdown_cell(way("study.html", "the study"))
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "page.ipynb")
    pages = {"index": "First", "exp01": "Second"}
    for name, listed in (("index", pages), ("exp01", pages), ("study", {"study": "Study"})):
        write_page(tmp_path / "page.ipynb", tmp_path / f"{name}.html", name, listed)
    join_reports(tmp_path)
    names = {"index.html": "First", "exp01.html": "Second", "study.html": STUDIES["study"]}
    for page in names:
        shown = sum(rows(tmp_path / page), [])
        assert {x: label for x, label, _ in shown} == names
        assert [x for x, _, here in shown if here] == [page]
        assert 'data-page="study.html" href="study.html">the study</a>' in (
            (tmp_path / page).read_text()
        )


def test_names_of_pages_are_no_numbers_of_a_page(tmp_path):
    write(tmp_path, "exp01.html", text="7 steps")
    assert read_numbers((tmp_path / "exp01.html").read_text()).texts == ["7 steps"]


def test_make_study_makes_each_that_pages_lead_to():
    target = re.search(r"^study:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    assert sorted(re.findall(r"--params params/(\w+)\.yaml", target)) == sorted(STUDIES)
    for name in STUDIES:
        assert StudyParams.load(ROOT / f"params/{name}.yaml").out == f"runs/{name}"


def test_a_study_is_headed_as_the_ways_call_it():
    for name, title in STUDIES.items():
        assert StudyParams.load(ROOT / f"params/{name}.yaml").title == title


def test_a_text_shows_once_the_report_that_it_leads_to_lies_beside(tmp_path):
    text = HEAD.format("", "") + f"<p>None{beside('starts.html', '; see <the> ')}.</p>"
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

"""Pages as a browser shows them: quiet, offline, no wider than the window, and at work.

Without Chromium these tests are skipped, and say why; `.ci/run` installs it.
"""

import nbformat
import pytest

from ganinv.analysis.study import summarize
from ganinv.paths import project_root
from ganinv.report import show_answers, show_study, show_study_plots
from ganinv.report.pages import write_page
from ganinv.report.ways import STUDIES, join_reports
from ganinv.runs.study_params import recipes_of
from helpers import report_page
from helpers.browser import AXE, Visit, chromium, why_not
from helpers.studies import made_up_plan

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a browser")
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")


def published():
    """The published pages that have these scripts; older ones are made anew with the next run."""
    folder = project_root() / "reports" / "published"
    found = [*sorted(folder.glob("*.html")), *sorted(folder.glob("gan/*.html"))]
    return [path for path in found if 'class="ways"' in path.read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return report_page.write(tmp_path_factory.mktemp("page"))


def check(browser, path, width, scheme):
    with Visit(browser, path, width=width, scheme=scheme) as visit:
        visit.page.wait_for_load_state("load")
        assert visit.overflow() <= 0
        assert visit.messages == [] and visit.requests == []
        ids = visit.page.evaluate("[...document.querySelectorAll('[id]')].map(x => x.id)")
        assert len(ids) == len({*ids})


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_quiet_offline_and_not_too_wide(browser, path, width, scheme):
    check(browser, path, width, scheme)


@pytest.mark.parametrize("page", published(), ids=lambda page: page.name)
def test_published_pages_are_too(browser, page):
    for width in WIDTHS:
        check(browser, page, width, "light")


@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core: make browser")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious(browser, path, width, scheme):
    with Visit(browser, path, width=width, scheme=scheme) as visit:
        assert visit.serious_findings() == []
        visit.page.check("#show-code")
        assert visit.serious_findings() == []


@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core: make browser")
@pytest.mark.parametrize("page", published(), ids=lambda page: page.name)
def test_nor_in_published_pages(browser, page):
    with Visit(browser, page) as visit:
        assert visit.serious_findings() == []


def share(stage):
    return float(stage.locator("input[type=range]").input_value())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_slider_uncovers_one_picture_over_the_other(browser, path, width):
    with Visit(browser, path, width=width) as visit:
        viewer = visit.page.locator(".viewer").first
        stage, cut = viewer.locator(".stage"), viewer.locator(".cut")
        over, under = cut.locator("img.over"), cut.locator("img.under")
        target = viewer.locator(".shot img").first
        assert over.get_attribute("src") == target.get_attribute("src")
        assert under.get_attribute("alt").endswith("W+, LPIPS")
        stage.locator("input[type=range]").fill("25")
        assert over.evaluate("x => getComputedStyle(x).clipPath") == "inset(0px 75% 0px 0px)"
        stage.locator("select").nth(1).select_option(label="W, L2")
        assert under.get_attribute("alt").endswith("W, L2")


def test_a_drag_moves_the_edge_and_taps_and_keys_flicker(browser, path):
    with Visit(browser, path) as visit:
        stage = visit.page.locator(".stage").first
        stage.locator(".cut").evaluate("x => x.scrollIntoView({ block: 'center' })")
        box = stage.locator(".cut").bounding_box()
        middle = box["x"] + box["width"] / 2, 400
        visit.page.mouse.move(*middle)
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + box["width"] / 4, middle[1], steps=4)
        visit.page.mouse.up()
        assert share(stage) == pytest.approx(25, abs=1)
        visit.page.mouse.click(*middle)
        assert share(stage) == 100
        visit.page.keyboard.press("f")
        assert share(stage) == 0
        stage.get_by_role("button", name="flicker").click()
        assert share(stage) == 100


def test_a_picture_opens_alone_and_closes(browser, path):
    with Visit(browser, path, width=390) as visit:
        dialog = visit.page.locator("dialog.lightbox")
        shots = visit.page.locator(".shot > .enlarge")
        assert not dialog.is_visible()
        shots.nth(1).click()
        shown = dialog.locator("img")
        assert dialog.is_visible() and shown.get_attribute("alt").endswith("W, L2")
        shown.click()
        assert shown.evaluate("x => x.getBoundingClientRect().width") == report_page.SIDE
        visit.page.keyboard.press("ArrowRight")
        assert "W, L2" in shown.get_attribute("alt")  # its close-ups come next
        visit.page.keyboard.press("Escape")
        assert not dialog.is_visible()


def test_a_film_is_scrubbed(browser, path):
    with Visit(browser, path) as visit:
        player = visit.page.locator(".film .player").first
        said = player.locator(".tools span")
        assert said.inner_text() == "result"
        player.locator("input").fill("1")
        assert said.inner_text() == "step 5"
        player.get_by_role("button", name="play").click()
        assert said.inner_text() == "step 0"
        visit.page.wait_for_function(
            "document.querySelector('.film .player span').textContent === 'result'", timeout=9000
        )
        assert player.get_by_role("button", name="play").is_visible()


def test_close_ups_are_not_scaled(browser, path):
    with Visit(browser, path, width=390) as visit:
        widths = visit.page.evaluate(
            "[...document.querySelectorAll('.crops img')].map(x => x.clientWidth - x.naturalWidth)"
        )
        assert widths and not any(widths)


def test_close_ups_of_all_results_lie_in_one_row(browser, path):
    with Visit(browser, path) as visit:
        tops = visit.page.evaluate(
            "[...document.querySelectorAll('.viewer')].map(v => [...v.querySelectorAll('.shot')]"
            ".filter(s => s.querySelector('.crops')).map(s => [s.getBoundingClientRect().top,"
            "s.querySelector('.crops').getBoundingClientRect().top]))"
        )
        rows = {}
        for pairs in tops:
            for top, crops in pairs:
                rows.setdefault(round(top), set()).add(round(crops))
        assert rows and all(len(crops) == 1 for crops in rows.values())
        assert any(len(pairs) > 1 for pairs in tops)


@pytest.mark.parametrize("name", ["tbody th[scope=row]", "tr.group span"])
def test_what_a_row_is_of_stays_on_a_phone(browser, path, name):
    with Visit(browser, path, width=390) as visit:
        scrolled = visit.page.locator(".scroll").first
        place = f"x => x.querySelector('{name}').getBoundingClientRect().left"
        before = scrolled.evaluate(place)
        scrolled.evaluate("x => { x.scrollLeft = 200; }")
        assert scrolled.evaluate("x => x.scrollLeft") == 200
        assert scrolled.evaluate(place) == before


@pytest.mark.parametrize("width", WIDTHS)
def test_all_ways_are_in_sight(browser, path, tmp_path, width):
    titles = {f"page{k}": f"A page with quite a long name, {k}" for k in range(9)}
    page = write_page(path.parent / "page.ipynb", tmp_path / "page0.html", "page0", titles)
    for name in STUDIES:
        (tmp_path / f"{name}.html").write_text("a study")
    join_reports(tmp_path)
    with Visit(browser, page, width=width) as visit:
        boxes = [link.bounding_box() for link in visit.page.locator("nav a").all()]
        assert len(boxes) == len(titles) + len(STUDIES)
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
        assert visit.overflow() <= 0
        visit.page.mouse.wheel(0, 900)
        visit.page.wait_for_function("window.scrollY > 500")
        stays = visit.page.locator("nav").bounding_box()["y"] == 0
        assert stays == (width > 640), "on a phone it would take the screen"


def test_letters_of_plots_have_eleven_pixels_on_a_phone(browser, path):
    sizes = """[...document.querySelectorAll('.plot svg')].flatMap(svg => {
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return [...svg.querySelectorAll('text')].map(
            text => scale * parseFloat(getComputedStyle(text).fontSize));
    })"""
    with Visit(browser, path, width=390) as visit:
        found = visit.page.evaluate(sizes)
        assert found and min(found) >= 11


def test_without_scripts_all_pictures_are_there(browser, path):
    with Visit(browser, path, scripts=False) as visit:
        assert visit.page.locator(".shot > img").first.is_visible()
        assert visit.page.locator(".film .frames img").first.is_visible()
        assert visit.page.locator(".stage, dialog, .player").count() == 0


@pytest.fixture(scope="module")
def study_page(tmp_path_factory):
    """The page of a study of seven recipes, of all that a study shows."""
    names = [f"recipe number {k}, of a name of some words and more" for k in range(7)]
    values = {
        f"r{k}": {p: [14.234 + k + n, 14.3 + k] for n, p in enumerate("pqrst")} for k in range(7)
    }
    plan = made_up_plan(values, restarts=2)
    recipes = {f"r{k}": {"title": name, "restarts": 2} for k, name in enumerate(names)}
    plan.recipes = recipes_of(plan.study.replace(recipes=recipes))
    study = summarize(plan)
    shown = [
        show_answers.first_answers(study),
        show_study.recipes_table(study),
        show_study_plots.lines(study),
        show_study_plots.differences(study, "psnr", "identity"),
    ]
    outputs = [nbformat.v4.new_output("display_data", {"text/html": text}) for text in shown]
    cells = [nbformat.v4.new_code_cell(outputs=[output]) for output in outputs]
    folder = tmp_path_factory.mktemp("study")
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "study.ipynb")
    return write_page(folder / "study.ipynb", folder / "study.html", "study", {"study": "Study"})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_seven_recipes_by_all_measures_fit(browser, study_page, scheme):
    with Visit(browser, study_page, width=1280, scheme=scheme) as visit:
        assert visit.overflow() <= 0
        table = visit.page.locator(".scroll", has_text="Means over the photographs").first
        assert table.evaluate("x => x.scrollWidth - x.clientWidth") <= 0
        assert "s per photo" in table.inner_text()


def test_letters_beside_and_below_a_plot_do_not_touch(browser, study_page):
    touching = """[...document.querySelectorAll('.plot svg')].flatMap(svg => {
        const box = x => ({text: x.textContent, ...x.getBoundingClientRect().toJSON()});
        const boxes = [...svg.querySelectorAll('text')].map(box);
        const numbers = boxes.filter(x => /^[\\u2212\\d.]+$/.test(x.text));
        const names = boxes.filter(x => !numbers.includes(x));
        const line = Math.min(...numbers.map(x => x.top));
        const below = names.filter(x => x.top < line && x.bottom > line + 1);
        const beside = names.filter(x => names.some(y => x.top < y.top - 1 && x.bottom > y.top + 2
            && x.left < y.right && y.left < x.right));
        return [...below, ...beside].map(x => x.text);
    })"""
    for width in WIDTHS:
        with Visit(browser, study_page, width=width) as visit:
            assert visit.page.locator(".plot svg").count() == 6
            assert visit.page.evaluate(touching) == []


@pytest.fixture(scope="module")
def edits(tmp_path_factory):
    return report_page.write_edits(tmp_path_factory.mktemp("edits"))


@pytest.mark.parametrize(("width", "columns"), [(1280, 9), (390, 4)])
def test_edits_fit_the_page_and_enlarge(browser, edits, width, columns):
    with Visit(browser, edits, width=width) as visit:
        assert visit.overflow() <= 0
        inner = visit.page.evaluate(
            "[...document.querySelectorAll('.scroll')].map(x => x.scrollWidth - x.clientWidth)"
        )
        assert not any(x > 0 for x in inner)  # nothing lies outside, to be scrolled to
        boxes = visit.page.evaluate(
            "[...document.querySelectorAll('.strip')].map(s => [...s.querySelectorAll('img')]"
            ".map(x => x.getBoundingClientRect()).map(b => [b.left, b.top, b.right]))"
        )
        for row in boxes:
            assert len(row) == 9 and len({round(left) for left, _, _ in row}) == columns
            assert all(left >= 0 and right <= width for left, _, right in row)
        visit.page.locator(".strip .enlarge").nth(1).click()
        shown = visit.page.locator("dialog.lightbox img")
        assert shown.is_visible() and shown.get_attribute("alt").endswith("W, as found")
        assert shown.evaluate("x => x.clientWidth") > 200

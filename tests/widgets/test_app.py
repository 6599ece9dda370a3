"""The page that `make app` serves, in a browser: an upload, a search, its result, no code.

It takes minutes, so `.ci/run` alone runs it. Without voila or Chromium it is skipped, and says why.
"""

import pytest

from ganinv.runs.record_files import has_latent, read_record
from helpers import browser, notebook_servers, quickstart

REASON = browser.why_not() or notebook_servers.why_not("voila")
pytestmark = [
    pytest.mark.scale,
    pytest.mark.skipif(bool(REASON), reason=REASON or "there is a browser, and voila"),
]
ICONS = "https://cdn.jsdelivr.net/"  # which voila's template takes from there
QUICK = dict(loss="L2, pixel by pixel", space="W, one vector for all", then="nothing more")
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CUT_OFF = """[...document.querySelectorAll('#rendered_cells button, #rendered_cells label,' +
    '#rendered_cells select, #rendered_cells img')].filter(one => {
        const box = one.getBoundingClientRect();
        return box.right > window.innerWidth || one.scrollWidth > one.clientWidth + 1;
    }).map(one => one.innerText || one.title)"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The folder of the notebook, in which its results lie as well."""
    return tmp_path_factory.mktemp("app") / "notebooks"


@pytest.fixture(scope="module")
def address(work):
    """The address of the page."""
    with notebook_servers.voila(notebook_servers.copy_notebook(work)) as address:
        yield address


@pytest.fixture(scope="module")
def opened():
    with browser.chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def app(opened, address):
    """The page, opened."""
    with quickstart.Visit(opened, address, elsewhere=[ICONS]) as visit:
        visit.page.locator("#rendered_cells").wait_for(state="visible")
        visit.cell.get_by_text("the face's square").first.wait_for()
        yield visit


def test_the_page_holds_no_code_and_nothing_that_failed(app):
    shown = app.page.locator("#rendered_cells").inner_text()
    assert "Upload a photo" in shown and "By button" in shown
    for word in ("import ", "Traceback", "Warning", "Error", "controls.", "By code"):
        assert word not in shown
    assert app.errors == []


def test_an_upload_is_inverted_and_fits_the_window(app, work, tmp_path):
    app.upload(quickstart.small_photo(tmp_path / "me.png"))
    app.choose(steps=4, **QUICK)
    app.press("Invert")
    assert app.sees_a_growing_picture() >= 2
    app.cell.get_by_text("Save:").first.wait_for()
    app.cell.get_by_text("Strengths are standard deviations").first.wait_for()
    folder = quickstart.only_result(work, "w-l2-domain-ffhq-4")
    saved = app.download("latent", tmp_path)
    assert saved.read_bytes() == (folder / "latent.safetensors").read_bytes()
    for width in (1280, 390):
        app.page.set_viewport_size({"width": width, "height": quickstart.TALL})
        assert app.page.evaluate(WIDER) <= 0 and app.page.evaluate(CUT_OFF) == []
    assert app.errors == []


def test_what_is_no_photograph_is_told_and_the_result_stays(app, tmp_path):
    for name, text, words in (
        ('it\'s "me" & <b> ä.jpg', "no picture", "not an image"),
        ("nothing.jpg", "", "the file is empty"),
    ):
        (tmp_path / name).write_text(text)
        app.upload(tmp_path / name)
        app.cell.get_by_text(f"{name}: {words}").first.wait_for()
        app.press("Invert")
        quickstart.until(lambda: app.cell.get_by_text(words).count() == 2)  # noqa: B023
        assert app.cell.get_by_text("Save:").count() == 1
    app.press("Clear upload")
    app.cell.get_by_text("the face's square").first.wait_for()
    assert app.errors == []


def test_a_search_whose_page_is_closed_leaves_its_result(opened, address, work):
    with quickstart.Visit(opened, address, elsewhere=[ICONS]) as visit:
        visit.cell.get_by_text("the face's square").first.wait_for()
        visit.choose(steps=5, **QUICK)
        visit.press("Invert")
        visit.is_searching()
        visit.page.close(run_before_unload=True)
        run = work / "runs" / "quickstart" / "w-l2-domain-ffhq-5"
        quickstart.until(lambda: has_latent(read_record(run, "astronaut")))
    assert (run / "astronaut" / "latent.safetensors").is_file()

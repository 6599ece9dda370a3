"""The quickstart in JupyterLab, driven by a browser: all cells, an upload, a search, Stop, an edit.

It takes minutes, so `.ci/run` alone runs it. Without JupyterLab or Chromium it is skipped, and
says why.
"""

import pytest
from PIL import Image

from ganinv.inversion.latent_files import load_latent
from ganinv.runs.record_files import read_record
from helpers import browser, notebook_servers, quickstart

REASON = browser.why_not() or notebook_servers.why_not("jupyterlab")
pytestmark = [
    pytest.mark.scale,
    pytest.mark.skipif(bool(REASON), reason=REASON or "there is a browser, and JupyterLab"),
]
RAN = 600  # seconds that all cells may take on a shared core
CODE_ALONE = dict(loss="L2, pixel by pixel", then="nothing more")
UNFINISHED = (
    "[...document.querySelectorAll('.jp-InputPrompt')].some(x => x.innerText.includes('*'))"
)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """The folder of the notebook, in which its results lie as well."""
    return tmp_path_factory.mktemp("lab") / "notebooks"


@pytest.fixture(scope="module")
def lab(work):
    """The address of the quickstart in JupyterLab."""
    notebook = notebook_servers.copy_notebook(work)
    with notebook_servers.jupyterlab(work) as address:
        yield f"{address}/lab/tree/{notebook.name}"


@pytest.fixture(scope="module")
def controls(lab):
    """The quickstart after all its cells were run, at the cell of the controls."""
    with browser.chromium() as opened, quickstart.Visit(opened, lab) as visit:
        visit.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
        visit.page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        visit.page.get_by_role("menuitem", name="Run", exact=True).click()
        visit.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        visit.page.wait_for_function(f"document.querySelector('.ganinv-face') && !({UNFINISHED})")
        yield visit


def test_all_cells_run_and_every_widget_is_shown(controls, work):
    assert (work / "runs" / "quickstart" / "summary.json").is_file()  # the last cell's
    page = controls.page
    assert (
        page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']").count()
        == 0
    )
    assert page.get_by_text("Click to show javascript error").count() == 0
    assert page.locator(".ganinv-face").count() > 5  # preview, comparison, edits and morph
    assert controls.errors == []


def test_an_upload_is_inverted(controls, work, tmp_path):
    photo = quickstart.small_photo(tmp_path / "my own photo.png")
    controls.upload(photo)
    controls.cell.get_by_text("the face's square").first.wait_for()
    controls.choose(steps=6, loss="L2, pixel by pixel", space="W, one vector for all")
    controls.press("Invert")
    assert controls.sees_a_growing_picture() >= 2
    controls.cell.get_by_text("Save:").first.wait_for()
    folder = quickstart.only_result(work, "w-l2-domain-ffhq-6-features")
    assert (folder / "refinement.safetensors").is_file()
    assert load_latent(folder / "latent.safetensors")[0].shape[1] == 512
    assert Image.open(folder / "reconstruction.png").size == (1024, 1024)
    saved = controls.download("picture (PNG)", tmp_path)
    assert saved.read_bytes() == (folder / "reconstruction.png").read_bytes()
    assert controls.errors == []


def test_a_moved_slider_changes_the_edited_picture(controls):
    edited = controls.cell.locator(".ganinv-face").last
    before = edited.get_attribute("src")
    controls.move("smile", by=3)
    quickstart.until(lambda: edited.get_attribute("src") != before)
    controls.press("Reset")
    assert controls.errors == []


def test_stop_keeps_the_best_so_far(controls, work):
    controls.choose(steps=99, space="W+, one vector per layer", **CODE_ALONE)
    controls.press("Invert")
    assert controls.sees_a_growing_picture() >= 2
    controls.press("Stop")
    controls.cell.get_by_text("the best latent so far is kept").first.wait_for()
    controls.cell.get_by_text("Save:").first.wait_for()
    folder = quickstart.only_result(work, "w+-l2-domain-ffhq-99")
    assert (folder / "latent.safetensors").is_file() and (folder / "progress.gif").is_file()
    assert "interrupted" in read_record(folder.parent, folder.name)["failed"]
    assert controls.errors == []


def test_a_page_that_was_closed_finds_its_search(lab, controls, work):
    controls.page.keyboard.press("Control+s")
    controls.choose(steps=12, space="W+, one vector per layer", **CODE_ALONE)
    controls.press("Invert")
    controls.is_searching()
    controls.reopen(lab)
    controls.cell.get_by_text("runs/quickstart/w+-l2-domain-ffhq-12/").first.wait_for()
    assert (quickstart.only_result(work, "w+-l2-domain-ffhq-12") / "latent.safetensors").is_file()

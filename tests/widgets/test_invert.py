"""The quickstart's controls."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganinv.errors import ParamsError
from ganinv.inversion.latent_files import load_latent
from ganinv.locks import locked
from ganinv.runs.params import Params
from ganinv.runs.records import LOCK, read_run
from ganinv.runs.results import read_inversion
from ganinv.widgets.invert import InversionWidget
from helpers.quickstart import until
from helpers.uploads import uploaded

ROOT = Path(__file__).parents[2]
SEARCHING = 60  # seconds that a search of the toy never takes


def test_the_quickstart_starts_from_what_is_chosen(tmp_path):
    widget = InversionWidget(tmp_path)
    values = [value for _, value in widget.start.choice.options]
    assert "domain-ffhq" in values and "mean_w" in values
    assert (widget.params().init, widget.params().encoder) == ("encoder", "domain-ffhq")
    widget.start.value = "mean_w"
    assert (widget.params().init, widget.params().encoder) == ("mean_w", None)
    widget.start.value = "my_encoder.pt"
    assert (widget.params().init, widget.params().encoder) == ("encoder", "my_encoder.pt")
    assert widget.start.path in widget.start.children


def test_another_generator_is_started_from_its_mean(tmp_path):
    widget = InversionWidget(tmp_path)
    widget.generator.value = "mine.pkl"
    assert widget.params().init == "mean_w"
    widget.generator.value = "ffhq-student"
    assert widget.params().encoder == "domain-ffhq"


def test_the_quickstart_ends_in_the_photograph_itself(tmp_path):
    widget = InversionWidget(tmp_path)
    params = widget.params()
    assert (params.loss, params.refine) == (Params().loss, "features")
    assert Path(params.out).name == "w+-lpips+l2-domain-ffhq-50-features"
    widget.loss.value, widget.refine.value = "lpips", "none"
    assert (widget.params().loss, widget.params().refine) == ("lpips", "none")
    widget.generator.value = "mine.pkl"
    assert widget.params().refine == "none"  # it may have no features of that resolution
    widget.generator.value = "ffhq-student"
    assert widget.params().refine == "features"


def test_where_another_generator_is_first_its_mean_is_the_start(tmp_path, root):
    (root / "data").mkdir()
    shutil.copy(ROOT / "data" / "samples.yaml", root / "data")
    widget = InversionWidget(tmp_path)
    assert (widget.generator.value, widget.start.value) == ("small", "mean_w")
    widget.generator.value = "ffhq-student"
    assert widget.start.value == "domain-ffhq"


@pytest.fixture
def widget(toy_path, make_photo, tmp_path):
    """Controls with an uploaded photograph and a quick search of the toy."""
    widget = InversionWidget(tmp_path / "quickstart")
    widget.photo.align.value = False
    widget.photo.upload.value = uploaded(make_photo(tmp_path / "me.png", 0))
    widget.generator.value, widget.loss.value, widget.steps.value = str(toy_path), "l2", 2
    return widget


def press(widget):
    widget.button.click()
    return widget.wait(SEARCHING)


def test_an_upload_is_inverted_when_the_button_is_pressed(widget):
    found = press(widget)
    assert widget.folder == widget.out / "w+-l2-mean_w-2-toy-uncropped" / "me"
    assert torch.equal(found.latent, load_latent(widget.folder / "latent.safetensors")[0])
    assert found is widget.result and len(found.history) == 2
    assert (found.target - read_inversion(widget.folder).target).abs().max() == 0
    assert not widget.button.disabled and widget.search.stop_button.disabled
    assert [view.files.value.count("download=") for view in widget.shown.children] == [3]
    assert 'download="me-reconstruction.png"' in widget.shown.children[0].files.value


def test_each_setting_has_a_folder_of_its_own(widget):
    folders = []
    for steps in (2, 3, 2):
        widget.steps.value = steps
        press(widget)
        folders.append(widget.folder.parent)
        params, metrics = read_run(widget.folder.parent)
        assert params.steps == metrics["images"]["me"]["steps"] == steps
        assert len(widget.result.history) == steps  # the third was finished earlier
    assert folders[0] == folders[2] != folders[1]
    kept = {path.name for path in widget.out.iterdir()}
    assert kept == {"uploads", folders[0].name, folders[1].name}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_call_after_the_search_that_breaks_is_told(widget):
    widget.on_result(lambda: 1 // 0)
    assert press(widget) is not None and widget.edits.children
    assert "ZeroDivisionError" in widget.search.message.value
    assert not widget.button.disabled and not widget.search.is_running


def test_values_that_cannot_be_used_are_told_below_the_button(widget):
    widget.generator.value = ""
    with pytest.raises(ParamsError, match="generator"):
        widget.params()
    assert press(widget) is None
    assert "generator" in widget.message.value + widget.search.message.value
    assert not widget.button.disabled


def test_under_the_inverted_face_are_its_edits(widget):
    assert not widget.edits.children
    press(widget)
    (edits,) = widget.edits.children
    assert edits.code.path == widget.folder / "latent.safetensors"
    before = edits.face.value
    next(iter(edits.sliders.values())).value = 3.0
    assert edits.face.value != before
    widget.generator.value = ""
    press(widget)
    assert not widget.edits.children and widget.result is None


def test_a_photograph_without_a_face_is_told(widget):
    widget.photo.align.value = True
    assert "no face found" in widget.photo.message.value
    assert press(widget) is None
    assert "no face" in widget.message.value and not widget.edits.children


def test_an_upload_that_cannot_be_inverted_leaves_what_is_shown(widget, tmp_path):
    found = press(widget)
    (tmp_path / "empty.jpg").write_bytes(b"")
    widget.photo.upload.value = uploaded(tmp_path / "empty.jpg")
    assert press(widget) is found
    assert "empty.jpg: the file is empty" in widget.message.value
    assert widget.shown.children and widget.edits.children


def test_an_upload_of_an_earlier_name_leaves_the_earlier_result(widget, make_photo, tmp_path):
    press(widget)
    earlier = load_latent(widget.folder / "latent.safetensors")[0]
    widget.photo.clear()
    widget.photo.upload.value = uploaded(make_photo(tmp_path / "other.png", 1), "me.png")
    press(widget)
    kept = sorted(widget.out.glob("*/me/latent.safetensors"))
    assert len(kept) == 2
    assert any(torch.equal(load_latent(path)[0], earlier) for path in kept)


def test_pressing_twice_searches_once(widget):
    begun = []
    widget.search.line.observe(
        lambda change: "loading" in change["new"] and begun.append(1), "value"
    )
    widget.button.click()
    widget.button.click()
    assert widget.wait(SEARCHING) is not None and len(begun) == 1


def test_the_button_is_free_when_the_result_is_shown_and_no_sooner(widget):
    seen = []
    for part, name in ((widget.edits, "children"), (widget.button, "disabled")):
        part.observe(lambda change: seen.append((change["name"], widget.search.is_running)), name)
    assert press(widget) is not None and not widget.button.disabled
    assert seen[-2:] == [("children", True), ("disabled", False)]


def test_stop_keeps_the_best_so_far(widget):
    widget.steps.value = 1000
    heard = []
    widget.on_result(lambda: heard.append(widget.result))
    widget.search.bar.observe(lambda change: widget.search.stop_button.click(), "value")
    found = press(widget)
    assert found.interrupted and 1 <= len(found.history) < 1000
    assert "interrupted at step" in widget.search.message.value
    assert torch.equal(found.latent, load_latent(widget.folder / "latent.safetensors")[0])
    assert widget.edits.children and heard == [found]
    again = read_inversion(widget.folder)
    assert again.best_step == found.best_step and "interrupted" in again.stopped
    _, metrics = read_run(widget.folder.parent)
    assert list(metrics["failed"]) == ["me"]  # so that the same settings search it to the end


def test_stop_before_the_first_step_leaves_what_an_earlier_stop_kept(widget):
    widget.steps.value = 1000

    def at_a_step(change):
        if change["new"]:
            widget.search.stop_button.click()

    widget.search.bar.observe(at_a_step, "value")
    earlier = press(widget)
    widget.search.bar.unobserve(at_a_step, "value")
    widget.search.line.observe(lambda change: widget.search.stop_button.click(), "value")
    assert torch.equal(press(widget).latent, earlier.latent)
    assert "before the first step" in widget.search.message.value and widget.edits.children


LEAVING = """
import sys, time
from pathlib import Path
from ganinv.widgets.invert import InversionWidget
from helpers.quickstart import until
from helpers.uploads import uploaded
out, photo, generator = sys.argv[1:]
widget = InversionWidget(out)
widget.photo.align.value = False
widget.photo.upload.value = uploaded(Path(photo))
widget.generator.value, widget.loss.value, widget.steps.value = generator, "l2", 1000
widget.button.click()
while not widget.search.bar.value:
    time.sleep(0.01)
"""


def test_the_end_of_the_process_keeps_the_best_so_far(toy_path, make_photo, tmp_path):
    photo = make_photo(tmp_path / "me.png", 0)
    argv = [sys.executable, "-c", LEAVING, tmp_path / "out", photo, toy_path]
    places = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    subprocess.run(argv, check=True, env=os.environ | {"PYTHONPATH": places})
    (latent,) = (tmp_path / "out").glob("*/me/latent.safetensors")
    again = read_inversion(latent.parent)
    assert "interrupted" in again.stopped and len(again.history) < 1000


def test_stop_before_the_first_step_leaves_nothing(widget):
    begun = widget.search._stopping.set
    widget.search.line.observe(lambda change: begun(), "value")
    assert press(widget) is None
    assert "before the first step" in widget.search.message.value
    assert not widget.shown.children and not widget.button.disabled


def test_an_error_nobody_foresaw_is_told(widget, monkeypatch):
    monkeypatch.setattr("threading.excepthook", lambda args: None)  # which would warn of it
    widget.search.bar.observe(lambda change: 1 // change["new"] // 0, "value")
    assert press(widget) is None
    assert "ZeroDivisionError" in widget.search.message.value and not widget.button.disabled


def test_what_a_search_waits_for_is_seen(widget):
    press(widget)
    with locked(widget.folder / LOCK):
        widget.button.click()
        until(lambda: "waiting for the other process" in widget.search.line.value)
    assert widget.wait(SEARCHING) is not None


def test_stop_ends_a_wait_for_another_process_too(widget):
    press(widget)
    with locked(widget.folder / LOCK):
        widget.button.click()
        until(lambda: "waiting for the other process" in widget.search.line.value)
        widget.search.stop_button.click()
        until(lambda: not widget.search.is_running)
    assert "nothing to keep" in widget.search.message.value and not widget.button.disabled

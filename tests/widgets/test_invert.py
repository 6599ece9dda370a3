"""The quickstart's controls."""

from datetime import UTC, datetime

import pytest

from ganinv.errors import ParamsError
from ganinv.runs.records import read_run
from ganinv.widgets.invert import InversionWidget


def test_the_quickstart_starts_from_what_is_chosen():
    widget = InversionWidget()
    assert "domain-ffhq" in widget.start.options
    assert (widget.params().init, widget.params().encoder) == ("mean_w", None)
    widget.start.value = "my_encoder.pt"
    assert (widget.params().init, widget.params().encoder) == ("encoder", "my_encoder.pt")


@pytest.fixture
def widget(toy_path, make_photo, tmp_path):
    """Controls with an uploaded photograph and a quick search of the toy."""
    photo = make_photo(tmp_path / "me.png", 0)
    widget = InversionWidget(tmp_path / "quickstart")
    widget.upload.value = (
        {
            "name": "me.png",
            "type": "image/png",
            "size": photo.stat().st_size,
            "content": memoryview(photo.read_bytes()),
            "last_modified": datetime.now(UTC),
        },
    )
    widget.generator.value, widget.loss.value = str(toy_path), "l2"
    widget.align.value, widget.steps.value = False, 2
    return widget


def test_other_values_set_the_results_aside_and_keep_the_upload(widget):
    widget.run()
    widget.steps.value = 3
    widget.run()
    for name, steps in {"results-1": 2, "results": 3}.items():
        params, metrics = read_run(widget.out / name)
        assert params.steps == metrics["images"]["me"]["steps"] == steps
    assert [path.name for path in (widget.out / "uploads").iterdir()] == ["me.png"]
    assert not widget.button.disabled


def test_values_that_cannot_be_used_are_told_below_the_button(widget, capsys):
    widget.generator.value = ""
    with pytest.raises(ParamsError, match="generator"):
        widget.params()
    widget.run()
    assert "generator" in capsys.readouterr().out and not widget.button.disabled


def test_under_the_inverted_face_are_its_edits(widget):
    assert not widget.edits.children
    widget.run()
    (edits,) = widget.edits.children
    assert edits.code.path == widget.out / "results" / "me" / "latent.safetensors"
    before = edits.face.value
    next(iter(edits.sliders.values())).value = 3.0
    assert edits.face.value != before
    widget.generator.value = ""
    widget.run()
    assert not widget.edits.children


def test_a_photograph_without_a_face_is_told(widget, capsys):
    widget.align.value = True
    widget.run()
    assert "no face" in capsys.readouterr().out and not widget.edits.children

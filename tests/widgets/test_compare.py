"""Two results side by side."""

import re

import pytest

import ganinv
from ganinv.widgets.compare import CompareWidget
from ganinv.widgets.slide import Slide


@pytest.fixture
def out(toy, toy_images, tmp_path):
    """Two inversions of one image, one of them longer, and one of another image."""
    images = toy_images[0]
    for name, image, steps in (("short", 0, 1), ("long", 0, 40), ("other", 1, 1)):
        how = dict(space="w+", loss="l2", steps=steps, log_every=0, lr_schedule="constant")
        ganinv.invert(toy, images[image].clamp(-1, 1), **how).save(tmp_path / "out" / name / "me")
    return tmp_path / "out"


def test_the_better_of_two_settings_is_bold(out):
    widget = CompareWidget(out)
    names = [name for name, _ in widget.pair.first.options]
    assert names == ["long/me", "other/me", "short/me"]
    widget.pair.second.value = widget.pair.second.options[2][1]
    (row,) = re.findall(r"PSNR.*?</tr>", widget.table.value)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[0].startswith("<b>") and not cells[1].startswith("<b>")
    assert "40 steps" in widget.table.value and "1 steps" in widget.table.value
    assert sum(isinstance(child, Slide) for child in widget.children) == 1
    assert list(widget.slide.pictures) == ["A", "B", "photograph"]


def test_two_photographs_are_told_apart(out):
    widget = CompareWidget(out)  # of long/me and other/me
    assert len(widget.children[1].children) == 4 and "two photographs" in widget.table.value
    assert "<b>" not in widget.table.value
    widget.pair.second.value = widget.pair.second.options[2][1]
    assert len(widget.children[1].children) == 3
    assert "two photographs" not in widget.table.value


def test_results_are_looked_for_again(tmp_path, out):
    widget = CompareWidget(tmp_path / "none")
    assert "two inverted faces" in widget.pair.message.value and widget.slide is None
    widget.pair.out = out
    widget.look()
    assert widget.slide is not None


def test_a_damaged_result_is_told(out):
    (out / "long" / "me" / "reconstruction.png").write_bytes(b"half a pict")
    widget = CompareWidget(out)
    assert "holds no whole result" in widget.message.value and widget.slide is None

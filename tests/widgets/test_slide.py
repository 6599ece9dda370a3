"""The slider over two pictures."""

import numpy as np
import pytest

from ganinv.widgets.shared import LARGE
from ganinv.widgets.slide import Slide, parted
from helpers.faces import shown

DARK, LIGHT = (np.full((64, 64, 3), level, np.uint8) for level in (10, 240))


@pytest.mark.parametrize(("share", "left"), [(0.0, 0), (0.25, 16), (1.0, 64)])
def test_the_line_lies_where_the_slider_stands(share, left):
    row = parted(DARK, LIGHT, share)[0, :, 0]
    assert (row[: max(left - 2, 0)] == 10).all() and (row[left + 2 :] == 240).all()
    assert (255 in row) == (0 < share < 1)


def test_pictures_are_chosen_by_name():
    slide = Slide({"photograph": DARK, "reconstruction": LIGHT, "difference": DARK})
    slide.share.value = 0.0
    assert shown(slide.face).mean() > 0.8
    slide.right.value = "difference"
    assert shown(slide.face).mean() < -0.8


def test_pictures_are_shown_large():
    slide = Slide({name: np.zeros((1024, 1024, 3), np.uint8) for name in "ab"})
    assert shown(slide.face).shape == (LARGE, LARGE, 3)

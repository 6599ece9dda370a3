"""Cat heads: squares by hand, and turned, moved and scaled ones, which are to follow."""

import numpy as np
import pytest
from PIL import Image

from ganinv.errors import ImageError
from ganinv.training.sets.cat_heads import crop_head, head_square, read_points
from helpers.cats import UPRIGHT, dotted, turned


def test_points_are_read_in_order():
    points = read_points("9 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 -18 \n")
    assert (
        points.shape == (9, 2) and points[0].tolist() == [1, 2] and points[8].tolist() == [17, -18]
    )


@pytest.mark.parametrize(
    "text", ["", "nine", "9", "9 1 2 3", "8 " + "1 " * 16, "9 " + "1 " * 20, "9 " + "1.5 " * 18]
)
def test_other_annotations_are_refused(text):
    with pytest.raises(ImageError, match="annotation"):
        read_points(text)


def test_the_square_of_an_upright_head():
    """From ear to ear 80, from the tips to the chin, half as far below the mouth again, 90."""
    half = 1.1 * 90 / 2
    x, y = (10 + 90) / 2, (0 + 60 + 1.5 * 20) / 2
    wanted = [
        [x - half, y - half],
        [x - half, y + half],
        [x + half, y + half],
        [x + half, y - half],
    ]
    assert np.allclose(head_square(UPRIGHT), wanted)


@pytest.mark.parametrize("degrees", [0, 20, -45, 90, 179, -130])
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_square_follows_the_head(degrees, scale):
    moved = turned(UPRIGHT, degrees, scale, (400, -30))
    assert np.allclose(head_square(moved), turned(head_square(UPRIGHT), degrees, scale, (400, -30)))


def test_the_order_of_the_eyes_does_not_matter():
    swapped = UPRIGHT[[1, 0, 2, 6, 7, 8, 3, 4, 5]]
    assert np.allclose(head_square(turned(swapped, 30)), head_square(turned(UPRIGHT, 30)))


@pytest.mark.parametrize("seed", range(20))
def test_all_points_lie_inside(seed):
    points = UPRIGHT + np.random.default_rng(seed).uniform(-8, 8, (9, 2))
    corners = head_square(points)
    x, y = corners[3] - corners[0], corners[1] - corners[0]
    for axis in (x, y):
        along = (points - corners[0]) @ axis / (axis @ axis)
        assert (along > 0).all() and (along < 1).all()
    assert np.isclose(x @ y, 0) and np.isclose(x @ x, y @ y)


def test_heads_without_an_up_are_refused():
    one_eye, no_depth = UPRIGHT.copy(), UPRIGHT.copy()
    one_eye[1] = one_eye[0]
    no_depth[2] = (50, 61)
    for points in (one_eye, no_depth):
        with pytest.raises(ImageError, match="annotated"):
            head_square(points)


@pytest.mark.parametrize("degrees", [0, 35, -80, 160])
def test_a_cropped_head_is_upright(degrees):
    points = turned(UPRIGHT - [50, 45], degrees, 2.0, (200, 200))
    head = np.asarray(crop_head(dotted(points), points)).astype(int)
    assert head.shape == (197, 197, 3) or head.shape == (198, 198, 3)
    # of the square of 99 that begins at (0.5, -4.5), the points' places are known
    for (x, y), colour in zip(UPRIGHT[:3], [(255,) * 3, (0,) * 3, (255, 0, 0)], strict=True):
        row, column = (int((v - low) / 99 * len(head)) for v, low in ((y, -4.5), (x, 0.5)))
        assert np.abs(head[row, column] - colour).max() < 10


def test_large_heads_shrink_and_small_ones_are_refused():
    points = turned(UPRIGHT, 0, 3.5, (20, 30))
    assert crop_head(dotted(points), points).size == (256, 256)
    with pytest.raises(ImageError, match="29 pixels a side"):
        crop_head(dotted(UPRIGHT), UPRIGHT * 0.3)


def test_a_head_outside_the_image_is_refused():
    with pytest.raises(ImageError, match="outside"):
        crop_head(Image.new("RGB", (400, 400)), UPRIGHT + [900, 0])

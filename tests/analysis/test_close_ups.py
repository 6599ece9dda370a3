"""Close-ups: the places are those asked for, and their pixels those of the pictures."""

from types import SimpleNamespace

import numpy as np
import pytest

from ganinv.analysis.close_ups import (
    EYE,
    FINEST,
    WORST,
    close_ups,
    finest_place,
    squares,
    worst_place,
)


def test_worst_place_is_that_of_a_search_through_all():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    apart = ((a.astype(float) - b) ** 2).mean(2)
    sums = {(y, x): apart[y : y + 7, x : x + 7].sum() for y in range(20 - 6) for x in range(30 - 6)}
    assert worst_place(squares(a, b), 7) == max(sums, key=sums.get)


def test_worst_place_finds_a_badge():
    a = np.zeros((64, 64, 3), dtype=np.uint8)
    b = a.copy()
    b[40:48, 8:16] = 255
    assert worst_place(squares(a, b), 8) == (40, 8)
    assert worst_place(squares(a, b), 64) == (0, 0)


@pytest.mark.parametrize("align", [True, False])
def test_close_ups_are_pixels_of_the_pictures(align):
    rng = np.random.default_rng(0)
    target, result = rng.integers(0, 256, (2, 1024, 1024, 3), dtype=np.uint8)
    shown = {"target": target, "reconstruction": result}
    experiment = SimpleNamespace(
        params=SimpleNamespace(align=align), picture=lambda image_id, name: shown[name]
    )
    found = close_ups([experiment], "a")
    assert list(found) == [*([EYE, FINEST] if align else []), WORST]
    top, left = worst_place(squares(target, result), 128)
    window = slice(top, top + 128), slice(left, left + 128)
    wanted = [target[window], result[window]]
    assert all(map(np.array_equal, found[WORST], wanted))
    if align:  # the eye of FFHQ's crop: three eighths from the left, just above the middle
        assert np.array_equal(found["An eye"][0], target[423:551, 320:448])


def test_the_judges_decide_where_results_are_worst():
    target = np.zeros((64, 64, 3), dtype=np.uint8)
    first, second = target.copy(), target.copy()
    first[:8, :8], second[40:48, 40:48] = 100, 200

    def run(result):
        shown = {"target": target, "reconstruction": result}
        return SimpleNamespace(
            params=SimpleNamespace(align=False), picture=lambda image_id, name: shown[name]
        )

    runs = [run(first), run(second)]
    alone = close_ups(runs, "a", window=8)[WORST]
    assert [int(x.max()) for x in alone] == [0, 100, 0]
    together = close_ups(runs, "a", window=8, judges=runs, worst="all")["all"]
    assert [int(x.max()) for x in together] == [0, 0, 200]


@pytest.mark.parametrize("column", [70, 170])
def test_hair_is_looked_for_where_detail_is_and_not_on_a_plain_ground(column):
    target = np.full((256, 256, 3), 200, dtype=np.uint8)
    target[40:72:2, column : column + 32] = 90  # strands
    target[:, :120] = target[:, :120] // 2  # darker on the left, as strong a step to each side
    target[130:, ::2] = 0  # below the brows, and in corners, what is finer does not count
    target[:30, :30:2] = target[:30, 230::2] = 0
    assert finest_place(target, 32) == (pytest.approx(40, abs=2), pytest.approx(column, abs=2))


def test_a_small_picture_has_all_its_places():
    target = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for window in (32, 40, 64):
        assert all(0 <= x <= 64 - window for x in finest_place(target, window))

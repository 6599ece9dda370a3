"""Results to compare: pictures at their own size, close-ups unscaled, films with their steps."""

import re

import pytest

from ganinv.images.writing import save_png
from ganinv.report import compare
from helpers import report_page
from helpers.pages import pictures_in


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return report_page.runs(tmp_path_factory.mktemp("runs"))


def test_every_result_is_there_at_full_size_with_close_ups(runs):
    text = compare.results_viewer(runs, "a")
    assert re.findall('data-name="([^"]+)"', text) == ["target", "W, L2", "W+, L2", "W+, LPIPS"]
    sizes = [len(picture) for picture in pictures_in(text)]
    crops = [compare.CROP] * (sizes.count(compare.CROP) // 4)
    assert crops and sizes == [report_page.SIDE, *crops] * 4


def test_the_last_result_lies_over_the_target_at_first(runs):
    assert 'data-right="1"' in compare.results_viewer(runs[:1], "a", difference=True)
    assert 'data-right="3"' in compare.results_viewer(runs[:2], "a", also=runs[2:])


def test_a_film_names_the_steps_that_its_strip_tells(runs):
    text = compare.film(runs[0], "a")
    named = re.findall("<figcaption>([^<]+)", text)
    assert named == ["step 0", "step 5", "step 10", "result"]
    assert all(picture.shape[0] == compare.FRAME for picture in pictures_in(text))


def test_a_film_of_an_older_run_counts_its_pictures(runs, tmp_path):
    strip = runs[0].picture("a", "progress_strip")
    save_png(runs[1].folder / "b" / "progress_strip.png", strip)  # which tells no steps
    named = re.findall("<figcaption>([^<]+)", compare.film(runs[1], "b"))
    assert named == [f"picture {k}" for k in range(1, 5)]

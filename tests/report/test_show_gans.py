"""Pictures, curves and tables of small GANs."""

from dataclasses import replace

import numpy as np
import pytest

from ganinv.analysis import trainings
from ganinv.report import show_gan_curves, show_gans
from ganinv.report.told import ABSENT
from helpers.gans import train_small
from helpers.pages import read_cells


@pytest.fixture(scope="module")
def trained(make_photo, tmp_path_factory):
    """A finished training of four steps on a dozen small pictures."""
    return train_small(make_photo, tmp_path_factory.mktemp("gan"))


def test_picture_grid_lays_images_row_by_row():
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    grid = show_gans.picture_grid(images, 3)
    assert grid.shape == (4, 6, 3)
    assert grid[::2, ::2, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    ragged = show_gans.picture_grid(images[:4], 3)
    assert ragged[::2, ::2, 0].tolist() == [[0, 1, 2], [3, 255, 255]]


def seeds(trained, count=3, **last):
    """The training under several seeds, whose FID, and more of the last look, is made up."""
    card = dict(trained.card)
    card["params"] = dict(trained.params) | {"measure_count": 100}
    card["images"] = dict(card["images"]) | {"count": 1000}
    looks = [
        [*trained.looks[:-1], dict(trained.last) | {"fid": 10.0 + seed} | last]
        for seed in range(count)
    ]
    return [replace(trained, card=card, looks=each, neighbours=0.5) for each in looks]


def test_pages_show_a_training_and_escape_its_name(trained):
    samples = trainings.draw_samples(trained, 8)
    group = seeds(trained)
    shown = [
        show_gan_curves.training_curves(trained),
        show_gans.training_film(trained),
        show_gans.final_samples(trained, rows=2),
        show_gans.looks_table(trained),
        show_gans.comparison_table([group, group]),
        show_gans.card_table(trained),
        show_gan_curves.measure_curves([group]),
        show_gan_curves.measure_curves([[trained]], "seconds"),
        show_gans.images_html(samples, 4, alt=""),
        show_gans.steadiness_table([group]),
    ]
    assert all(html.startswith("<") and "<b>" not in html for html in shown)
    assert shown[1].count("<img") == 3 and 'class="film"' in shown[1]  # steps 0, 2, 4
    assert "step 4" in shown[1]


def test_numbers_of_seeds_are_means_with_intervals(trained):
    """10, 11 and 12: Student's quantile for two degrees is 4.303, times 1 by the root of 3."""
    table = show_gans.comparison_table([seeds(trained)])
    assert "11.0 (8.5 to 13.5)" in read_cells(table)
    assert "means over 3 seeds" in show_gans.describe_measures([seeds(trained)])
    assert "seeds" not in show_gans.describe_measures([[trained]])


def test_shares_that_cannot_be_told_from_0_are_left_out_and_that_is_said(trained):
    low, high = (seeds(trained, precision=0.5, recall=recall) for recall in (0.03, 0.3))
    assert "recall" not in show_gans.comparison_table([low, low])
    assert "recall" not in show_gans.steadiness_table([low])
    assert "recall" not in show_gans.looks_table(low[0])
    said = show_gans.describe_measures([low])
    assert "A share under 4 of 100 images, as is recall here, cannot be told from 0" in said
    both = show_gans.comparison_table([low, high])
    assert "recall" in both and {ABSENT, "0.30 (0.30 to 0.30)"} <= {*read_cells(both)}
    assert "told from 0" not in show_gans.describe_measures([high])
    assert "precision" in show_gans.comparison_table([low])

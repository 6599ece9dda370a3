"""Pictures, curves and tables of small GANs."""

import numpy as np
import pytest

from ganinv.analysis import gans
from ganinv.report import show_gans
from helpers.gans import train_small


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


def test_pages_show_a_training_and_escape_its_name(trained):
    samples = gans.draw_samples(trained, 8)
    shown = [
        show_gans.training_curves(trained),
        show_gans.progress(trained),
        show_gans.final_samples(trained, rows=2),
        show_gans.looks_table(trained),
        show_gans.comparison_table([trained, trained]),
        show_gans.card_table(trained),
        show_gans.measure_curves([trained]),
        show_gans.neighbour_pairs(samples, samples),
        show_gans.images_html(samples, 4, alt=""),
        show_gans.steadiness_table([trained], [0.5]),
    ]
    assert all(html.startswith("<") and "<b>" not in html for html in shown)
    assert shown[1].count("<img") == 3  # steps 0, 2, 4
    assert "step 4" in shown[1]

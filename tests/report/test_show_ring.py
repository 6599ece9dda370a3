"""The ring in pictures: circles where the modes are, points where they lie, modes in words."""

import numpy as np

from ganinv import figures
from ganinv.report import show_ring
from ganinv.training.gan.ring import MODES, RingLook, centres, draw_ring
from helpers.pages import pictures_in
from helpers.tensors import seeded

ALL = RingLook(600, draw_ring(400, seeded()))
ONE = RingLook(600, centres()[:1].expand(400, 2))
RUNS = {"learnt <b>": [[ALL], [ALL]], "collapsed": [[ONE], [ALL]]}
POINTS = np.array([int(figures.COLOURS[0][k : k + 2], 16) for k in (1, 3, 5)])


def blue(picture):
    """Where a picture has points: rows and columns, from -1 at the left and top to 1."""
    near = abs(picture.astype(int) - POINTS).sum(-1) < 100
    return np.argwhere(near) / (len(picture) / 2) - 1


def test_points_are_drawn_where_they_lie():
    picture = show_ring.ring_picture(ONE)
    assert picture.shape == (240, 240, 3) and picture.dtype == np.uint8
    place = blue(picture)
    assert len(place) and (place.max(0) - place.min(0) < 0.1).all()
    row, column = place.mean(0)
    assert abs(row) < 0.1 and abs(column - 1 / show_ring.REACH) < 0.1  # on the right
    assert np.ptp(blue(show_ring.ring_picture(ALL)), axis=0).min() > 1


def test_modes_are_told_of_every_seed_and_names_are_escaped():
    shown = show_ring.ring_grid(RUNS)
    assert "<b>" not in shown and len(pictures_in(shown)) == 4
    assert f"collapsed, seed 0: 1 of {MODES} modes" in shown
    assert f"collapsed, seed 1: {MODES} of {MODES} modes" in shown
    table = show_ring.ring_table(RUNS)
    assert ">8.0<" in table and ">4.5<" in table and "400 points" in table


def test_a_film_tells_steps_and_modes():
    looks = [RingLook(0, ALL.points * 0), ONE]
    text = show_ring.ring_film("collapsed", looks)
    assert 'class="film" data-title="collapsed"' in text
    assert f"step 0: 0 of {MODES} modes" in text and f"step 600: 1 of {MODES} modes" in text

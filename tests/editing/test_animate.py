"""Strengths of a swing, and its frames."""

import math

import numpy as np
import pytest
import torch

from ganinv.editing.animate import sweep, sweep_frames, swing, swing_frames


def test_a_swing_is_a_cosine_that_closes():
    assert np.allclose(swing(2, 4), [-2, 0, 2, 0])
    found = swing(1.5, 9)
    assert found[0] == -1.5 and np.allclose(found[1:], found[:0:-1])
    assert found[2] == pytest.approx(-1.5 * math.cos(math.radians(80)))


def test_a_sweep_is_even():
    assert np.allclose(sweep(2, 5), [-2, -1, 0, 1, 2])
    assert sweep(-1, 2) == [1, -1]


@pytest.mark.parametrize("frames", [2, 7, 8])
def test_the_way_back_is_drawn_once(frames):
    drawn = []

    def draw(strength):
        drawn.append(strength)
        return torch.full((3, 16, 16), strength / 4)

    found = list(swing_frames(draw, 2.0, frames, 16))
    assert np.allclose(drawn, swing(2, frames)[: frames // 2 + 1])
    levels = np.round((np.array(swing(2, frames)) / 4 + 1) * 127.5)
    assert np.abs([frame[0, 0, 0] for frame in found] - levels).max() <= 1
    ends = [frame[3, 5, 1] for frame in sweep_frames(draw, 4.0, 3, 8)]
    assert ends == [0, 128, 255]

"""The ring of eight Gaussians: modes counted by hand, and one setting that collapses."""

import pytest
import torch

from ganinv.training.gan.ring import (
    DRAWN,
    MODES,
    SPREAD,
    centres,
    covered_modes,
    draw_ring,
    fit_ring,
)
from helpers.tensors import seeded

EXCHANGED = dict(lr_generator=5e-3, lr_discriminator=1e-3)


def test_centres_lie_evenly_on_the_circle():
    found = centres()
    assert torch.allclose(found.norm(dim=1), torch.ones(MODES))
    assert torch.allclose(found[[0, 2, 4]], torch.tensor([[1.0, 0], [0, 1], [-1, 0]]), atol=1e-6)


def test_points_of_the_ring_cover_all_modes_and_those_of_some_only_these():
    points = draw_ring(4000, seeded())
    assert covered_modes(points) == MODES
    nearest = torch.cdist(points, centres()).argmin(1)
    assert torch.bincount(nearest).tolist() == pytest.approx([500] * MODES, abs=100)
    assert [covered_modes(points[nearest < k]) for k in (1, 3, 7)] == [1, 3, 7]
    within = (points - centres()[nearest]).square().mean().sqrt()
    assert within.item() == pytest.approx(SPREAD, rel=0.05)


def test_a_mode_is_covered_from_a_fifth_of_its_share_on():
    """Of 400 points a mode's share is 50: 10 cover it, 9 do not, nor any 3 spreads away."""
    at_first, at_second, middle = centres()[0], centres()[1], torch.zeros(2)

    def points(count, place):
        rest = at_first.expand(400 - count, 2)
        return torch.cat((rest, place.expand(count, 2)))

    assert covered_modes(points(10, at_second)) == 2
    assert covered_modes(points(9, at_second)) == 1
    assert covered_modes(points(100, middle)) == 1
    assert covered_modes(points(100, at_second * (1 + 2.9 * SPREAD))) == 2
    assert covered_modes(points(100, at_second * (1 + 3.1 * SPREAD))) == 1
    assert covered_modes(middle.expand(400, 2)) == 0


def test_looks_are_those_asked_for_and_the_last_and_of_one_z():
    found = fit_ring(steps=4, looks=(0, 2))
    assert [look.step for look in found] == [0, 2, 4]
    assert all(look.points.shape == (DRAWN, 2) for look in found)
    again = fit_ring(steps=2)
    assert torch.equal(again[0].points, found[1].points)  # looks take nothing from the steps
    other = fit_ring(steps=2, seed=1)
    assert not torch.equal(other[0].points, found[1].points)


def test_a_fast_generator_collapses_where_a_fast_discriminator_learns_the_ring():
    learnt, collapsed = fit_ring()[-1], fit_ring(**EXCHANGED)[-1]
    assert learnt.modes >= 7
    assert collapsed.modes <= 2

"""How far codes are from W."""

import math

import numpy as np
import pytest
import torch

from ganinv.measures.codes import WSpread, distance_to_w, interpolate, used_rows


def test_distance_to_w_against_a_closed_form():
    rows = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0], [1.0, -3.0]])
    assert distance_to_w(rows) == pytest.approx(math.sqrt((1 + 1 + 9 + 9) / 4))
    assert distance_to_w(rows, torch.tensor([True, True, False, False])) == pytest.approx(1.0)
    assert distance_to_w(rows[:1].expand(4, -1)) == 0


def test_samples_of_w_have_a_spread_of_1(toy):
    spread = WSpread(toy, samples=4000)
    z = torch.randn(500, toy.z_dim, generator=torch.Generator().manual_seed(9))
    w = toy.mapping(z)[:, 0]
    squares = [spread.distance(row[None]) ** 2 for row in w]
    assert np.mean(squares) == pytest.approx(1.0, abs=0.05)
    assert spread.distance(spread.mean.float()[None]) == pytest.approx(0, abs=1e-5)


def test_spread_is_mahalanobis_distance(toy):
    spread = WSpread(toy, samples=1000)
    ws = torch.randn(8, toy.w_dim, generator=torch.Generator().manual_seed(2))
    x = ws.double().numpy() - spread.mean.numpy()
    inverse = np.linalg.inv(spread.covariance.numpy())
    wanted = math.sqrt(np.einsum("ij,jk,ik->i", x, inverse, x).mean() / toy.w_dim)
    assert spread.distance(ws) == pytest.approx(wanted, rel=1e-6)


def test_idle_rows_of_a_student_are_found(toy):
    used = used_rows(toy)
    with torch.no_grad():
        base = toy.w_avg.expand(1, toy.num_ws, -1).clone()
        for row in range(toy.num_ws):
            moved = base.clone()
            moved[0, row] += 1.0
            changed = not torch.equal(toy.synthesis(moved), toy.synthesis(base))
            assert bool(used[row]) == changed
    assert 0 < used.sum() < toy.num_ws


def test_interpolation_begins_and_ends_at_its_ends():
    a, b = torch.randn(2, 8, 32, generator=torch.Generator().manual_seed(0))
    line = interpolate(a, b, (0.0, 0.25, 1.0))
    assert torch.equal(line[0], a) and torch.allclose(line[2], b)
    assert torch.allclose(line[1], 0.75 * a + 0.25 * b, atol=1e-6)

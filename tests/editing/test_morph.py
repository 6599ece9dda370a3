"""Ways between codes, and the pace on them."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from ganinv.compute.render import render_result
from ganinv.editing.carry import warp
from ganinv.editing.morph import (
    Way,
    blend,
    even_frames,
    even_places,
    find_pace,
    smooth_frames,
    smooth_places,
)
from ganinv.editing.sources import Code
from ganinv.errors import BadArgumentsError
from ganinv.images.pixels import from_uint8, to_uint8
from ganinv.losses.lpips import package_lpips
from helpers.moves import SIDE, moved_by, shift_of, texture
from helpers.refinements import AT, smooth_offset
from helpers.toys import rendering_by


@pytest.fixture
def codes(toy, toy_images):
    """Three codes of the toy: plain, with features and weights, with weights and noise maps."""
    rng = torch.Generator().manual_seed(4)
    name, weight = next(iter(toy.synthesis_parameters().items()))
    change = 0.1 * torch.randn(weight.shape, generator=rng)
    noise = {k: 0.3 * torch.randn(x.shape, generator=rng) for k, x in toy.noise_maps().items()}
    added = [
        {},
        {"refinement": {f"features.{AT}": smooth_offset(toy, 0.5), f"weights.{name}": change}},
        {"refinement": {f"weights.{name}": -3 * change}, "noise": noise},
    ]
    return [
        Code(id, toy_images[1][i], Path(id), **more)
        for i, (id, more) in enumerate(zip("abc", added, strict=True))
    ]


@torch.no_grad()
def reference(toy, ws, features=None, weights=None, noise="const"):
    """A picture by `synthesis` alone, of a copy whose weights were moved."""
    own = copy.deepcopy(toy)
    for name, change in (weights or {}).items():
        own.synthesis_parameters()[name].add_(change)
    own.prepare()
    features = {AT: features[None]} if features is not None else None
    return own.synthesis(ws[None], noise=noise, features=features)[0]


def test_at_a_code_the_picture_is_its_own(toy, codes):
    way = Way(toy, codes, closed=True)
    assert way.legs == 3
    for place in range(4):
        code = codes[place % 3]
        assert way.at(place) is code
        weights = {
            k.removeprefix("weights."): x for k, x in code.refinement.items() if k[:8] == "weights."
        }
        features = code.refinement.get(f"features.{AT}")
        wanted = reference(toy, code.latent, features, weights, code.noise or "const")
        assert torch.allclose(way.render(place), wanted, atol=1e-5)


def test_between_codes_all_is_linear_and_what_is_missing_is_zero(toy, codes):
    a, b, c = codes
    (name,) = (k.removeprefix("weights.") for k in c.refinement)
    change, offset = b.refinement[f"weights.{name}"], b.refinement[f"features.{AT}"]
    way = Way(toy, codes, features="stay")
    found = way.render(0.25)
    ws = 0.75 * a.latent + 0.25 * b.latent
    wanted = reference(toy, ws, 0.25 * offset, {name: 0.25 * change})
    assert torch.allclose(found, wanted, atol=1e-5)
    assert not torch.allclose(found, reference(toy, ws), atol=1e-2)
    found = way.render(1.25)  # change * 0.75 - 3 * change * 0.25 is none, and noise comes in
    stored = toy.noise_maps()
    noise = {k: 0.75 * stored[k] + 0.25 * x for k, x in c.noise.items()}
    ws = 0.75 * b.latent + 0.25 * c.latent
    assert torch.allclose(found, reference(toy, ws, 0.75 * offset, noise=noise), atol=1e-5)
    assert not torch.allclose(found, reference(toy, ws, 0.75 * offset), atol=1e-2)


@pytest.mark.parametrize("features", ["carry", "drop"])
def test_offsets_aside_the_ways_are_one(toy, codes, features):
    """Weights, noise maps and latents do not depend on what becomes of features."""
    way, plain = Way(toy, codes, features=features), Way(toy, codes, features="stay")
    for place in (0.3, 1.6):
        found, wanted = way.at(place), plain.at(place)
        assert torch.equal(found.latent, wanted.latent)
        assert found.noise.keys() == wanted.noise.keys()
        assert all(torch.equal(x, wanted.noise[k]) for k, x in found.noise.items())
        weights = {k: x for k, x in wanted.refinement.items() if k.startswith("weights.")}
        assert weights and all(torch.equal(x, found.refinement[k]) for k, x in weights.items())
    dropped = Way(toy, codes, features="drop")
    assert not any(
        k.startswith("features.") for p in (0.5, 1, 1.5) for k in dropped.at(p).refinement
    )


def test_an_unknown_way_with_features_is_refused(toy, codes):
    with pytest.raises(ValueError, match="features must be carry, stay, drop"):
        Way(toy, codes, features="leave")


# --- offsets that are carried ---

MOVE = 8  # pixels of 64 that the picture moves from the first code to the second


@pytest.fixture
def moving(toy):
    """A way on which a picture moves to the right, and the offsets of its two ends.

    The second's offset is what the first's becomes: it shows the same thing, where it is then.
    """
    picture = texture(4)

    def synthesis(ws, noise="const", features=None):
        shown = torch.from_numpy(moved_by(picture, 0, ws[0, 0, 0].item()))
        return (shown * 2 - 1).expand(1, 3, -1, -1)

    generator = rendering_by(toy, synthesis)
    first = smooth_offset(toy, 0.5)
    offsets = first, torch.roll(first, MOVE * AT // SIDE, 2)
    codes = []
    for name, offset, at in zip("ab", offsets, (0, MOVE), strict=True):
        latent = torch.zeros(toy.num_ws, toy.w_dim)
        latent[0, 0] = at
        codes.append(Code(name, latent, Path(name), refinement={f"features.{AT}": offset}))
    return generator, codes, offsets


@pytest.mark.parametrize("place", [0.5, 0.3, 0.6])
def test_offsets_of_both_ends_meet_where_the_picture_is(moving, place):
    """Carried, both lie where the face is on the way; blended in place, they lie beside it."""
    generator, codes, (first, _) = moving
    inner = (slice(None), slice(3, 13), slice(4, 12))
    wanted = warp(first, shift_of(0, MOVE * place))[inner]
    away = {}
    for features in ("carry", "stay"):
        found = Way(generator, codes, features=features).at(place).refinement[f"features.{AT}"]
        away[features] = ((found[inner] - wanted).norm() / wanted.norm()).item()
    assert away["carry"] < 0.12 and away["carry"] < 0.5 * away["stay"]


def test_an_offset_weighs_the_more_the_nearer_its_code_is(moving):
    generator, codes, (first, _) = moving
    codes[1].refinement.clear()
    inner = (slice(None), slice(3, 13), slice(4, 12))
    way = Way(generator, codes)
    for place in (0.125, 0.4, 0.6):
        found = way.at(place).refinement[f"features.{AT}"][inner]
        moved = warp(first, shift_of(0, MOVE * place))[inner]
        share = (found * moved).sum() / moved.square().sum()
        assert share.item() == pytest.approx(1 - place, abs=0.1 * (1 - place))


def test_carried_frames_differ_little_from_their_neighbours(moving):
    """Near an end an offset is nearly its own, also between the places of which flow is known."""
    generator, codes, (first, second) = moving
    way = Way(generator, codes)
    for place, wanted in ((1e-4, first), (1 - 1e-4, second)):
        found = way.at(place).refinement[f"features.{AT}"]
        assert (found - wanted).norm() < 0.01 * wanted.norm()
    at = [way.at(place).refinement[f"features.{AT}"] for place in (0.2499, 0.25, 0.2501)]
    assert max((a - b).norm() for a, b in zip(at, at[1:], strict=False)) < 0.01 * first.norm()


def test_flow_costs_a_way_as_much_however_many_frames_it_has(toy, moving):
    generator, codes, _ = moving
    drawn = []

    def draw(generator, latent, noise=None, features=None):
        drawn.append(bool(features))
        return render_result(generator, latent, noise, features)

    way = Way(generator, codes, features="carry", draw=draw)
    way.render(0.5)  # of which both flows are known at one place
    assert drawn == [False, False, False, True] and len(way._flows) == 2
    for i in range(41):
        way.render(i / 40)
    assert drawn.count(False) == 9 and len(way._flows) == 16
    unrefined = Way(toy, [Code(c.id, c.latent, c.path) for c in codes], draw=draw)
    drawn.clear()
    unrefined.render(0.3)
    assert drawn == [False]


def test_blended_float16_is_float32(toy):
    half = {"x": torch.full((2,), 0.1, dtype=torch.float16)}
    found = blend(half, {"y": torch.ones(1)}, 0.25)
    assert found["x"].dtype == torch.float32 and set(found) == {"x", "y"}
    assert torch.equal(found["x"], half["x"].float() * 0.75) and found["y"] == 0.25


def test_ways_that_are_none(toy, codes):
    with pytest.raises(BadArgumentsError, match="two latents"):
        Way(toy, codes[:1])
    with pytest.raises(BadArgumentsError, match="b follows itself: leave one out"):
        Way(toy, [codes[0], codes[1], codes[1]])
    with pytest.raises(BadArgumentsError, match="a follows itself; a loop goes back"):
        Way(toy, [*codes, codes[0]], closed=True)
    with pytest.raises(BadArgumentsError, match="--frames 2: 3 latents"):
        smooth_frames(Way(toy, codes), 2, 32)


# --- the pace ---


def test_even_places_invert_a_length():
    """Of the length t^2, even parts end at the roots of their shares."""
    fine = np.linspace(0, 1, 1001)
    found = even_places(fine.tolist(), np.diff(fine**2).tolist(), 5)
    assert np.allclose(found, np.sqrt(np.arange(6) / 5), atol=1e-3)


def test_every_code_is_shown_and_longer_legs_have_more_frames():
    found = even_places([0, 0.5, 1, 1.5, 2], [1, 1, 3, 3], 8)
    assert np.allclose(found, [0, 0.5, 1, *(1 + np.arange(1, 7) / 6)])
    assert even_places([0, 1, 2], [1, 100], 2) == [0, 1, 2]
    assert np.allclose(even_places([0, 0.5, 1], [0, 0], 4), [0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize(("legs", "steps"), [(1, 11), (2, 30), (3, 59)])
def test_the_pace_is_even_where_the_way_is_not(legs, steps):
    """On a line in ten dimensions whose speed varies by a factor of 20, bent as LPIPS bends it."""
    calls = []

    def measure(places):
        calls.append(list(places))
        at = np.array([t + 0.15 * math.sin(2 * math.pi * t) for t in places])
        away = np.diff(at) ** 2
        return (away / (1 + 4 * away)).tolist()  # far pictures are less far than their parts sum to

    plain = measure([legs * i / steps for i in range(steps + 1)])
    assert max(plain) / min(plain) > 20
    said = []
    pace = find_pace(measure, legs, steps, said.append)
    assert pace.ratio <= 2 and pace.ratio == max(pace.distances) / min(pace.distances)
    assert calls[-1] == pace.places and len(pace.distances) == steps
    assert set(range(legs + 1)) <= set(pace.places) and pace.places == sorted(pace.places)
    assert len(said) == len(calls) - 1


def test_a_way_without_change_ends():
    calls = []
    pace = find_pace(lambda p: calls.append(p) or [0.0] * (len(p) - 1), 2, 6, lambda text: None)
    assert math.isinf(pace.ratio) and len(calls) == 2
    assert np.allclose(pace.places, np.linspace(0, 2, 7))


def test_smooth_places_are_slow_at_every_code():
    found = np.array(smooth_places(2, 40))
    assert found[0] == 0 and found[20] == 1 and found[40] == 2 and found[10] == 0.5
    assert np.allclose(found[:21], 1 - found[20::-1])  # there as back
    assert np.allclose(found[20:], 1 + found[:21])
    steps = np.diff(found[:21])
    assert np.allclose(steps[[0, -1]], steps.min()) and steps.min() < 0.2 * steps.max()


@pytest.mark.parametrize("closed", [False, True])
def test_frames_are_even_by_the_lpips_package(toy, codes, closed):
    way = Way(toy, codes, closed)
    pace, frames = even_frames(way, 24, 32, lambda text: None)
    frames = list(frames)
    assert len(frames) == 24 and frames[0].dtype == np.uint8
    assert np.array_equal(frames[0], to_uint8(way.render(0)))
    shown = [to_uint8(way.render(place)) for place in pace.places]
    assert all(np.array_equal(a, b) for a, b in zip(frames, shown, strict=not closed))
    pictures = from_uint8(np.stack(shown))
    distances = package_lpips("alex")(pictures[:-1], pictures[1:]).flatten()
    assert torch.allclose(distances, torch.tensor(pace.distances), atol=1e-5)
    assert distances.max() / distances.min() <= 2 + 1e-3
    assert len(pace.distances) == (24 if closed else 23)
    plain = [way.render(way.legs * i / 24) for i in range(25)]
    plain = torch.stack(plain).clamp(-1, 1)
    uneven = package_lpips("alex")(plain[:-1], plain[1:]).flatten()
    assert uneven.max() / uneven.min() > 2


def test_smaller_frames_are_box_means(toy, codes):
    way = Way(toy, codes[:2])
    (first, *_), (whole, *_) = (list(smooth_frames(way, 2, size)) for size in (16, 32))
    mean = whole.reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert first.shape == (16, 16, 3) and np.abs(first - mean).max() <= 0.5 + 1e-4

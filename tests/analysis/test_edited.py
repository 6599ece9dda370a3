"""Codes edited: planted changes are found, refined ones compared with their code."""

import math

import numpy as np
import pytest
import torch

from ganinv.analysis import edited, editing
from ganinv.analysis.edited import changes_per_unit, ghosting
from ganinv.editing.carry import warp
from ganinv.editing.directions import find_direction
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import load_latent
from helpers.edited import Blind, Colours, made_up, quick_study

DEVIATIONS = {"smile": 0.5, "yaw": 0.25}
STRENGTHS = [-1.0, 0.0, 2.0]


@pytest.fixture(scope="module")
def planned(toy_path, make_photo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("edited")
    photos = [make_photo(folder / f"{name}.png", seed) for seed, name in enumerate("ab")]
    return quick_study(toy_path, photos, folder / "out", refine_steps=3)


@pytest.fixture(scope="module")
def made(planned):
    return editing.make_all(planned)[0]


@pytest.fixture(scope="module")
def generator(planned):
    return load_generator(planned.generator)


def study_of(generator, experiments, look=Colours):
    directions = [find_direction(generator, f"pca:{k}") for k in range(2)]
    images = ["a", "b"]
    return edited.study_edits(
        generator, experiments, images, directions, STRENGTHS, DEVIATIONS, look=look
    )


@pytest.fixture(scope="module")
def study(generator, made):
    return study_of(generator, made)


# --- numbers, in closed form ----------------------------------------------------------------------


def test_changes_are_counted_in_deviations_per_unit_of_strength():
    before = {"smile": 1.0, "yaw": 0.0}
    after = [{"smile": 0.0, "yaw": 0.5}, {"smile": 3.0, "yaw": 1.0}]
    found = changes_per_unit(before, after, [-2.0, 2.0], DEVIATIONS)
    assert found["smile"] == (1.5, 1.5)  # +1 and +2 deviations per unit
    assert found["yaw"] == (0.5, 1.5)  # -1 and +2: it rises to both sides


def test_strengths_without_a_face_are_left_out():
    after = [None, {"smile": 3.0, "yaw": 1.0}]
    found = changes_per_unit({"smile": 1.0, "yaw": 0.0}, after, [-2.0, 2.0], DEVIATIONS)
    assert found == {"smile": (2.0, 2.0), "yaw": (2.0, 2.0)}
    assert changes_per_unit(None, after, [-2.0, 2.0], DEVIATIONS) == {}
    assert changes_per_unit({"smile": 1.0, "yaw": 0.0}, [None], [1.0], DEVIATIONS) == {}


def texture(seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(3, 64, 64, generator=rng)


def shift(pixels):
    """A flow by so many pixels of 64 to the right: each place was to its left."""
    flow = torch.zeros(2, 64, 64)
    flow[1] = -pixels / 64
    return flow


def test_what_stays_in_place_is_a_ghost_and_what_moves_along_is_none():
    before, flow = texture(), shift(8)
    moved = before.roll(8, 2)
    inside = slice(8, 64)
    assert torch.allclose(warp(before, flow)[..., inside], moved[..., inside], atol=1e-5)
    stays, along = ghosting(before, before, flow), ghosting(moved, before, flow)
    assert stays > 0.9 and along < -0.8
    assert ghosting(texture(1), before, flow) == pytest.approx(0, abs=0.05)
    assert ghosting(before, before, shift(0)) == pytest.approx(0, abs=1e-9)


def test_a_mixture_of_both_lies_between():
    before, flow = texture(), shift(8)
    mixed = [ghosting(before * a + before.roll(8, 2) * (1 - a), before, flow) for a in (0.25, 0.75)]
    assert -0.8 < mixed[0] < 0 < mixed[1] < 0.9


# --- the toy --------------------------------------------------------------------------------------


def test_there_is_a_row_for_each_image_variant_and_direction(study, made):
    names = [e.name for e in made[:3]]
    refined = ["features, carried", "features, left", "weights"]
    assert [v.name for v in study.variants] == names + [f"W+ short + {x}" for x in refined]
    assert len(study.rows) == 2 * 6 * 2 and len(study.places) == 2 * 5
    assert study.strengths == [-1.0, 2.0]


def test_codes_in_w_lie_in_w_and_others_leave_it(study):
    assert study.placed("W", "distance").max() < 1e-5
    assert study.placed("W+ long", "distance").min() > 0.01
    short, refined = (study.placed(f"W+ short{x}", "distance") for x in ("", " + features"))
    assert np.array_equal(short, refined)


def test_changes_are_those_of_the_pictures(study, generator, made):
    direction = study.directions[0]
    latent, _ = load_latent(made[0].folder / "a" / "latent.safetensors")
    with torch.no_grad():
        reds = [
            (to_uint8(generator.synthesis((latent + s * direction.move)[None])[0]) / 255)
            .mean((0, 1))[0]
            .item()
            for s in (0, -1, 2)
        ]
    wanted = np.mean([(reds[1] - reds[0]) / -1, (reds[2] - reds[0]) / 2]) / DEVIATIONS["smile"]
    assert study.rows[0]["variant"] == "W" and study.rows[0]["direction"] == "pca:0"
    assert study.rows[0]["changes"]["smile"][0] == pytest.approx(wanted, abs=1e-4)


def test_ghosting_is_measured_of_refined_ones_alone(study):
    for variant in study.variants:
        found = study.measured(variant.name, "ghosting")
        assert np.isnan(found).all() == (variant.experiment.params.refine == "none")


def test_features_that_stay_add_the_same_wherever_the_code_goes(study, generator, made):
    rows = {
        v: [r for r in study.rows if r["variant"] == f"W+ short + features, {v}"]
        for v in ("carried", "left")
    }
    plain = [r for r in study.rows if r["variant"] == "W+ short"]
    assert [r["changes"] for r in rows["carried"]] != [r["changes"] for r in rows["left"]]
    assert [r["changes"] for r in rows["left"]] != [r["changes"] for r in plain]


def test_strips_begin_with_the_reconstruction(study, made):
    for variant in study.variants:
        first, *ends = study.strips["b"][variant.name]
        assert np.array_equal(first, variant.experiment.picture("b", "reconstruction"))
        assert len(ends) == 2 * len(study.directions)


def test_where_no_face_is_seen_nothing_is_made_up(generator, made):
    study = study_of(generator, made[:1], Blind)
    for name in ("own", "others", "selectivity", "lost", "person"):
        assert np.isnan(study.measured("W", name)).all()
    assert study.own_attribute("pca:0") == ""


# --- means ----------------------------------------------------------------------------------------


def test_a_component_counts_by_what_it_moves_most(study):
    rows = [r["changes"] for r in study.rows if r["direction"] == "pca:0"]
    sums = {name: abs(sum(r[name][0] for r in rows)) for name in DEVIATIONS}
    assert study.own_attribute("pca:0") == max(sums, key=sums.get)


def test_own_and_others_are_told_apart():
    found = made_up(2, noise=0.0)
    measured = found.study.measured
    assert measured("W", "own").tolist() == [1.0, 1.0]
    assert measured("W", "others") == pytest.approx([0.2, 0.2])
    assert measured("W+ long", "selectivity") == pytest.approx([2.5, 2.5])
    assert measured("W+ long", "own", "yaw").tolist() == [0.5, 0.5]


def test_a_named_direction_that_moves_backwards_counts_against():
    found = made_up(1, own={"W": -1.0}, noise=0.0)
    assert found.study.measured("W", "own").tolist() == [-1.0]


def test_faces_that_were_not_found_are_left_out_of_means():
    found = made_up(1, noise=0.0)
    row = next(r for r in found.study.rows if r["variant"] == "W")
    row["changes"], row["lost"] = {}, math.nan
    assert found.study.measured("W", "own").tolist() == [1.0]  # of the other direction
    assert not np.isnan(found.study.measured("W", "lost")).any()
    assert np.isnan(found.study.measured("W", "own", row["direction"])).all()


def test_seconds_of_a_refinement_include_those_of_its_code():
    found = made_up(2)
    seconds = [
        edited.seconds_taken(found.experiments, found.run(name), ["i1"])
        for name in ("W+ short", "W+ short + features", "W+ long")
    ]
    assert [x.tolist() for x in seconds] == [[1.0], [2.0], [9.1]]


# --- what is kept ---------------------------------------------------------------------------------


def test_what_was_found_is_kept_until_a_strength_or_a_code_changes(
    study, generator, made, tmp_path, monkeypatch
):
    def edit_all(strengths=tuple(STRENGTHS)):
        return edited.study_edits(
            *(generator, made, ["a", "b"], study.directions, strengths, DEVIATIONS),
            look=Colours,
            kept=tmp_path,
        )

    def never(*_):
        raise AssertionError("edited again")

    first = edit_all()
    assert str(first.rows) == str(study.rows) and first.places == study.places
    with monkeypatch.context() as patch:
        patch.setattr(edited, "_edit", never)
        again = edit_all()
        with pytest.raises(AssertionError, match="edited again"):
            edit_all([-1.0, 3.0])
        patch.setattr(edited, "list_variants", lambda e: study.variants[:1])
        with pytest.raises(AssertionError, match="edited again"):
            edit_all()
    for variant in study.variants:
        for name in ("own", "others", "lost", "person", "ghosting"):
            wanted = study.measured(variant.name, name)
            assert np.array_equal(again.measured(variant.name, name), wanted, equal_nan=True)
        strips = again.strips["b"][variant.name], study.strips["b"][variant.name]
        assert all(map(np.array_equal, *strips))

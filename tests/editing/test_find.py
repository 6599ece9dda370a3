"""Directions of planted attributes are found, parted and checked; a killed search goes on."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from ganinv.editing.choose import solve, solve_for
from ganinv.editing.effects import TRUNCATION, Effects, Faces, Kept, mean_change, rising_share
from ganinv.editing.find import Plan, find_all, held_shares, regress
from ganinv.errors import BadArgumentsError
from ganinv.measures.codes import WSpread
from helpers.tensors import doubles, normal, quiet
from helpers.toys import rendering_by

NAMES = ("red", "green")
PLAN = Plan(attributes=NAMES, samples=100, faces=3, mended=3, checked=4, same=())


def mean_colours(picture, place):
    """The attributes of a picture: its mean red and mean green, on [0, 1]."""
    red, green, _ = picture.mean((0, 1)) / 255
    return {"red": float(red), "green": float(green)}


@pytest.fixture(scope="module")
def white(toy):
    """What makes standard normal coordinates of w - mean: (w_dim, w_dim), and the mean."""
    known = WSpread(toy)
    values, vectors = torch.linalg.eigh(known.covariance)
    return vectors / values.sqrt(), known.mean


PLANTED = torch.zeros(32, 2).double()  # by white coordinates: two attributes, correlated by 0.6
PLANTED[3, 0], PLANTED[3, 1], PLANTED[8, 1] = 1.0, 0.6, 0.8


@pytest.fixture(scope="module")
def planted(toy, white):
    """A generator whose pictures' red and green are known linear functions of w."""
    whitening, mean = white

    def synthesis(ws, **options):
        colours = (ws.double().mean(1) - mean) @ whitening @ PLANTED * 0.2  # (N, 2)
        image = torch.cat([colours, torch.zeros(len(ws), 1)], 1).float()
        return image[:, :, None, None].expand(-1, -1, 32, 32) + 0 * ws.sum()

    return rendering_by(toy, synthesis)


def faces_of(generator, measure=mean_colours, names=NAMES):
    return Faces(generator, names, quiet, lambda picture, place: (measure(picture, place), None))


class KilledError(Exception):
    pass


def counting(measure, most=10**9):
    """A measure that counts its calls and is killed at one of them."""

    def counted(picture, place):
        counted.calls += 1
        if counted.calls > most:
            raise KilledError
        return measure(picture, place)

    counted.calls = 0
    return counted


@pytest.fixture(scope="module")
def whole(planted, tmp_path_factory):
    """A search that nothing interrupted: its folder, its result, and how often it measured."""
    measure, folder = counting(mean_colours), tmp_path_factory.mktemp("work")
    return folder, find_all(faces_of(planted, measure), PLAN, folder, quiet), measure.calls


@pytest.fixture(scope="module")
def found(whole):
    return whole[1]


@pytest.fixture
def work(whole, tmp_path):
    """A copy of the folder of that search."""
    return shutil.copytree(whole[0], tmp_path / "work")


# --- what is planted ---


def test_the_mean_change_with_an_attribute_is_the_covariance_times_it(planted, white):
    """In white coordinates, an attribute's mean change of w is its own gradient."""
    whitening, _ = white
    faces = faces_of(planted)
    w = torch.stack([ws[0] for ws in faces.draw_all(5, 300)]).double()
    measured = torch.stack([faces.measure(faces.picture(x.float().expand(8, -1))) for x in w])
    changes, correlations = regress(planted, w, measured)
    coordinates = changes @ whitening
    cosines = torch.cosine_similarity(coordinates, PLANTED.T, dim=1)
    assert cosines.min() > 0.99 and correlations.min() > 0.99


def test_an_attribute_that_w_does_not_foretell_has_no_correlation(toy):
    w = torch.stack([ws[0] for ws in faces_of(toy).draw_all(6, 400)]).double()
    noise = doubles(400, 1)
    assert abs(regress(toy, w, noise)[1].item()) < 0.35


def test_correlated_attributes_are_parted(found):
    directions, card = found
    for name, other in (NAMES, NAMES[::-1]):
        row = card["directions"][name]
        assert row["own"] > 1.5 and row["rising"] == 1.0
        assert abs(row["others"][other]) < 0.1 * row["own"]
        assert row["holds"] and row["fails"] == []
    assert directions.keys() == set(NAMES)


def test_a_direction_is_what_is_left_when_the_shared_part_is_removed(
    found, white, planted, w_samples
):
    """The closed form, in white coordinates: a gradient, less its projection on the other's."""
    whitening, _ = white
    for i in (0, 1):
        own, other = PLANTED[:, i], PLANTED[:, 1 - i]
        wanted = own - (own @ other) / (other @ other) * other
        w = found[0][NAMES[i]].w
        assert torch.cosine_similarity(w @ whitening, wanted, dim=0) > 0.98
        deviation = ((w_samples(planted) @ w) / w.norm()).std()
        held = 0.8  # sqrt(1 - 0.6^2), the other attribute held
        assert w.norm().item() == pytest.approx(held * deviation.item(), rel=0.1)


def test_the_change_is_what_the_planted_gradient_makes_of_it(found, white):
    """Between strengths -2 and 2, in standard deviations: images have twice the measure's range."""
    whitening, _ = white
    for i, name in enumerate(NAMES):
        change = 4 * (found[0][name].w @ whitening @ PLANTED[:, i]) * 0.2 / 2
        own = change / found[1]["deviations"][name]
        assert found[1]["directions"][name]["own"] == pytest.approx(own.item(), rel=0.05)


def test_the_card_says_what_was_done(found, toy):
    card = found[1]
    assert card["samples"] == PLAN.samples and card["seed"] == 0 and card["checked"] == 4
    assert card["deviations"].keys() == set(NAMES)
    deviation = 0.2 / 2 * TRUNCATION  # images lie in [-1, 1], the measure in [0, 1]
    assert card["deviations"]["red"] == pytest.approx(deviation, rel=0.2)
    assert card["directions"]["red"]["held_out_correlation"] > 0.95


def test_a_network_s_colour_is_found_as_its_gradient_says(toy):
    """Stein: the covariance of w with a is that of w, times the mean gradient of a."""
    faces = faces_of(toy)
    w = torch.stack([ws[0] for ws in faces.draw_all(3, 250)])
    at = w.clone().requires_grad_(True)
    images = toy.synthesis(at[:, None].expand(-1, toy.num_ws, -1))
    (gradient,) = torch.autograd.grad(images.clamp(-1, 1)[:, 0].mean(), at)
    wanted = WSpread(toy).covariance @ gradient.mean(0).double()
    measured = torch.stack([faces.measure(faces.picture(x.expand(toy.num_ws, -1))) for x in w])
    changes, _ = regress(toy, w.double(), measured)
    assert torch.cosine_similarity(changes[0], wanted, dim=0) > 0.85


def test_attributes_that_cannot_be_parted_do_not_hold(planted, tmp_path):
    """Two names for one thing: each moves the other as far as itself."""
    faces = faces_of(planted, lambda picture, place: {n: picture[0, 0, 0] / 255 for n in NAMES})
    _, card = find_all(faces, PLAN, tmp_path, quiet)
    for row in card["directions"].values():
        assert not row["holds"] and "others" in row["fails"]


# --- going on ---


def same(one, other):
    (a, card), (b, again) = one, other
    return json.dumps(card) == json.dumps(again) and all(
        torch.equal(a[n].w, b[n].w) and a[n].layers == b[n].layers for n in NAMES
    )


@pytest.mark.parametrize("at", [70, 102, 115])
def test_a_killed_search_goes_on_and_gives_the_same_bits(planted, whole, tmp_path, at):
    _, found, calls = whole
    killed, again = counting(mean_colours, at), counting(mean_colours)
    with pytest.raises(KilledError):
        find_all(faces_of(planted, killed), PLAN, tmp_path, quiet)
    assert same(find_all(faces_of(planted, again), PLAN, tmp_path, quiet), found)
    assert again.calls <= calls - 50  # what was kept is not measured again


def test_a_finished_search_measures_nothing_again(planted, found, work):
    again = counting(mean_colours)
    assert same(find_all(faces_of(planted, again), PLAN, work, quiet), found)
    assert again.calls == 0


@pytest.mark.parametrize("damage", ["cut", "text"])
def test_damaged_files_are_computed_anew(planted, whole, work, damage):
    _, found, calls = whole
    files = sorted(work.glob("*.safetensors"))
    assert len(files) == 4
    for file in files:
        file.write_bytes(file.read_bytes()[:-9] if damage == "cut" else b"nothing")
    again = counting(mean_colours)
    assert same(find_all(faces_of(planted, again), PLAN, work, quiet), found)
    assert again.calls == calls


def test_what_was_measured_with_another_seed_is_not_used(planted, whole, work):
    again = counting(mean_colours)
    other = find_all(faces_of(planted, again), replace(PLAN, seed=7), work, quiet)
    assert again.calls >= 100 and not same(other, whole[1])


def test_more_samples_go_on_from_fewer(planted, whole, tmp_path):
    find_all(faces_of(planted), replace(PLAN, samples=60), tmp_path, quiet)
    again = counting(mean_colours)
    assert same(find_all(faces_of(planted, again), PLAN, tmp_path, quiet), whole[1])
    assert again.calls <= whole[2] - 60


# --- what is refused, and left out ---


def test_a_generator_without_faces(toy, tmp_path):
    faces = Faces(toy, ("smile",), quiet)  # measured as faces are
    plan = Plan(attributes=("smile",), samples=4)
    with pytest.raises(BadArgumentsError, match="in 0 of 4 pictures.*take sefa:K or pca:K"):
        find_all(faces, plan, tmp_path, quiet)


def test_pictures_without_a_face_are_left_out(planted, tmp_path):
    calls = counting(mean_colours)

    def measure(picture, place):
        found = calls(picture, place)
        return None if calls.calls <= PLAN.samples and calls.calls % 3 == 0 else found

    _, card = find_all(faces_of(planted, measure), PLAN, tmp_path, quiet)
    assert card["samples"] == PLAN.samples - PLAN.samples // 3
    assert all(row["holds"] for row in card["directions"].values())


# --- the parts ---


def test_a_face_is_looked_for_once_and_its_edits_where_it_was(toy, tmp_path):
    seen = []

    def measure(picture, place):
        seen.append(place)
        return dict.fromkeys(NAMES, float(len(seen))), f"place {len(seen)}"

    ws = [toy.w_avg.expand(toy.num_ws, -1) + i for i in range(3)]
    effects = Effects(Faces(toy, NAMES, quiet, measure), ws, Kept(tmp_path / "kept", {}), quiet)
    plain = effects.plain()
    assert seen == [None] * 3 and effects.plain() is plain
    assert [(values.tolist(), place) for values, place in plain] == [
        ([float(i)] * len(NAMES), f"place {i}") for i in (1, 2, 3)
    ]
    seen.clear()
    effects.of("x", torch.zeros_like(ws[0]), [-1, 0, 1])
    assert seen == ["place 1"] * 2 + ["place 2"] * 2 + ["place 3"] * 2


@pytest.mark.parametrize("i", [0, 1, 3])
def test_solve_moves_one_alone(i):
    """Of a square E that can be inverted: row i of its inverse, where length weighs nothing."""
    e = doubles(4, 4, seed=3) + 2 * torch.eye(4)
    scaled = e * torch.where(torch.arange(4) == i, 1.0, 1e4)
    x = solve(scaled, i)
    assert torch.allclose(x @ e, torch.eye(4).double()[i], atol=1e-6)
    assert np.allclose(x, np.linalg.inv(e.numpy())[i], atol=1e-5)


def test_solve_by_more_moves_than_attributes_is_the_shortest():
    e = doubles(7, 3, seed=4)
    x = solve(e * torch.tensor([1.0, 1e4, 1e4]), 0)
    assert np.allclose(x, np.linalg.pinv(e.T.numpy())[:, 0], atol=1e-5)


def test_solve_keeps_apart_from_noise():
    """Two moves that differ in noise alone: no long difference of them is taken."""
    e = torch.tensor([[1.0, 1.0], [1.0, 1.001]]).double()
    assert solve(e, 0).norm() < 2
    assert np.linalg.norm(np.linalg.inv(e.numpy())[0]) > 1000


def test_solve_for_is_least_squares():
    e, wanted = doubles(3, 5, seed=5), doubles(5, seed=6)
    e[:, 2] *= 1e-5  # the length's weight
    best = np.linalg.lstsq(e.T.numpy(), wanted.numpy(), rcond=None)[0]
    assert np.allclose(solve_for(e, wanted, 2), best, atol=1e-6)


def test_mean_change_leaves_out_what_could_not_be_measured():
    measured = torch.tensor([[[1.0, 5.0], [3.0, 5.0]], [[0.0, 1.0], [4.0, torch.nan]]]).double()
    change = mean_change(measured, torch.tensor([2.0, 1.0]).double())
    assert change.tolist() == [(2 / 2 + 4 / 2) / 2, 0.0]


def test_what_is_left_when_others_are_held():
    """Against the residuals of numpy's least squares."""
    a = normal(300, 3).double().numpy()
    a[:, 1] += 0.8 * a[:, 0]
    a -= a.mean(0)
    for i, share in enumerate(held_shares(torch.from_numpy(a.copy()))):
        others = np.delete(a, i, 1)
        left = a[:, i] - others @ np.linalg.lstsq(others, a[:, i], rcond=None)[0]
        assert share.item() == pytest.approx(left.std() / a[:, i].std(), rel=1e-3)


def test_rising_share():
    rows = [[1.0, 2, 3], [1, 1, 2], [3, 2, 4], [1, torch.nan, 3], [0, 5, 6]]
    assert rising_share(torch.tensor(rows)) == pytest.approx(2 / 5)

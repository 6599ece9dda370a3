"""What a search moves beside the latent, and when it ends: noise maps, plateaus."""

import math

import pytest
import torch
import torch.nn.functional as F
import torchvision

import ganinv
from ganinv.errors import ParamsError
from ganinv.inversion.invert import evaluate
from ganinv.inversion.latent_files import load_latent, load_noise, save_latent
from ganinv.inversion.noise_maps import autocorrelation, draw_maps, normalize, strengthened
from ganinv.inversion.optimizers import Adam, Rates, ramp
from ganinv.inversion.params import SearchParams
from ganinv.inversion.search import Search
from ganinv.inversion.spaces import SPACES
from ganinv.inversion.style_axes import AXES_POWER, style_axes
from ganinv.losses.lpips import load_lpips
from ganinv.losses.reconstruction import make_loss
from ganinv.losses.terms import PIXELS
from ganinv.runs.experiment import run_experiment
from ganinv.runs.params import Params
from ganinv.runs.verify import verify
from ganinv.seeds import image_rng
from helpers.networks import random_stylegan2

QUICK = dict(
    space="w",
    loss="l2",
    steps=30,
    lr=0.1,
    precision="float32",
    compile="off",
    log_every=0,
    snapshot_every=0,
)


def search(generator, target, **changes):
    return ganinv.invert(generator, target, **QUICK | changes)


# --- noise maps ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "sizes"), [(4, 1), (8, 1), (16, 2), (64, 4)])
def test_penalty_of_a_constant_map_by_hand(size, sizes):
    maps = {"a": torch.full((1, 1, size, size), 0.5)}
    assert autocorrelation(maps).item() == pytest.approx(2 * 0.25**2 * sizes)


def test_penalty_of_a_chessboard_is_all_at_full_size():
    line = torch.arange(16)
    board = ((line[:, None] + line) % 2 * 2 - 1).float()[None, None]
    assert autocorrelation({"a": board}).item() == pytest.approx(2.0)


def test_penalty_is_small_for_noise_and_large_for_a_picture():
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    smooth = {"a": F.avg_pool2d(noise, 5, 1, 2)}
    normalize(smooth)
    assert autocorrelation({"a": noise}) < 0.01 < 1 < autocorrelation(smooth)


def test_maps_are_brought_back_to_mean_0_and_spread_1():
    maps = {"a": torch.arange(64.0).view(1, 1, 8, 8), "b": torch.randn(1, 1, 4, 4) * 7 - 2}
    normalize(maps)
    for x in maps.values():
        assert x.mean().item() == pytest.approx(0, abs=1e-6)
        assert x.square().mean().item() == pytest.approx(1, abs=1e-5)


def test_maps_are_drawn_by_their_rng_and_as_strong_as_stored_ones(toy):
    one, two = (draw_maps(toy, image_rng(0, "x")) for _ in range(2))
    stored = toy.noise_maps()
    assert one.keys() == stored.keys()
    for name, x in strengthened(one, toy).items():
        assert torch.equal(one[name], two[name]) and x.shape == stored[name].shape
        assert x.std().item() == pytest.approx((one[name].std() * stored[name].std()).item())


def test_optimized_maps_come_nearer_and_belong_to_the_result(toy, toy_images):
    target = toy_images[0][0]
    plain = search(toy, target)
    run = search(toy, target, noise_maps="optimized", noise_regularizer=0.0, steps=100)
    drawn = draw_maps(toy, image_rng(0, "/search"))  # what it began with
    with torch.no_grad():
        before = toy.synthesis(run.latent[None], strengthened(drawn, toy))[0]
    error, earlier = ((x - run.target).square().mean() for x in (run.image, before))
    assert error < 0.8 * earlier
    assert plain.noise == {} and run.noise.keys() == toy.noise_maps().keys()
    with torch.no_grad():
        assert torch.equal(run.image, toy.synthesis(run.latent[None], run.noise)[0])
        assert not torch.equal(run.image, toy.synthesis(run.latent[None])[0])
    for name, x in run.noise.items():
        assert x.mean().abs() < 1e-5
        assert x.square().mean().sqrt().item() == pytest.approx(toy.noise_maps()[name].std().item())
    assert all(row["loss"] == row["l2"] and row["noise"] >= 0 for row in run.history)


def test_dropped_maps_leave_the_generators_own_to_the_result(toy, toy_images):
    run = search(toy, toy_images[0][0], noise_maps="dropped")
    assert run.noise == {}
    with torch.no_grad():
        assert torch.equal(run.image, toy.synthesis(run.latent[None])[0])
    kept = search(toy, toy_images[0][0], noise_maps="optimized")
    assert torch.equal(run.latent, kept.latent) and not torch.equal(run.image, kept.image)


def test_a_heavier_penalty_keeps_maps_freer_of_pictures(toy, toy_images):
    penalties = []
    for weight in (0.0, 1e5):
        run = search(toy, toy_images[0][0], noise_maps="optimized", noise_regularizer=weight)
        maps = {name: x.clone() for name, x in run.noise.items() if x.shape[2] >= 16}
        normalize(maps)
        penalties.append(autocorrelation(maps).item())
    assert penalties[1] < penalties[0] / 2


def test_maps_are_kept_with_the_latent_and_verified(toy_params, make_photo, tmp_path):
    params = toy_params([make_photo(tmp_path / "a.png")], noise_maps="optimized")
    run = run_experiment(params, say=lambda text: None)
    path = run.out / "a" / "latent.safetensors"
    assert load_latent(path)[0].shape == (8, 32)
    assert len(load_noise(path)) == 5
    assert verify(run.out, say=lambda text: None) == {}


def test_files_without_maps_have_none(toy_params, make_photo, tmp_path):
    run = run_experiment(toy_params([make_photo(tmp_path / "a.png")]), say=lambda text: None)
    assert load_noise(run.out / "a" / "latent.safetensors") == {}


def test_random_choices_repeat_and_depend_on_the_image(toy, toy_images):
    changes = dict(noise_maps="optimized", noise_injection=0.1, steps=6)
    runs = [search(toy, toy_images[0][0], image_id=name, **changes) for name in ("a", "a", "b")]
    assert torch.equal(runs[0].image, runs[1].image)
    assert not torch.equal(runs[0].image, runs[2].image)


def test_a_search_goes_on_from_saved_maps(toy, toy_images, tmp_path):
    first = search(toy, toy_images[0][0], noise_maps="optimized")
    path = tmp_path / "latent.safetensors"
    save_latent(path, first.latent, toy, first.noise)
    same = search(toy, toy_images[0][0], init=str(path), noise_maps="optimized", steps=1)
    assert same.history[0]["loss"] == pytest.approx(first.best_loss, rel=1e-4)
    with pytest.warns(UserWarning, match="noise_maps: stored leaves out"):
        other = search(toy, toy_images[0][0], init=str(path), steps=1)
    assert abs(other.history[0]["loss"] / first.best_loss - 1) > 0.01


def test_maps_of_another_generator_are_refused(toy, toy_images, tmp_path):
    maps = draw_maps(toy, image_rng(0, "x"))
    maps.popitem()
    path = tmp_path / "latent.safetensors"
    save_latent(path, toy.w_avg.expand(8, -1), toy, maps)
    with pytest.raises(ValueError, match="do not fit the generator"):
        search(toy, toy_images[0][0], init=str(path), noise_maps="optimized")


# --- noise on the latent ------------------------------------------------------------------------


def watched(toy, seen, *, steps, space="w+"):
    """A search that stands still, and notes the ws it renders."""

    def objective(image, ws):
        seen.append(ws.detach()[0])
        return image.square().mean(), {}

    params = SearchParams(space=space, noise_injection=0.2, steps=steps, snapshot_every=0)
    state = Search(toy, toy.w_avg[None], {}, params, rng=image_rng(0, "x"))
    optimizer = Adam(state.variables)
    for step, share, lr in Rates(1e-9, "constant", steps):
        state.begin(step, share)
        optimizer.step(lambda: evaluate(state, toy.synthesis, objective), lr)
    return state


def test_injected_noise_falls_to_nothing_as_published(toy):
    seen = []
    watched(toy, seen, steps=40)
    for step, ws in enumerate(seen):
        spread = 0.2 * toy.w_std.item() * max(0.0, 1 - step / 40 / 0.75) ** 2
        assert (ws - toy.w_avg).std().item() == pytest.approx(spread, rel=0.25, abs=1e-6)


def test_in_w_all_rows_get_the_same_noise(toy):
    seen = []
    watched(toy, seen, steps=4, space="w")
    assert all(torch.equal(ws, ws[:1].expand_as(ws)) for ws in seen)
    assert not torch.equal(seen[0][0], toy.w_avg)


def test_the_best_is_one_whose_loss_is_its_own(toy, toy_images):
    run = search(toy, toy_images[0][0], noise_injection=0.3, steps=20)
    assert run.best_step > 15  # the first without noise is step 16
    with torch.no_grad():
        objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
        again = objective(toy.synthesis(run.latent[None]))[0].item()
    assert again == pytest.approx(run.best_loss, rel=1e-4)


# --- the end ------------------------------------------------------------------------------------


def test_a_plateau_ends_a_constant_rate_at_once(toy, toy_images):
    flat = dict(lr=1e-9, steps=50, plateau=5)
    run = search(toy, toy_images[0][0], lr_schedule="constant", **flat)
    assert len(run.history) == 9 and run.stopped == ""  # its first 5 % do not count


def test_a_plateau_begins_the_ramps_fall(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e-9, steps=100, plateau=12, lr_schedule="ramp")
    assert len(run.history) == math.ceil(18 / 0.75)  # the first 5 steps do not count
    rates = [row["lr"] for row in run.history]
    assert rates[18:] == [1e-9 * ramp(step, 24) for step in range(18, 24)]
    assert rates[-1] < 0.2e-9


def test_a_rate_that_is_still_rising_is_no_plateau(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e-9, steps=100, plateau=2, lr_schedule="ramp")
    assert len(run.history) == math.ceil(8 / 0.75)  # from step 6 on, three losses


def test_a_search_that_gets_on_is_not_ended(toy, toy_images):
    run = search(toy, toy_images[0][0], steps=30, plateau=10)
    assert len(run.history) == 30
    assert run.history[-1]["loss"] < run.history[9]["loss"]


def test_a_plateau_near_the_end_adds_no_steps(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e-9, steps=20, plateau=18, lr_schedule="ramp")
    assert len(run.history) == 20


def test_a_trace_holds_the_best_at_the_evaluations_asked_for(toy, toy_images):
    run = search(toy, toy_images[0][0], steps=10, trace_at=(7, 2, 10))
    assert [found.evaluations for found in run.trace] == [2, 7, 10]
    assert torch.equal(run.trace[-1].latent, run.latent)
    short = search(toy, toy_images[0][0], steps=10, trace_at=(3,)).trace[0]
    objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
    with torch.no_grad():
        value = objective(toy.synthesis(short.latent[None]))[0].item()
    assert value == pytest.approx(min(row["loss"] for row in run.history[:3]), rel=1e-4)
    assert short.seconds > 0


@pytest.mark.parametrize(
    "change", [{"plateau": 5}, {"noise_injection": 0.1}, {"noise_maps": "optimized"}]
)
def test_what_would_move_under_a_line_search_is_refused(change):
    with pytest.raises(ParamsError, match="optimizer: adam"):
        Params.make({"optimizer": "lbfgs"} | change)


# --- loss terms ---------------------------------------------------------------------------------


def test_l2_full_is_taken_before_the_box_mean():
    rng = torch.Generator().manual_seed(0)
    image, target = (torch.rand(3, 64, 64, generator=rng) * 2 - 1 for _ in range(2))
    loss = {"l2": 1.0, "l2_full": 0.5}
    total, terms = make_loss(loss, target, lpips_net="vgg", loss_resolution=16)(image[None])
    small = [F.avg_pool2d(x[None], 4) for x in (image, target)]
    assert terms["l2"].item() == pytest.approx((small[0] - small[1]).square().mean().item())
    assert terms["l2_full"].item() == pytest.approx((image - target).square().mean().item())
    assert total.item() == pytest.approx((terms["l2"] + 0.5 * terms["l2_full"]).item())


def test_vgg_features_are_torchvisions_relu4_3():
    rng = torch.Generator().manual_seed(1)
    image, target = (torch.rand(3, 64, 64, generator=rng) * 2 - 1 for _ in range(2))
    network = torchvision.models.vgg16(weights=None).features[:23]
    ours = load_lpips("vgg", torch.device("cpu")).backbone.parameters()
    for parameter, value in zip(network.parameters(), ours, strict=False):
        parameter.data = value.data
    mean, std = (
        torch.tensor(x)[:, None, None] for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.no_grad():
        a, b = (network((((x + 1) / 2) - mean)[None] / std) for x in (image, target))
        value, _ = make_loss({"vgg": 1.0}, target, lpips_net="vgg", loss_resolution=64)(image[None])
    assert PIXELS == 57.375
    assert value.item() == pytest.approx((PIXELS**2 * (a - b).square().mean()).item(), rel=1e-3)


# --- coordinates --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["toy", "stylegan2"])
def test_style_matrices_say_what_each_row_feeds(toy, kind):
    """A change of one row that its matrices cannot see changes no image; another one does."""
    generator = toy if kind == "toy" else random_stylegan2()
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(5))
    ws = generator.mapping(z).clone()
    matrices = generator.style_matrices()
    assert len(matrices) == generator.num_ws
    with torch.no_grad():
        image = generator.synthesis(ws)
        for row, fed in enumerate(matrices):
            change = torch.randn(generator.w_dim, generator=torch.Generator().manual_seed(row))
            seen = torch.linalg.pinv(torch.cat(fed)) @ torch.cat(fed) if fed else 0.0
            unseen = change - seen @ change if fed else change
            for moved, same in ((unseen, True), (change, not fed)):
                other = ws.clone()
                other[0, row] += moved
                assert torch.allclose(generator.synthesis(other), image, atol=1e-4) == same


def test_axes_are_orthogonal_and_of_mean_square_length_1(toy):
    for space, rows in (("w", 1), ("w+", toy.num_ws)):
        axes = style_axes(toy, SPACES[space])
        assert axes.shape == (rows, toy.w_dim, toy.w_dim)
        gram = axes @ axes.transpose(1, 2)
        lengths = gram.diagonal(dim1=1, dim2=2)
        assert torch.allclose(gram, torch.diag_embed(lengths), atol=1e-5)
        assert torch.allclose(lengths.mean(1), torch.ones(rows), atol=1e-5)


def test_axes_are_longer_where_the_styles_change_more(toy):
    matrix = toy.first.style.weight
    axes = style_axes(toy, SPACES["w+"])[0]
    lengths = axes.norm(dim=1)
    change = (axes / lengths[:, None] @ matrix.T).norm(dim=1)
    order = lengths.argsort()
    assert (change[order].diff() > -1e-5).all()
    wanted = (change / change.max()).square().clamp_min(1e-6) ** (AXES_POWER / 2)
    assert torch.allclose(lengths / lengths.max(), wanted, atol=1e-4)


@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_search_along_axes_comes_nearer_and_stays_in_its_space(toy, toy_images, space):
    run = search(toy, toy_images[0][0], space=space, coordinates="style")
    assert run.history[0]["loss"] == search(toy, toy_images[0][0], steps=1).history[0]["loss"]
    assert run.best_loss < run.history[0]["loss"] / 3
    rows_agree = torch.equal(run.latent, run.latent[:1].expand_as(run.latent))
    assert rows_agree == (space == "w")


def test_a_step_along_axes_is_what_it_says(toy, toy_images):
    """One step of Adam is the rate times the sign in the coordinates."""
    run = search(
        toy,
        toy_images[0][0],
        space="w+",
        coordinates="style",
        steps=2,
        lr=1e-2,
        lr_schedule="constant",
    )
    moved = run.latent - toy.w_avg
    axes = style_axes(toy, SPACES["w+"])
    along = torch.linalg.solve(axes.transpose(1, 2), moved[:, :, None])[:, :, 0]
    wide = [sum(len(matrix) for matrix in row) >= toy.w_dim for row in toy.style_matrices()]
    fed = [row for row, full in enumerate(wide) if full]  # all of their axes reach the image
    assert (along[fed].abs() < 1.01e-2).all()  # less where a gradient is next to nothing
    assert along[fed].abs().quantile(0.1).item() == pytest.approx(1e-2, rel=0.01)


def test_a_generator_without_styles_is_refused(toy, toy_images, monkeypatch):
    monkeypatch.setattr(type(toy), "style_matrices", lambda self: [])
    with pytest.raises(ValueError, match="needs style inputs"):
        search(toy, toy_images[0][0], coordinates="style")

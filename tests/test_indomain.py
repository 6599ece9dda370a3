"""Eq. 4, the encoder's start, and what is measured on codes."""

import math

import numpy as np
import pytest
import torch

import ganinv
from ganinv.analysis import finished, verdicts
from ganinv.errors import ParamsError, WeightsError
from ganinv.inversion.invert import rows_encoder
from ganinv.losses.reconstruction import make_loss
from ganinv.measures.codes import WSpread, distance_to_w, interpolate, used_rows
from ganinv.paths import project_root
from ganinv.report import show_runs
from ganinv.runs.params import Params
from ganinv.weights.fetch import fetch
from ganinv.widgets import InversionWidget
from helpers.runs import fake_run
from helpers.toys import build_toy

QUICK = dict(precision="float32", compile="off", log_every=0, snapshot_every=0, lr=0.05, steps=4)


class Linear(torch.nn.Module):
    """An encoder with a known derivative: codes are a fixed linear map of the image."""

    def __init__(self, generator, seed=0, scale=1.0):
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        size, self.shape = 3 * generator.resolution**2, (generator.num_ws, generator.w_dim)
        self.map = torch.randn(math.prod(self.shape), size, generator=rng) * scale / math.sqrt(size)
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        return (images.flatten(1) @ self.map.T.to(images.dtype)).view(-1, *self.shape)


def objective(generator, target, encoder, loss):
    encode = rows_encoder(encoder, generator)
    return make_loss(loss, target, lpips_net="vgg", loss_resolution=32, encode=encode)


# --- eq. 4 ---


def test_the_domain_term_is_the_mean_squared_distance_to_what_the_encoder_sees(toy, toy_images):
    images, ws = toy_images[0][:1], toy_images[1][:1]
    encoder = Linear(toy)
    total, terms = objective(toy, images[0], encoder, {"domain": 2.0})(images, ws)
    wanted = np.square(ws.numpy() - encoder(images).numpy()).mean()
    assert terms["domain"].item() == pytest.approx(wanted, rel=1e-5)
    assert total.item() == pytest.approx(2 * wanted, rel=1e-5)


def test_the_gradient_of_eq_4_matches_finite_differences_in_float64():
    toy = build_toy().double()
    rng = torch.Generator().manual_seed(4)
    z = torch.randn(2, toy.z_dim, generator=rng).double()
    with torch.no_grad():
        target, ws = toy.synthesis(toy.mapping(z[:1]))[0], toy.mapping(z[1:]).contiguous()
    evaluate = objective(toy, target, Linear(toy, scale=3.0), {"l2": 1.0, "domain": 2.0})

    def value(ws):
        return evaluate(toy.synthesis(ws), ws)[0]

    exact = ws.clone().requires_grad_(True)
    value(exact).backward()
    for seed in range(4):
        step = torch.randn(ws.shape, generator=torch.Generator().manual_seed(seed)).double()
        with torch.no_grad():
            slope = (value(ws + 1e-5 * step) - value(ws - 1e-5 * step)) / 2e-5
        assert slope.dtype == torch.float64
        assert (exact.grad * step).sum().item() == pytest.approx(slope.item(), rel=1e-6)


def test_the_encoder_is_asked_anew_and_differentiated(toy, toy_images):
    images, ws = toy_images[0][:1], toy_images[1][1:2].clone().requires_grad_(True)
    encoder = Linear(toy, scale=3.0)
    evaluate = objective(toy, images[0], encoder, {"domain": 1.0})
    evaluate(toy.synthesis(ws), ws)[0].backward()
    through = ws.grad.clone()
    fixed = ws.detach().clone().requires_grad_(True)
    with torch.no_grad():
        seen = encoder(toy.synthesis(fixed))
    (fixed - seen).square().mean().backward()
    assert (through - fixed.grad).norm() > 0.05 * fixed.grad.norm()
    before = encoder.calls
    evaluate(toy.synthesis(ws), ws)
    assert encoder.calls == before + 1


def test_searching_with_the_domain_term_keeps_codes_where_the_encoder_finds_them(toy, toy_images):
    target, encoder = toy_images[0][0], Linear(toy)
    found = {}
    for weight in (0.0, 50.0):
        run = ganinv.invert(
            toy,
            target,
            space="w+",
            loss={"l2": 1.0, "domain": weight},
            encoder=encoder,
            **QUICK | dict(steps=60),
        )
        with torch.no_grad():
            again = encoder(toy.synthesis(run.latent[None]))[0]
        found[weight] = (run.latent - again).square().mean().item()
    assert found[50.0] < 0.8 * found[0.0]


def test_the_domain_term_needs_an_encoder(toy, toy_images, toy_params, make_photo, tmp_path):
    with pytest.raises(ValueError, match="name one with the parameter encoder"):
        ganinv.invert(toy, toy_images[0][0], loss={"l2": 1.0, "domain": 2.0}, **QUICK)
    photo = make_photo(tmp_path / "photo.png")
    with pytest.raises(ParamsError, match="name one with the parameter encoder"):
        ganinv.run_experiment(toy_params([photo], loss={"l2": 1.0, "domain": 2.0}))


# --- the encoder's start ---


def test_the_first_loss_is_that_of_the_encoders_codes(toy, toy_images):
    target = toy_images[0][0]
    encoder = Linear(toy, scale=0.1)
    run = ganinv.invert(
        toy, target, space="w+", loss="l2", init="encoder", encoder=encoder, **QUICK
    )
    with torch.no_grad():
        start = toy.synthesis(encoder(run.target[None]))
    wanted = (start - run.target).square().mean().item()
    assert run.history[0]["loss"] == pytest.approx(wanted, rel=1e-4)
    assert run.history[0]["evaluations"] == 1


def test_the_encoders_time_counts(toy, toy_images):
    import time

    class Slow(Linear):
        def forward(self, images):
            time.sleep(0.3)
            return super().forward(images)

    run = ganinv.invert(
        toy, toy_images[0][0], loss="l2", init="encoder", encoder=Slow(toy), **QUICK
    )
    assert 0.3 <= run.history[0]["seconds"] <= run.seconds


# --- manifold ---


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


# --- comparison ---


@pytest.mark.parametrize(("new", "held"), [(0.19, 1), (0.209, 1), (0.211, 0)])
def test_about_as_good_allows_five_per_cent(tmp_path, new, held):
    runs = [
        finished.read_experiment(fake_run(tmp_path / name, {"a": {"lpips_alex": lpips}}), name)
        for name, lpips in (("new", new), ("old", 0.2))
    ]
    assert verdicts.about_as_good(*runs, "lpips_alex").held == held


@pytest.mark.parametrize(("new", "held"), [(20.0, 1), (19.1, 1), (18.9, 0)])
def test_about_as_good_knows_which_way_is_better(tmp_path, new, held):
    runs = [
        finished.read_experiment(fake_run(tmp_path / name, {"a": {"psnr": psnr}}), name)
        for name, psnr in (("new", new), ("old", 20.0))
    ]
    assert verdicts.about_as_good(*runs, "psnr").held == held


def test_evaluations_to_reach_a_loss(tmp_path):
    run = finished.read_experiment(fake_run(tmp_path / "r", {"a": {}}, (1.0, 0.5, 0.6, 0.2)), "R")
    assert verdicts.evaluations_to_reach(run, "a", 0.55) == 2
    assert verdicts.evaluations_to_reach(run, "a", 0.2) == 4
    assert verdicts.evaluations_to_reach(run, "a", 0.1) is None
    slow = finished.read_experiment(fake_run(tmp_path / "s", {"a": {}}, (1.0, 0.9)), "S")
    assert "not in 2" in show_runs.reaching_table(slow, run)


# --- the project's own parameters and weights ---


def test_exp04_differs_from_exp03_in_the_start_and_the_steps_alone():
    third, fourth = (Params.load(project_root() / "params" / f"exp0{n}.yaml") for n in (3, 4))
    changed = {k for k, v in third.model_dump().items() if v != getattr(fourth, k)}
    assert changed == {"init", "encoder", "steps"}
    assert (fourth.init, fourth.encoder, fourth.steps) == ("encoder", "domain-ffhq", 250)


def test_indomain_is_naive_with_the_third_term_as_published():
    naive, indomain = (
        Params.load(project_root() / "params" / f"{name}.yaml") for name in ("naive", "indomain")
    )
    changed = {k for k, v in naive.model_dump().items() if v != getattr(indomain, k)}
    assert changed == {"loss", "out"}
    assert indomain.loss == naive.loss | {"domain": 2.0}
    assert (indomain.steps, indomain.lr, indomain.lr_schedule) == (100, 0.01, "constant")


def test_weights_of_the_repository_are_not_fetched(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    manifest = (
        "mine:\n  kind: encoder\n  about: x\n  licence: MIT\n  file: mine.safetensors\n"
        "  convert: none\n  sources: []\n"
        f"  sha256: {'a' * 64}\n"
    )
    (folder / "manifest.yaml").write_text(manifest)
    monkeypatch.setenv("GANINV_ROOT", str(tmp_path))
    with pytest.raises(WeightsError, match="git checkout -- checkpoints/mine.safetensors"):
        fetch("mine")


def test_the_quickstart_starts_from_what_is_chosen():
    widget = InversionWidget()
    assert "domain-ffhq" in widget.start.options
    assert (widget.params().init, widget.params().encoder) == ("mean_w", None)
    widget.start.value = "my_encoder.pt"
    assert (widget.params().init, widget.params().encoder) == ("encoder", "my_encoder.pt")

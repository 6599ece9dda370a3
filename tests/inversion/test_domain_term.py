"""Eq. 4 of In-Domain GAN Inversion, and the encoder's start."""

import math
import time

import numpy as np
import pytest
import torch

import ganinv
from ganinv.errors import ParamsError
from ganinv.inversion.invert import rows_encoder
from ganinv.losses.reconstruction import make_loss
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
    class Slow(Linear):
        def forward(self, images):
            time.sleep(0.3)
            return super().forward(images)

    run = ganinv.invert(
        toy, toy_images[0][0], loss="l2", init="encoder", encoder=Slow(toy), **QUICK
    )
    assert 0.3 <= run.history[0]["seconds"] <= run.seconds

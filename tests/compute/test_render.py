"""How a search renders: compiled once, by the generator's own weights."""

import copy
import sys

import pytest
import torch

from ganinv.compute.render import make_preview, render_result
from helpers.checks import assert_same_bits
from helpers.searches import search
from helpers.toys import build_toy


@pytest.fixture
def pretended_compiler(monkeypatch):
    """Stand-in for torch.compile; holds what was compiled and how often that was called."""
    compiled, calls = [], []

    def pretend(function, **options):
        compiled.append(function)

        def call(*args, **kwargs):
            calls.append(args)
            return function(*args, **kwargs)

        return call

    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr(torch, "compile", pretend)
    return compiled, calls


def test_compiling_is_done_once_and_used_by_every_step(toy, toy_images, pretended_compiler):
    compiled, calls = pretended_compiler
    own = build_toy()
    runs = [search(own, toy_images[0][k], compile="on", steps=5) for k in (0, 1)]
    assert len(compiled) == 1
    assert len(calls) >= sum(run.evaluations for run in runs) == 10
    assert runs[0].settings["compile"] == "on"
    assert_same_bits(runs[0], search(toy, toy_images[0][0], steps=5))


def test_copy_of_a_compiled_generator_renders_its_own_weights(toy_images, pretended_compiler):
    own = build_toy()
    search(own, toy_images[0][0], compile="on", steps=1)
    tuned = copy.deepcopy(own)
    tuned.to_img_bias.data += 0.1
    compiled, plain = (
        search(tuned, toy_images[0][0], compile=mode, steps=3) for mode in ("on", "off")
    )
    assert_same_bits(compiled, plain)


@pytest.mark.parametrize("given", [{}, {"noise": True}, {"features": True}])
def test_a_preview_is_the_result_in_less_precision(toy, toy_images, given):
    latent = toy_images[1][0]
    rng = torch.Generator().manual_seed(5)
    maps = {name: torch.randn(x.shape, generator=rng) for name, x in toy.noise_maps().items()}
    offset = {16: torch.randn(toy.feature_shapes()[16], generator=rng)}
    more = {"noise": maps if "noise" in given else None, "features": None}
    more["features"] = offset if "features" in given else None
    result = render_result(toy, latent, **more)
    exact = make_preview("float32", "off")(toy, latent, **more)
    torch.testing.assert_close(exact, result, atol=1e-5, rtol=0)
    quick = make_preview("bf16", "off")(toy, latent, **more)
    assert quick.shape == result.shape and quick.dtype == torch.float32
    assert 0 < (quick - result).abs().mean() < 0.02 * result.std()


def test_a_preview_keeps_no_gradients_and_is_compiled_once(toy_images, pretended_compiler):
    compiled, calls = pretended_compiler
    own, said = build_toy(), []
    latent = toy_images[1][0].clone().requires_grad_(True)
    for _ in range(2):
        preview = make_preview("float32", "on", said.append)
        assert not preview(own, latent).requires_grad
    assert (len(compiled), len(calls), len(said)) == (1, 3, 1)  # one call warmed it up
    preview(own, latent, features={16: torch.zeros(own.feature_shapes()[16])})
    assert len(compiled) == 2

"""How a search renders: compiled once, by the generator's own weights."""

import copy
import sys

import pytest
import torch

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

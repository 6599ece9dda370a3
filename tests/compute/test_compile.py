"""torch.compile where it pays and works."""

import copy
import os
import sys
import warnings
from pathlib import Path

import pytest
import torch

from ganinv.compute import compile
from ganinv.paths import project_root
from helpers.checks import assert_same_bits
from helpers.searches import search
from helpers.toys import build_toy


def test_compile_without_a_compiler_warns_and_goes_on(toy, toy_images, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.warns(UserWarning, match=r"(?i)compiler"):
        run = search(toy, toy_images[0][0], compile="on")
    assert run.settings["compile"] == "off"
    assert_same_bits(run, search(toy, toy_images[0][0]))


def test_auto_without_a_compiler_says_nothing(toy, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile.resolve_compile("auto", toy, 1000) == "off"


def test_auto_compiles_long_searches_of_large_images_only(toy, monkeypatch):
    monkeypatch.setenv("CXX", sys.executable)
    large = copy.copy(toy)
    large.resolution = 1024
    assert compile.resolve_compile("auto", large, 300) == "on"
    assert compile.resolve_compile("auto", large, 5) == "off"
    assert compile.resolve_compile("auto", toy, 300) == "off"
    assert compile.resolve_compile("on", toy, 5) == "on"
    assert compile.resolve_compile("off", large, 300) == "off"


def compile_that_raises(function, **options):
    raise RuntimeError("torch.compile is not supported here")


def compile_that_raises_when_called(function, **options):
    def compiled(*args, **kwargs):
        raise RuntimeError("CppCompileError: g++ is broken\nwith many lines")

    return compiled


@pytest.mark.parametrize("broken", [compile_that_raises, compile_that_raises_when_called])
def test_compile_that_fails_warns_and_goes_on(toy, toy_images, monkeypatch, broken):
    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match="torch.compile failed"):
        run = search(build_toy(), toy_images[0][0], compile="on")
    assert_same_bits(run, search(toy, toy_images[0][0]))


def test_what_is_compiled_is_kept_beside_the_weights(monkeypatch):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    compile.keep_compiled()
    kept = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    assert kept == project_root() / "checkpoints" / "compiled"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "elsewhere")
    compile.keep_compiled()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "elsewhere"

"""Codes of several generators, and what does not fit one."""

from pathlib import Path

import pytest
import torch

from ganinv.editing.sources import Code, load_for, read_code
from ganinv.errors import BadArgumentsError
from ganinv.generators.load import load_generator
from helpers.latents import write_latent


@pytest.fixture
def latent(toy_images):
    return toy_images[1][0]


def test_a_latent_that_names_no_generator_goes_with_any(latent, toy_path):
    sha256 = load_generator(toy_path).sha256
    named = Code("a", latent, Path("a"), str(toy_path), sha256)
    same = Code("b", latent, Path("b"), str(toy_path))  # without the hash
    unknown = Code("c", latent, Path("c"))
    assert load_for([named, same, unknown]).sha256 == sha256
    other = Code("d", latent, Path("d"), "other")
    with pytest.raises(BadArgumentsError, match="different generators"):
        load_for([named, other])
    assert load_for([named, other], str(toy_path)).sha256 == sha256  # a name can be replaced
    hashed = Code("e", latent, Path("e"), "other", "0" * 64)
    for generator in (None, str(toy_path)):
        with pytest.raises(BadArgumentsError, match="different generators"):
            load_for([named, hashed], generator)


def test_noise_maps_of_another_generator_are_refused(latent, toy, toy_path):
    for noise in ({"x": torch.zeros(1, 1, 4, 4)}, dict(list(toy.noise_maps().items())[1:])):
        with pytest.raises(BadArgumentsError, match="noise maps in a do not fit"):
            load_for([Code("a", latent, Path("a"), noise=noise)], str(toy_path))


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_latents_of_other_floats_are_read_as_float32(latent, tmp_path, kind):
    path = Path(write_latent(tmp_path / "a.safetensors", latent.to(kind)))
    found = read_code("a", path).latent
    assert found.dtype == torch.float32 and torch.equal(found, latent.to(kind).float())

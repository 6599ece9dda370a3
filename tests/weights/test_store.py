import hashlib

import numpy as np
import pytest
import torch

import ganinv
from ganinv.errors import WeightsError
from ganinv.paths import shipped_weights_folder
from ganinv.weights.store import sha256_tensors, write_tensors


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3),
        torch.tensor(2.5, dtype=torch.float64),
        torch.empty(0, 4),
        torch.arange(12, dtype=torch.uint8).reshape(3, 4).T,
        torch.ones(3, requires_grad=True),
    ],
    ids=["a matrix", "one number", "no number", "turned", "with a gradient"],
)
def test_hashes_a_tensors_numbers_in_their_order(tensor):
    numbers = np.ascontiguousarray(tensor.detach().numpy())

    assert sha256_tensors(tensor) == hashlib.sha256(numbers.tobytes()).hexdigest()


def test_hashes_several_tensors_one_after_the_other():
    whole = torch.arange(8.0)

    assert sha256_tensors(*whole.split(4)) == sha256_tensors(whole)
    assert sha256_tensors(*whole.split(4)[::-1]) != sha256_tensors(whole)


@pytest.mark.parametrize("name", ["domain_encoder_ffhq", "directions_ffhq-student"])
def test_what_is_no_part_of_a_result_is_not_taken_for_one(name):
    with pytest.raises(WeightsError) as told:
        ganinv.load_generator(shipped_weights_folder() / f"{name}.safetensors")
    assert "holds no generator" in str(told.value) and "refinement" not in str(told.value)


@pytest.mark.parametrize("name", ["latent", "features.64", "weights.b4.conv"])
def test_a_part_of_a_result_says_what_it_is_for(tmp_path, name):
    path = tmp_path / "me.safetensors"
    described = {"ganinv": '{"generator": "g", "sha256": ""}'}
    write_tensors(path, {name: torch.zeros(2)}, described)
    with pytest.raises(WeightsError, match="a latent or a refinement, which `ganinv render` draws"):
        ganinv.load_generator(path)

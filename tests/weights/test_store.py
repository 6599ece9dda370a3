import hashlib

import numpy as np
import pytest
import torch

from ganinv.weights.store import sha256_tensors


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

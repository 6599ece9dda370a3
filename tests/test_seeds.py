"""The random numbers of an image."""

import pytest
import torch

from ganinv.seeds import image_rng


@pytest.mark.parametrize("image_id", ["", "ü", "\udcff", "x" * 500])
def test_any_image_id_seeds(image_id):
    draw = torch.randn(3, generator=image_rng(2**63 - 1, image_id))
    assert torch.equal(draw, torch.randn(3, generator=image_rng(2**63 - 1, image_id)))


def test_seed_and_image_do_not_run_together():
    """Seed 1 of image "1x" is not seed 11 of image "x"."""
    first = torch.randn(3, generator=image_rng(1, "1:x"))
    assert not torch.equal(first, torch.randn(3, generator=image_rng(11, "x")))

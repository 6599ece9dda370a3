"""config-f with random weights, which benchmarks time where nothing is fetched."""

import pytest
import torch

from ganinv.bench.generators import config_f


@pytest.mark.parametrize(
    ("resolution", "channels"),
    [(32, [512] * 4), (256, [512] * 5 + [256, 128]), (1024, [512] * 5 + [256, 128, 64, 32])],
)
def test_config_f_has_the_published_widths(resolution, channels):
    with torch.device("meta"):
        generator = config_f(resolution)
    assert [block.conv1.weight.shape[0] for block in generator.blocks] == channels
    assert (generator.resolution, generator.num_ws) == (resolution, 2 * len(channels))


def test_config_f_is_the_same_every_time_and_leaves_the_seed_alone():
    before = torch.get_rng_state()
    one, two = config_f(32), config_f(32)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))

"""rosinality's weights, written here from a network, give it back; others are refused.

The writers invert the names and factors of the format; they were written from the format, not
from the reader.
"""

import argparse
import math

import pytest
import torch

from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.stylegan2 import from_rosinality
from helpers.networks import (
    TAPS,
    assert_close,
    assert_same_network,
    network_of,
    random_stylegan2,
    random_ws,
    without,
)


def rosinality_weights(generator, *, noises=True):
    """The state dict of `g_ema`."""
    state, weights = generator.state_dict(), {"input.input": generator.const.detach()}
    for i in range(len(generator.mapping_network.fc)):
        weight = state[f"mapping_network.fc.{i}.weight"]
        weights[f"style.{i + 1}.weight"] = weight * math.sqrt(weight.shape[1]) / 0.01
        weights[f"style.{i + 1}.bias"] = state[f"mapping_network.fc.{i}.bias"] / 0.01

    def put(name, there, *, up=False):
        weight, style = state[f"{name}.weight"], state[f"{name}.style.weight"]
        weight = weight.transpose(0, 1) if up else weight
        weights[f"{there}.conv.weight"] = weight[None] * math.sqrt(weight[0].numel())
        weights[f"{there}.conv.modulation.weight"] = style * math.sqrt(style.shape[1])
        weights[f"{there}.conv.modulation.bias"] = state[f"{name}.style.bias"]
        if up:
            weights[f"{there}.conv.blur.kernel"] = torch.outer(TAPS, TAPS) / 16

    convs = [("blocks.0.conv1", "conv1")]
    for i in range(len(generator.blocks)):
        head = f"to_rgbs.{i - 1}" if i else "to_rgb1"
        put(f"blocks.{i}.to_rgb", head)
        weights[f"{head}.bias"] = state[f"blocks.{i}.to_rgb.bias"].reshape(1, -1, 1, 1)
        if i:
            weights[f"{head}.upsample.kernel"] = torch.outer(TAPS, TAPS) / 16
            convs += [(f"blocks.{i}.conv{k}", f"convs.{2 * i - 2 + k}") for k in (0, 1)]
    for number, (name, there) in enumerate(convs):
        put(name, there, up=name.endswith("conv0"))
        weights[f"{there}.activate.bias"] = state[f"{name}.bias"]
        weights[f"{there}.noise.weight"] = state[f"{name}.noise_strength"].reshape(1)
        if noises:
            weights[f"noises.noise_{number}"] = state[f"{name}.noise"]
    return weights


def test_rosinalitys_weights_give_the_network_back():
    generator = random_stylegan2(mapping=[20, 20])
    config, state = from_rosinality(rosinality_weights(generator), generator.w_avg)
    assert config == dict(architecture="skip", channels=[24, 16, 12, 8], z_dim=16, mapping=[20, 20])
    read = network_of(config, state)
    assert_same_network(read, generator)
    assert torch.equal(read.w_avg, generator.w_avg)


@pytest.mark.parametrize("images", [1, 4])
def test_rosinalitys_grey_and_transparent_images_are_read(images):
    generator = random_stylegan2(img_channels=images)
    config, state = from_rosinality(rosinality_weights(generator))
    assert config["img_channels"] == images
    assert_same_network(network_of(config, state), generator)


def test_rosinalitys_training_file_is_read(tmp_path):
    generator = random_stylegan2()
    weights = rosinality_weights(generator)
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save(
        dict(
            g={name: x + 1 for name, x in weights.items()},
            d=layer.state_dict(),
            g_ema=weights,
            g_optim=optimizer.state_dict(),
            d_optim=optimizer.state_dict(),
            args=argparse.Namespace(size=32, mixing=0.9, path="a"),
            ada_aug_p=0.1,
        ),
        tmp_path / "100000.pt",
    )
    checkpoint = read_checkpoint(tmp_path / "100000.pt")
    config, state = from_rosinality(checkpoint["g_ema"], checkpoint.get("latent_avg"))
    assert "w_avg" not in state
    assert_same_network(network_of(config, state), generator)


def test_rosinalitys_files_without_noise_always_get_the_same():
    generator = random_stylegan2()
    weights = rosinality_weights(generator, noises=False)
    torch.manual_seed(5)
    first = network_of(*from_rosinality(weights))
    torch.manual_seed(6)
    second = network_of(*from_rosinality(weights))
    maps = first.noise_maps()
    assert all(torch.equal(x, second.noise_maps()[name]) for name, x in maps.items())
    assert len({x.flatten()[0].item() for x in maps.values()}) == len(maps)  # each another
    largest = list(maps.values())[-1]
    assert largest.shape == (1, 1, 32, 32) and largest.std().item() == pytest.approx(1, rel=0.1)
    ws = random_ws(generator, 2)
    assert_close(first.synthesis(ws, "none"), generator.synthesis(ws, "none"), 1e-5)


ROSINALITY_DAMAGE = {
    "nothing": (lambda weights: {}, "rosinality"),
    "a discriminator": (lambda weights: {"convs.0.0.weight": torch.ones(1)}, "rosinality"),
    "no mapping": (without("style"), "rosinality"),
    "no first convolution": (without("conv1"), "rosinality"),
    "another filter": (
        lambda weights: weights | {"convs.2.conv.blur.kernel": torch.outer(TAPS, TAPS).triu()},
        "filter",
    ),
    "no filter": (without(r"convs.0.conv.blur"), r"convs\.0\.conv\.blur"),
    "no constant": (without("input"), "input"),
    "a weight missing": (without(r"convs.1.conv.weight"), r"convs\.1\.conv\.weight"),
    "a style missing": (without(r"convs.1.conv.modulation"), r"convs\.1\.conv\.modulation"),
    "a bias missing": (without(r"style.2.bias"), r"style\.2\.bias"),
    "a tall constant": (
        lambda weights: weights | {"input.input": torch.ones(1, 24, 8, 4)},
        "8x4.*square",
    ),
    "a block missing": (without(r"convs.2", "convs.3"), r"convs\.2"),
    "a head missing": (without(r"to_rgbs.1"), "to_rgbs"),
}


@pytest.mark.parametrize(("damage", "message"), ROSINALITY_DAMAGE.values(), ids=ROSINALITY_DAMAGE)
def test_other_weights_than_rosinalitys_are_refused(damage, message):
    weights = damage(rosinality_weights(random_stylegan2()))
    with pytest.raises(ValueError, match=message):
        from_rosinality(weights)

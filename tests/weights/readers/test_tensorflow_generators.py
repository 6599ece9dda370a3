"""NVIDIA's TensorFlow pickles, written here from a network, give it back; others are refused.

The writers invert the names and factors of the format; they were written from the format, not
from the reader.
"""

import math

import numpy as np
import pytest
import torch

from ganinv.weights.readers.checkpoints import Record
from ganinv.weights.readers.stylegan2 import from_tensorflow
from helpers.networks import (
    ARCHITECTURES,
    assert_same_network,
    distance,
    network_of,
    random_stylegan2,
    without,
)


def network(variables, components=(), **options):
    made = Record("Network")
    made.state = dict(
        version=4,
        static_kwargs=options,
        components=dict(components),
        variables=[[name, np.asarray(x, np.float32)] for name, x in variables.items()],
    )
    return made


def tensorflow_conv(state, name, place, *, flip=False):
    """A modulated convolution: kernels (k, k, c_in, c_out), styles one less than ours."""
    kernel = state[f"{name}.weight"]  # (c_out, c_in, k, k), or (c_in, c_out, k, k) where `flip`
    kernel = kernel.permute(2, 3, 0, 1).flip(0, 1) if flip else kernel.permute(2, 3, 1, 0)
    style = state[f"{name}.style.weight"]
    return {
        f"{place}/weight": kernel,
        f"{place}/bias": state[f"{name}.bias"],
        f"{place}/mod_weight": style.T * math.sqrt(style.shape[1]),
        f"{place}/mod_bias": state[f"{name}.style.bias"] - 1,
    }


def tensorflow_checkpoint(generator, *, mapping_rate=0.01, **options):
    """The whole file: [G, D, Gs]."""
    state, rate, synthesis, mapping = generator.state_dict(), mapping_rate, {}, {}
    synthesis["4x4/Const/const"] = state["const"]
    noises = iter(range(99))
    for i in range(len(generator.blocks)):
        place = f"{4 * 2**i}x{4 * 2**i}"
        for part, there in {"conv0": "Conv0_up", "conv1": "Conv1" if i else "Conv"}.items():
            name = f"blocks.{i}.{part}"
            if f"{name}.weight" in state:
                up = part == "conv0"
                synthesis |= tensorflow_conv(state, name, f"{place}/{there}", flip=up)
                synthesis[f"{place}/{there}/noise_strength"] = state[f"{name}.noise_strength"]
                synthesis[f"noise{next(noises)}"] = state[f"{name}.noise"]
        if f"blocks.{i}.to_rgb.weight" in state:
            synthesis |= tensorflow_conv(state, f"blocks.{i}.to_rgb", f"{place}/ToRGB")
            kernel = synthesis[f"{place}/ToRGB/weight"]  # (1, 1, C, 3)
            synthesis[f"{place}/ToRGB/weight"] = kernel * math.sqrt(kernel.shape[2])
        if f"blocks.{i}.skip.weight" in state:
            weight = state[f"blocks.{i}.skip.weight"].permute(2, 3, 1, 0)
            synthesis[f"{place}/Skip/weight"] = weight * math.sqrt(weight.shape[2])
    for i in range(len(generator.mapping_network.fc)):
        weight = state[f"mapping_network.fc.{i}.weight"]
        mapping[f"Dense{i}/weight"] = weight.T * math.sqrt(weight.shape[1]) / rate
        mapping[f"Dense{i}/bias"] = state[f"mapping_network.fc.{i}.bias"] / rate
    parts = dict(synthesis=network(synthesis), mapping=network(mapping))
    Gs = network({"lod": 0.0, "dlatent_avg": state["w_avg"]}, parts, **options)
    return [network({}), network({}), Gs]


@pytest.mark.parametrize("images", [1, 4])
def test_tensorflows_grey_and_transparent_images_are_read(images):
    generator = random_stylegan2(img_channels=images)
    config, state = from_tensorflow(tensorflow_checkpoint(generator))
    assert config["img_channels"] == images
    assert_same_network(network_of(config, state), generator)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tensorflow_pickles_give_the_network_back(architecture):
    generator = random_stylegan2(architecture=architecture)
    config, state = from_tensorflow(tensorflow_checkpoint(generator, label_size=0))
    assert config["architecture"] == architecture
    assert config["channels"] == [24, 16, 12, 8] and config["mapping"] == [18, 20]
    assert config["z_dim"] == 16
    read = network_of(config, state)
    assert_same_network(read, generator)
    assert torch.equal(read.w_avg, generator.w_avg)


def test_tensorflows_rate_of_the_mapping_network_is_heeded():
    generator = random_stylegan2()
    written = tensorflow_checkpoint(generator, mapping_rate=0.1, mapping_lrmul=0.1)
    assert_same_network(network_of(*from_tensorflow(written)), generator)
    other = network_of(*from_tensorflow(tensorflow_checkpoint(generator, mapping_rate=0.1)))
    assert distance(other.mapping(torch.ones(1, 16)), generator.mapping(torch.ones(1, 16))) > 0.5


def test_tensorflows_clamp_is_heeded():
    written = tensorflow_checkpoint(random_stylegan2(), conv_clamp=256, num_fp16_res=4)
    assert from_tensorflow(written)[0].get("conv_clamp") == 256


def test_tensorflow_generators_without_a_mean_of_w_are_read():
    written = tensorflow_checkpoint(random_stylegan2())
    written[-1].state["variables"] = []
    assert "w_avg" not in from_tensorflow(written)[1]


def _variable(part, change):
    """Change the variables of a component: `change` takes and returns a dict."""

    def damage(written):
        state = written[-1].state["components"][part].state
        state["variables"] = [list(pair) for pair in change(dict(state["variables"])).items()]

    return damage


def _top(**attributes):
    return lambda written: written[-1].state.update(attributes)


TENSORFLOW_DAMAGE = {
    "labels": (_top(static_kwargs=dict(label_size=3)), "labels"),
    "StyleGAN 1": (_top(version=3), "StyleGAN 1"),
    "a path": (lambda written: written.append("a path"), "no generator"),
    "nothing": (lambda written: written.clear(), "no generator"),
    "no components": (lambda written: written[-1].state.pop("components"), "no generator"),
    "no synthesis": (lambda written: written[-1].state["components"].pop("synthesis"), "synthesis"),
    "no mapping": (lambda written: written[-1].state["components"].pop("mapping"), "mapping"),
    "no mapping layers": (_variable("mapping", without("Dense")), "Dense0|mapping"),
    "a bias missing": (_variable("mapping", without("Dense1/bias")), "Dense1/bias"),
    "a weight missing": (_variable("synthesis", without("8x8/Conv0_up/weight")), "8x8/Conv0_up"),
    "a noise map missing": (_variable("synthesis", without("noise2")), "noise2"),
    "a style missing": (_variable("synthesis", without("8x8/Conv1/mod_w")), "8x8/Conv1/mod"),
    "no constant": (_variable("synthesis", without("4x4/Const")), "no StyleGAN2"),
    "no first convolution": (_variable("synthesis", without("4x4/Conv/")), "no StyleGAN2"),
    "wide images": (
        _variable("synthesis", lambda v: {name.replace("8x8", "8x16"): x for name, x in v.items()}),
        "8x16.*square",
    ),
    "a wide constant": (
        _variable("synthesis", lambda v: v | {"4x4/Const/const": torch.ones(1, 24, 4, 8)}),
        "4x8.*square",
    ),
    "a block missing": (_variable("synthesis", without("8x8/")), "8x8"),
    "a head missing": (_variable("synthesis", without("8x8/ToRGB")), "ToRGB"),
    "no heads": (_variable("synthesis", without(".*ToRGB")), "ToRGB"),
    "another filter": (_top(static_kwargs=dict(resample_kernel=[1, 2, 1])), "filter"),
}


@pytest.mark.parametrize(("damage", "message"), TENSORFLOW_DAMAGE.values(), ids=TENSORFLOW_DAMAGE)
def test_other_networks_of_tensorflow_are_refused(damage, message):
    written = tensorflow_checkpoint(random_stylegan2())
    damage(written)
    with pytest.raises(ValueError, match=message):
        from_tensorflow(written)

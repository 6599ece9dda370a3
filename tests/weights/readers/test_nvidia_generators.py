"""NVIDIA's PyTorch pickles, written here from a network, give it back; others are refused.

The writers invert the names and factors of the format; they were written from the format, not
from the reader.
"""

import math

import pytest
import torch

from ganinv.weights.readers.checkpoints import Record
from ganinv.weights.readers.nvidia_states import as_modules
from ganinv.weights.readers.stylegan2 import from_nvidia
from helpers.foreign_checkpoints import state_of
from helpers.networks import (
    ARCHITECTURES,
    TAPS,
    assert_close,
    assert_same_network,
    distance,
    network_of,
    random_stylegan2,
    random_ws,
)


def record(kind, tensors=(), modules=(), **attributes):
    """A module as NVIDIA's pickles hold it; the names of its buffers are known."""
    made, tensors = Record(kind), dict(tensors)
    buffers = {"w_avg", "noise_const", "resample_filter"} & tensors.keys()
    made.state = attributes | dict(
        _parameters={name: x for name, x in tensors.items() if name not in buffers},
        _buffers={name: tensors[name] for name in buffers},
        _modules=dict(modules),
    )
    return made


def nvidia_linear(state, name, rate=1.0):
    """A FullyConnectedLayer: its forward multiplies by the gains."""
    weight = state[f"{name}.weight"]
    gain = rate / math.sqrt(weight.shape[1])
    tensors = dict(weight=weight / gain, bias=state[f"{name}.bias"] / rate)
    return record("FullyConnectedLayer", tensors, weight_gain=gain, bias_gain=rate)


def nvidia_conv(state, name, *, up, clamp, noise):
    weight = state[f"{name}.weight"]
    maps = state[f"{name}.noise"][0, 0]
    tensors = dict(
        weight=weight.transpose(0, 1) if up else weight,
        bias=state[f"{name}.bias"],
        resample_filter=torch.outer(TAPS, TAPS) / 64,
    )
    if noise:
        tensors |= dict(noise_const=maps, noise_strength=state[f"{name}.noise_strength"])
    return record(
        "SynthesisLayer",
        tensors,
        dict(affine=nvidia_linear(state, f"{name}.style")),
        up=1 + up,
        resolution=len(maps),
        use_noise=noise,
        activation="lrelu",
        conv_clamp=clamp,
    )


def nvidia_checkpoint(generator, *, architecture="skip", clamp=None, noise=True):
    """The whole file: {"G": …, "G_ema": …}."""
    state, blocks = generator.state_dict(), {}
    for i, block in enumerate(generator.blocks):
        name, parts = f"blocks.{i}", {}
        for part in ("conv0", "conv1"):
            if f"{name}.{part}.weight" in state:
                parts[part] = nvidia_conv(
                    state, f"{name}.{part}", up=part == "conv0", clamp=clamp, noise=noise
                )
        if block.to_rgb is not None:
            weight = state[f"{name}.to_rgb.weight"]
            gain = 1 / math.sqrt(weight.shape[1])
            parts["torgb"] = record(
                "ToRGBLayer",
                dict(weight=weight / gain, bias=state[f"{name}.to_rgb.bias"]),
                dict(affine=nvidia_linear(state, f"{name}.to_rgb.style")),
                weight_gain=gain,
                conv_clamp=clamp,
            )
        if block.skip is not None:
            weight = state[f"{name}.skip.weight"]
            gain = 1 / math.sqrt(weight.shape[1])
            parts["skip"] = record(
                "Conv2dLayer", dict(weight=weight / gain), weight_gain=gain, up=2
            )
        tensors = dict(resample_filter=torch.outer(TAPS, TAPS) / 64)
        if i == 0:
            tensors["const"] = state["const"][0]
        blocks[f"b{4 * 2**i}"] = record("SynthesisBlock", tensors, parts, architecture=architecture)
    mapping = {
        f"fc{i}": nvidia_linear(state, f"mapping_network.fc.{i}", rate=0.01)
        for i in range(len(generator.mapping_network.fc))
    }
    if generator.c_dim:
        mapping["embed"] = nvidia_linear(state, "mapping_network.embed")
    parts = dict(
        synthesis=record("SynthesisNetwork", modules=blocks),
        mapping=record(
            "MappingNetwork", dict(w_avg=state["w_avg"]), mapping, z_dim=generator.z_dim
        ),
    )
    return dict(G=record("Generator"), G_ema=record("Generator", modules=parts))


def walk(made):
    """Every record within one, by its path."""
    yield "", made
    for name, child in made.state["_modules"].items():
        for path, inner in walk(child):
            yield f"{name}.{path}".rstrip("."), inner


def find(checkpoint, path):
    return dict(walk(checkpoint["G_ema"]))[path]


@pytest.mark.parametrize("clamp", [None, 256])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nvidias_pickles_give_the_network_back(architecture, clamp):
    generator = random_stylegan2(architecture=architecture)
    written = nvidia_checkpoint(generator, architecture=architecture, clamp=clamp)
    config, state = from_nvidia(written)
    assert config["architecture"] == architecture and config["c_dim"] == 0
    assert config["conv_clamp"] == clamp and isinstance(config["conv_clamp"], float | None)
    assert config["channels"] == [24, 16, 12, 8] and config["mapping"] == [18, 20]
    assert config["z_dim"] == 16
    read = network_of(config, state)
    assert_same_network(read, generator)
    assert torch.equal(read.w_avg, generator.w_avg)
    z = torch.randn(2, 16)
    assert_close(read.mapping(z), generator.mapping(z), 1e-5)


def test_nvidias_labels_are_read():
    generator = random_stylegan2(c_dim=3, c_embed=5)
    config, state = from_nvidia(nvidia_checkpoint(generator))
    assert (config["c_dim"], config["c_embed"], config["z_dim"]) == (3, 5, 16)
    read = network_of(config, state)
    assert_same_network(read, generator)
    z, c = torch.randn(3, 16), torch.eye(3)
    assert_close(read.mapping(z, c), generator.mapping(z, c), 1e-5)


@pytest.mark.parametrize("images", [1, 4])
def test_nvidias_grey_and_transparent_images_are_read(images):
    generator = random_stylegan2(img_channels=images)
    config, state = from_nvidia(nvidia_checkpoint(generator))
    assert config["img_channels"] == images
    assert_same_network(network_of(config, state), generator)


@pytest.mark.parametrize("labels", [{}, dict(c_dim=3, c_embed=5)], ids=["no labels", "labels"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_state_alone_gives_the_network_back(architecture, labels):
    generator = random_stylegan2(architecture=architecture, **labels)
    written = nvidia_checkpoint(generator, architecture=architecture)
    config, state = from_nvidia({"G_ema": as_modules(state_of(written["G_ema"]))})
    wanted, known = from_nvidia(written)
    assert config == wanted and state.keys() == known.keys()
    assert_same_network(network_of(config, state), generator)
    assert torch.equal(state["w_avg"], generator.w_avg)


def test_a_state_without_noise_gives_a_network_that_adds_none():
    written = nvidia_checkpoint(random_stylegan2(), noise=False)
    _, state = from_nvidia({"G_ema": as_modules(state_of(written["G_ema"]))})
    assert all(not x.any() for name, x in state.items() if "noise" in name)


@pytest.mark.parametrize("missing", ["mapping", "synthesis", "synthesis.b4.conv1.affine.weight"])
def test_a_state_that_lacks_something_is_refused_by_its_name(missing):
    state = state_of(nvidia_checkpoint(random_stylegan2())["G_ema"])
    left = {name: x for name, x in state.items() if not name.startswith(missing)}
    with pytest.raises(ValueError, match=missing.split(".")[-2 if "." in missing else 0]):
        from_nvidia({"G_ema": as_modules(left)})


def test_nvidias_layers_without_noise_add_none():
    generator = random_stylegan2()
    read = network_of(*from_nvidia(nvidia_checkpoint(generator, noise=False)))
    ws = random_ws(generator, 2)
    assert_close(read.synthesis(ws), generator.synthesis(ws, noise="none"), 1e-5)
    assert torch.equal(read.synthesis(ws, noise="random"), read.synthesis(ws))


def test_half_precision_becomes_float32():
    generator = random_stylegan2()
    written = nvidia_checkpoint(generator)
    for _, made in walk(written["G_ema"]):
        for kind in ("_parameters", "_buffers"):
            made.state[kind] = {name: x.half() for name, x in made.state[kind].items()}
    config, state = from_nvidia(written)
    assert all(tensor.dtype == torch.float32 for tensor in state.values())
    read, ws = network_of(config, state), random_ws(generator, 2)
    assert 0 < distance(read.synthesis(ws), generator.synthesis(ws)) < 0.01


def test_the_filter_may_be_stored_in_one_direction_and_with_any_gain():
    generator = random_stylegan2()
    for kernel in (TAPS, TAPS / 8, torch.outer(TAPS, TAPS) / 16):
        written = nvidia_checkpoint(generator)
        for _, made in walk(written["G_ema"]):
            if "resample_filter" in made.state["_buffers"]:
                made.state["_buffers"]["resample_filter"] = kernel
        assert_same_network(network_of(*from_nvidia(written)), generator)


def _stylegan3(written):
    layers = {f"L{i}_36_512": record("SynthesisLayer") for i in range(3)}
    modules = dict(input=record("SynthesisInput")) | layers
    find(written, "synthesis").state["_modules"] = modules


def _drop(path):
    place, _, name = path.rpartition(".")

    def drop(written):
        state = find(written, place).state
        owners = (state["_modules"], state["_parameters"], state["_buffers"], state)
        del next(owner for owner in owners if name in owner)[name]

    return drop


def _kernel(*taps):
    def change(written):
        find(written, "synthesis.b8").state["_buffers"]["resample_filter"] = torch.tensor(taps)

    return change


def _set(path, **attributes):
    return lambda written: find(written, path).state.update(attributes)


NVIDIA_DAMAGE = {
    "StyleGAN3": (_stylegan3, r"no StyleGAN2 \(it has input, L0_36_512.*StyleGAN3"),
    "no G_ema": (lambda written: written.pop("G_ema"), "no G_ema"),
    "G_ema of text": (lambda written: written.update(G_ema="a path"), "no G_ema"),
    "no synthesis": (_drop("synthesis"), "no synthesis"),
    "no mapping": (_drop("mapping"), "no mapping"),
    "no mapping layers": (_set("mapping", _modules={}), "no layers"),
    "no z": (_set("mapping", z_dim=0), "takes no z"),
    "another filter": (_kernel(1.0, 2.0, 1.0), "filter"),
    "another filter of four": (_kernel(1.0, 2.0, 2.0, 1.0), "filter"),
    "no filter": (_drop("synthesis.b8.resample_filter"), "no resample_filter"),
    "a block missing": (_drop("synthesis.b8"), "double from 4"),
    "a convolution missing at the end": (_drop("synthesis.b32.conv1"), "no conv1"),
    "a convolution missing": (_drop("synthesis.b8.conv1"), "conv1"),
    "an up-sampling missing": (_drop("synthesis.b8.conv0"), "conv0"),
    "a head missing": (_drop("synthesis.b8.torgb"), "torgb"),
    "a style missing": (_drop("synthesis.b8.conv1.affine"), "no affine"),
    "a weight missing": (_drop("synthesis.b8.conv1.weight"), "no weight"),
    "a bias missing": (_drop("synthesis.b8.torgb.bias"), "no bias"),
    "a noise map missing": (_drop("synthesis.b8.conv0.noise_const"), "no noise_const"),
    "a gain missing": (_drop("mapping.fc0.weight_gain"), "weight_gain"),
    "a clamp missing": (_drop("synthesis.b32.conv1.conv_clamp"), "conv_clamp"),
    "the constant missing": (_drop("synthesis.b4.const"), "const"),
    "another activation": (_set("synthesis.b8.conv1", activation="relu"), "conv1"),
    "another stride": (_set("synthesis.b8.conv1", up=2), "conv1"),
    "another mapping": (_set("mapping.fc0", activation="relu"), "mapping"),
    "images of two channels": (
        lambda written: (
            find(written, "synthesis.b32.torgb")
            .state["_parameters"]
            .update(weight=torch.ones(2, 8, 1, 1), bias=torch.ones(2))
        ),
        "2 channels",
    ),
    "a wide constant": (
        lambda written: (
            find(written, "synthesis.b4").state["_parameters"].update(const=torch.ones(24, 4, 8))
        ),
        "4x8.*square",
    ),
    "a wide noise map": (
        lambda written: (
            find(written, "synthesis.b8.conv1")
            .state["_buffers"]
            .update(noise_const=torch.ones(8, 16))
        ),
        "8x16.*square",
    ),
}


@pytest.mark.parametrize(("damage", "message"), NVIDIA_DAMAGE.values(), ids=NVIDIA_DAMAGE)
def test_other_networks_of_nvidias_are_refused(damage, message):
    written = nvidia_checkpoint(random_stylegan2())
    damage(written)
    with pytest.raises(ValueError, match=message):
        from_nvidia(written)

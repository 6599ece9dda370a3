"""Readers of StyleGAN2 checkpoints: published files, and files written here from our own networks.

The writers below invert the names and factors of each format; they were written from the formats,
not from the readers.
"""

import argparse
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from ganinv.generators.base import freeze
from ganinv.generators.stylegan2 import StyleGAN2
from ganinv.weights.readers.checkpoints import Record, read_checkpoint
from ganinv.weights.readers.stylegan2 import from_nvidia, from_rosinality, from_tensorflow
from helpers.networks import ARCHITECTURES, assert_close, distance, random_stylegan2, random_ws

DATA = Path(__file__).parent / "data"
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0])


def load(config, state):
    """The frozen generator of what a reader returned: nothing missing but the measures of w."""
    generator = StyleGAN2(**config)
    missing, unexpected = generator.load_state_dict(state, strict=False)
    assert set(missing) <= {"w_avg", "w_std"} and not unexpected
    return freeze(generator)


def assert_same_network(got, wanted):
    """The same numbers under the same names, up to rounding, and so the same images."""
    ours, theirs = got.state_dict(), wanted.state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"w_avg", "w_std"}:
        assert_close(ours[name], theirs[name], 1e-6)
    ws = random_ws(wanted, 2)
    assert_close(got.synthesis(ws), wanted.synthesis(ws), 1e-5)


# --- published code -----------------------------------------------------------------------------

READ = {
    "nvidia": lambda: from_nvidia(read_checkpoint(DATA / "nvidia_64.pkl")),
    "tensorflow": lambda: from_tensorflow(read_checkpoint(DATA / "tf_64.pkl")),
}


@pytest.fixture(scope="module", params=READ)
def nvidia(request):
    return load(*READ[request.param]())


def vectors(name):
    with np.load(DATA / name) as file:
        return {key: torch.from_numpy(file[key]) for key in file}


@pytest.fixture(scope="module")
def outputs():
    return vectors("nvidia_64_outputs.npz")


def test_mapping_and_truncation_match_nvidia(nvidia, outputs):
    assert_close(nvidia.mapping(outputs["z"]), outputs["ws"])
    assert_close(nvidia.mapping(outputs["z"], truncation=0.6), outputs["ws_psi06"])


def test_images_match_nvidia(nvidia, outputs):
    assert_close(nvidia.synthesis(outputs["ws"]), outputs["img_w_const"])
    assert_close(nvidia.synthesis(outputs["wplus"]), outputs["img_wplus_const"])
    assert_close(nvidia.synthesis(outputs["wplus"], noise="none"), outputs["img_wplus_none"])
    assert distance(outputs["img_wplus_none"], outputs["img_wplus_const"]) > 0.01


def test_gradient_matches_nvidia(nvidia, outputs):
    ws = outputs["wplus"].clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(nvidia.synthesis(ws).square().mean(), ws)
    assert_close(gradient, outputs["grad_wplus_of_mean_square_img_const"])


def test_nvidias_two_formats_give_the_same_network():
    (torch_config, torch_state), (tf_config, tf_state) = (read() for read in READ.values())
    assert StyleGAN2(**torch_config).state_dict().keys() == torch_state.keys() | {"w_std"}
    assert torch_state.keys() == tf_state.keys()
    for name, tensor in torch_state.items():
        assert torch.equal(tf_state[name], tensor)
    for option in ("channels", "z_dim", "mapping", "architecture"):
        assert torch_config[option] == tf_config[option]


def test_images_match_rosinality():
    checkpoint = read_checkpoint(DATA / "rosinality_64.pt")
    outputs = vectors("rosinality_64_outputs.npz")
    generator = load(*from_rosinality(checkpoint["g_ema"], checkpoint["latent_avg"]))
    assert torch.equal(generator.w_avg, checkpoint["latent_avg"])
    assert_close(generator.mapping(outputs["z"]), generator.broadcast(outputs["w"]))
    assert_close(generator.synthesis(generator.broadcast(outputs["w"])), outputs["img_w_const"])
    assert_close(generator.synthesis(outputs["wplus"]), outputs["img_wplus_const"])


def test_reading_warns_of_nothing():
    torch.set_warn_always(True)  # else what warns once per process may have done so
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for read in READ.values():
                read()
    finally:
        torch.set_warn_always(False)


# --- NVIDIA's PyTorch pickles -------------------------------------------------------------------


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
    read = load(config, state)
    assert_same_network(read, generator)
    assert torch.equal(read.w_avg, generator.w_avg)
    z = torch.randn(2, 16)
    assert_close(read.mapping(z), generator.mapping(z), 1e-5)


def test_nvidias_labels_are_read():
    generator = random_stylegan2(c_dim=3, c_embed=5)
    config, state = from_nvidia(nvidia_checkpoint(generator))
    assert (config["c_dim"], config["c_embed"], config["z_dim"]) == (3, 5, 16)
    read = load(config, state)
    assert_same_network(read, generator)
    z, c = torch.randn(3, 16), torch.eye(3)
    assert_close(read.mapping(z, c), generator.mapping(z, c), 1e-5)


def test_nvidias_layers_without_noise_add_none():
    generator = random_stylegan2()
    read = load(*from_nvidia(nvidia_checkpoint(generator, noise=False)))
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
    read, ws = load(config, state), random_ws(generator, 2)
    assert 0 < distance(read.synthesis(ws), generator.synthesis(ws)) < 0.01


def test_the_filter_may_be_stored_in_one_direction_and_with_any_gain():
    generator = random_stylegan2()
    for kernel in (TAPS, TAPS / 8, torch.outer(TAPS, TAPS) / 16):
        written = nvidia_checkpoint(generator)
        for _, made in walk(written["G_ema"]):
            if "resample_filter" in made.state["_buffers"]:
                made.state["_buffers"]["resample_filter"] = kernel
        assert_same_network(load(*from_nvidia(written)), generator)


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
    "grey images": (
        lambda written: (
            find(written, "synthesis.b32.torgb")
            .state["_parameters"]
            .update(weight=torch.ones(1, 8, 1, 1), bias=torch.ones(1))
        ),
        "channels",
    ),
}


@pytest.mark.parametrize(("damage", "message"), NVIDIA_DAMAGE.values(), ids=NVIDIA_DAMAGE)
def test_other_networks_of_nvidias_are_refused(damage, message):
    written = nvidia_checkpoint(random_stylegan2())
    damage(written)
    with pytest.raises(ValueError, match=message):
        from_nvidia(written)


# --- NVIDIA's TensorFlow pickles ----------------------------------------------------------------


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


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_tensorflow_pickles_give_the_network_back(architecture):
    generator = random_stylegan2(architecture=architecture)
    config, state = from_tensorflow(tensorflow_checkpoint(generator, label_size=0))
    assert config["architecture"] == architecture
    assert config["channels"] == [24, 16, 12, 8] and config["mapping"] == [18, 20]
    assert config["z_dim"] == 16
    read = load(config, state)
    assert_same_network(read, generator)
    assert torch.equal(read.w_avg, generator.w_avg)


def test_tensorflows_rate_of_the_mapping_network_is_heeded():
    generator = random_stylegan2()
    written = tensorflow_checkpoint(generator, mapping_rate=0.1, mapping_lrmul=0.1)
    assert_same_network(load(*from_tensorflow(written)), generator)
    other = load(*from_tensorflow(tensorflow_checkpoint(generator, mapping_rate=0.1)))
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


def _without(*patterns):
    def keep(name):
        return not any(re.match(pattern, name) for pattern in patterns)

    return lambda variables: {name: x for name, x in variables.items() if keep(name)}


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
    "no mapping layers": (_variable("mapping", _without("Dense")), "Dense0|mapping"),
    "a bias missing": (_variable("mapping", _without("Dense1/bias")), "Dense1/bias"),
    "a weight missing": (_variable("synthesis", _without("8x8/Conv0_up/weight")), "8x8/Conv0_up"),
    "a noise map missing": (_variable("synthesis", _without("noise2")), "noise2"),
    "a style missing": (_variable("synthesis", _without("8x8/Conv1/mod_w")), "8x8/Conv1/mod"),
    "no constant": (_variable("synthesis", _without("4x4/Const")), "no StyleGAN2"),
    "no first convolution": (_variable("synthesis", _without("4x4/Conv/")), "no StyleGAN2"),
    "a block missing": (_variable("synthesis", _without("8x8/")), "8x8"),
    "a head missing": (_variable("synthesis", _without("8x8/ToRGB")), "ToRGB"),
    "no heads": (_variable("synthesis", _without(".*ToRGB")), "ToRGB"),
    "another filter": (_top(static_kwargs=dict(resample_kernel=[1, 2, 1])), "filter"),
}


@pytest.mark.parametrize(("damage", "message"), TENSORFLOW_DAMAGE.values(), ids=TENSORFLOW_DAMAGE)
def test_other_networks_of_tensorflow_are_refused(damage, message):
    written = tensorflow_checkpoint(random_stylegan2())
    damage(written)
    with pytest.raises(ValueError, match=message):
        from_tensorflow(written)


# --- rosinality's code --------------------------------------------------------------------------


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
        weights[f"{head}.bias"] = state[f"blocks.{i}.to_rgb.bias"].reshape(1, 3, 1, 1)
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
    read = load(config, state)
    assert_same_network(read, generator)
    assert torch.equal(read.w_avg, generator.w_avg)


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
    assert_same_network(load(config, state), generator)


def test_rosinalitys_files_without_noise_always_get_the_same():
    generator = random_stylegan2()
    weights = rosinality_weights(generator, noises=False)
    torch.manual_seed(5)
    first = load(*from_rosinality(weights))
    torch.manual_seed(6)
    second = load(*from_rosinality(weights))
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
    "no mapping": (_without("style"), "rosinality"),
    "no first convolution": (_without("conv1"), "rosinality"),
    "another filter": (
        lambda weights: weights | {"convs.2.conv.blur.kernel": torch.outer(TAPS, TAPS).triu()},
        "filter",
    ),
    "no filter": (_without(r"convs.0.conv.blur"), r"convs\.0\.conv\.blur"),
    "no constant": (_without("input"), "input"),
    "a weight missing": (_without(r"convs.1.conv.weight"), r"convs\.1\.conv\.weight"),
    "a style missing": (_without(r"convs.1.conv.modulation"), r"convs\.1\.conv\.modulation"),
    "a bias missing": (_without(r"style.2.bias"), r"style\.2\.bias"),
    "a block missing": (_without(r"convs.2", "convs.3"), r"convs\.2"),
    "a head missing": (_without(r"to_rgbs.1"), "to_rgbs"),
}


@pytest.mark.parametrize(("damage", "message"), ROSINALITY_DAMAGE.values(), ids=ROSINALITY_DAMAGE)
def test_other_weights_than_rosinalitys_are_refused(damage, message):
    weights = damage(rosinality_weights(random_stylegan2()))
    with pytest.raises(ValueError, match=message):
        from_rosinality(weights)

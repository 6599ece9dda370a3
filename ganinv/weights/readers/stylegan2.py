"""Generators out of StyleGAN2 checkpoints, each format to the names of `generators.stylegan2`.

A reader takes what `read_checkpoint` gave and returns (config, state): the arguments of
`StyleGAN2` and its tensors. Constant factors are multiplied in here: the equalized learning rate
of the layers (arXiv 1710.10196, 4.1) and the mapping network's own of 0.01. Every width is read
off the tensors. A checkpoint that is no such network raises ValueError.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ganinv.weights.readers.stand_ins import Record
from ganinv.weights.readers.states import unwrapped

MAPPING_RATE = 0.01  # the mapping network's learning rate beside the others', in all formats
Found = tuple[dict[str, Any], dict[str, torch.Tensor]]  # config and state
IMAGES = {1: "grey", 3: "colour", 4: "colour and alpha"}  # by their channels
TAPS = [1.0, 3.0, 3.0, 1.0]  # of every up-sampling filter, in both directions


class _Named(dict):
    """Tensors by name; one that is missing is said."""

    def __missing__(self, name):
        raise ValueError(f"the checkpoint lacks {name}")


# --- NVIDIA's PyTorch code: stylegan2-ada-pytorch, and the StyleGAN2 configs of stylegan3 ---------


def from_nvidia(checkpoint: Mapping[str, Any]) -> Found:
    """Read the generator `G_ema` of NVIDIA's PyTorch pickles."""
    generator = checkpoint.get("G_ema")
    if not isinstance(generator, Record):
        raise ValueError("the checkpoint holds no G_ema")
    mapping, synthesis = (_child(generator, name) for name in ("mapping", "synthesis"))
    if "b4" not in _children(synthesis):
        found = ", ".join(_children(synthesis))[:80]
        raise ValueError(
            f"its synthesis network is no StyleGAN2 (it has {found}); StyleGAN3's own generators "
            "are not read"
        )
    state = {"w_avg": _tensor(mapping, "w_avg")} if "w_avg" in mapping.state["_buffers"] else {}
    c_embed = _nvidia_mapping(state, mapping)
    blocks = [name for name in _children(synthesis) if name[:1] == "b" and name[1:].isdigit()]
    blocks.sort(key=lambda name: int(name[1:]))
    if blocks != [f"b{4 * 2**i}" for i in range(len(blocks))]:
        raise ValueError(f"its blocks do not double from 4: {', '.join(blocks)}")
    last = _child(synthesis, blocks[-1])
    architecture, clamp = last.state.get("architecture"), _clamp(_child(last, "conv1"))
    for i, name in enumerate(blocks):
        head = architecture == "skip" or name == blocks[-1]
        residual = architecture == "resnet" and i > 0
        _nvidia_block(state, i, _child(synthesis, name), head=head, residual=residual)
    config = dict(
        architecture=architecture,
        conv_clamp=clamp,
        c_dim=state["mapping_network.embed.weight"].shape[1] if c_embed else 0,
        c_embed=c_embed,
    )
    return config | _widths(state, c_embed), state


def _children(record):
    return record.state.get("_modules", {})


def _child(record, name):
    child = unwrapped(_children(record).get(name))
    if not isinstance(child, Record):
        raise ValueError(f"its {record.kind} has no {name}")
    return child


def _tensor(record, name):
    for kind in ("_parameters", "_buffers"):
        value = record.state.get(kind, {}).get(name)
        if isinstance(value, torch.Tensor):
            return _as_float(name, value)
    raise ValueError(f"its {record.kind} has no {name}")


def _as_float(name, tensor):
    """The tensor in float32; whole numbers are no weights."""
    if not tensor.is_floating_point():
        raise ValueError(f"its {name} is {tensor.dtype}, not numbers with fractions")
    return tensor.float()


def _number(record, name):
    value = record.state.get(name)
    if type(value) not in (int, float):
        raise ValueError(f"its {record.kind} has no {name}")
    return value


def _clamp(record):
    """The limit of a layer's activations, or None."""
    if record.state.get("conv_clamp", "missing") is None:
        return None
    return float(_number(record, "conv_clamp"))


def _linear(state, name, record):
    state[f"{name}.weight"] = _tensor(record, "weight") * _number(record, "weight_gain")
    state[f"{name}.bias"] = _tensor(record, "bias") * _number(record, "bias_gain")


def _nvidia_mapping(state, mapping):
    """Read the mapping network; return the width that labels are embedded to, 0 without labels."""
    layers = _count(_children(mapping), "fc{}")
    if not layers or mapping.state.get("z_dim") == 0:
        raise ValueError("its mapping network has no layers, or takes no z")
    for i in range(layers):
        layer = _child(mapping, f"fc{i}")
        if layer.state.get("activation", "lrelu") != "lrelu":
            raise ValueError(f"layer fc{i} of its mapping network is not one of StyleGAN2's")
        _linear(state, f"mapping_network.fc.{i}", layer)
    if "embed" not in _children(mapping):
        return 0
    _linear(state, "mapping_network.embed", _child(mapping, "embed"))
    return state["mapping_network.embed.weight"].shape[0]


def _nvidia_block(state, i, block, *, head, residual):
    if i == 0:
        _put_const(state, _tensor(block, "const")[None])
    else:
        _nvidia_conv(state, f"blocks.{i}.conv0", _child(block, "conv0"), up=True)
    _nvidia_conv(state, f"blocks.{i}.conv1", _child(block, "conv1"), up=False)
    if residual:
        skip = _child(block, "skip")
        gain = _number(skip, "weight_gain")
        state[f"blocks.{i}.skip.weight"] = _tensor(skip, "weight") * gain
    if head:
        _nvidia_head(state, f"blocks.{i}.to_rgb", _child(block, "torgb"))
    _check_blur(_tensor(block, "resample_filter"))


def _nvidia_head(state, name, head):
    _linear(state, f"{name}.style", _child(head, "affine"))
    weight = _tensor(head, "weight") * _number(head, "weight_gain")
    _put_head(state, name, weight, _tensor(head, "bias"))


def _nvidia_conv(state, name, conv, *, up):
    if conv.state.get("activation", "lrelu") != "lrelu" or conv.state.get("up") != 1 + up:
        raise ValueError(f"its layer {name} is not one of StyleGAN2's")
    size = _number(conv, "resolution")
    noisy = conv.state.get("use_noise", True)
    _linear(state, f"{name}.style", _child(conv, "affine"))
    _put_conv(
        state,
        name,
        _tensor(conv, "weight"),
        _tensor(conv, "bias"),
        up=up,
        strength=_tensor(conv, "noise_strength") if noisy else torch.zeros(()),
        noise=_tensor(conv, "noise_const") if noisy else torch.zeros(size, size),
    )


def _put_const(state, const):
    """The first block's input, (1, C, 4, 4)."""
    if const.ndim != 4 or const.shape[2:] != (4, 4):
        _refuse_shape(*const.shape[-2:])
    state["const"] = const


def _refuse_shape(height, width):
    raise ValueError(
        f"it begins with {height}x{width} features, not 4x4: generators are read whose images are "
        "square, of 4, 8, 16, … pixels a side"
    )


def _put_conv(state, name, weight, bias, *, up, strength, noise):
    """A styled convolution: weight (c_out, c_in, 3, 3), noise (size, size)."""
    if noise.shape[-2] != noise.shape[-1]:
        _refuse_shape(*noise.shape[-2:])
    state[f"{name}.weight"] = weight.transpose(0, 1) if up else weight
    state[f"{name}.bias"] = bias.flatten()
    state[f"{name}.noise_strength"] = strength.reshape(())
    state[f"{name}.noise"] = noise.reshape(1, 1, *noise.shape[-2:])


def _put_head(state, name, weight, bias):
    """An image head: weight (1, 3 or 4, C, 1, 1)."""
    if weight.shape[0] not in IMAGES:
        read = ", ".join(f"{count} ({what})" for count, what in IMAGES.items())
        raise ValueError(f"its images have {weight.shape[0]} channels; read are {read}")
    state[f"{name}.weight"], state[f"{name}.bias"] = weight, bias.flatten()


def _check_blur(kernel):
    """Raise unless an up-sampling filter is the known one, whatever its gain."""
    kernel, taps = kernel.float(), torch.tensor(TAPS)
    wanted = taps if kernel.ndim == 1 else torch.outer(taps, taps)
    if kernel.shape == wanted.shape:
        kernel = kernel * (wanted.sum() / kernel.sum())
        if torch.allclose(kernel, wanted, atol=1e-4):
            return
    raise ValueError("its up-sampling filter is not StyleGAN2's [1, 3, 3, 1]")


def _count(names, pattern):
    """How many of pattern.format(0), pattern.format(1), … are among the names."""
    return next(i for i in range(len(names) + 1) if pattern.format(i) not in names)


def _widths(state, c_embed):
    """The arguments of `StyleGAN2` that follow from the tensors' shapes."""
    layers = _count(state, "mapping_network.fc.{}.weight")
    weights = [state[f"mapping_network.fc.{i}.weight"] for i in range(layers)]
    blocks = _count(state, "blocks.{}.conv1.weight")
    images = state[f"blocks.{blocks - 1}.to_rgb.weight"].shape[0]
    return dict(
        channels=[state[f"blocks.{i}.conv1.weight"].shape[0] for i in range(blocks)],
        z_dim=weights[0].shape[1] - c_embed,
        mapping=[weight.shape[0] for weight in weights],
    ) | ({} if images == 3 else dict(img_channels=images))


# --- NVIDIA's TensorFlow code, read without TensorFlow --------------------------------------------


def from_tensorflow(networks: Sequence[Any]) -> Found:
    """Read the generator `Gs`, the last of the three networks of a TensorFlow-era pickle."""
    Gs = networks[-1] if networks else None
    if not isinstance(Gs, Record) or "components" not in Gs.state:
        raise ValueError("the checkpoint's last network, Gs, is no generator")
    if Gs.state.get("version", 0) < 4:
        raise ValueError("the checkpoint is of StyleGAN 1 or older")
    options = Gs.state.get("static_kwargs", {})
    if options.get("label_size", 0):
        raise ValueError("generators with labels are not read from TensorFlow-era pickles")
    _check_blur(torch.tensor(options.get("resample_kernel") or TAPS))
    parts, top = Gs.state["components"], _variables(Gs)
    for name in ("mapping", "synthesis"):
        if not isinstance(parts.get(name), Record):
            raise ValueError(f"its Gs has no {name} network")
    mapping, synthesis = _variables(parts["mapping"]), _variables(parts["synthesis"])
    for name in synthesis:
        if (place := re.match(r"(\d+)x(\d+)/", name)) and place[1] != place[2]:
            _refuse_shape(int(place[1]), int(place[2]))
    if "4x4/Const/const" not in synthesis or "4x4/Conv/mod_weight" not in synthesis:
        raise ValueError("its synthesis network is no StyleGAN2")
    state = {"w_avg": top["dlatent_avg"]} if "dlatent_avg" in top else {}
    rate = options.get("mapping_lrmul", MAPPING_RATE)
    for i in range(max(1, _count(mapping, "Dense{}/weight"))):
        weight = mapping[f"Dense{i}/weight"].T
        state[f"mapping_network.fc.{i}.weight"] = weight * (rate / math.sqrt(weight.shape[1]))
        state[f"mapping_network.fc.{i}.bias"] = mapping[f"Dense{i}/bias"] * rate
    architecture = _tensorflow_synthesis(state, synthesis)
    clamp = options.get("conv_clamp")
    config = dict(architecture=architecture, conv_clamp=None if clamp is None else float(clamp))
    return config | _widths(state, 0), state


def _variables(network):
    """A network's variables by name, as float32 tensors."""
    pairs = network.state.get("variables", [])
    return _Named({name: _as_float(name, torch.tensor(value)) for name, value in pairs})


def _tensorflow_synthesis(state, variables):
    """Read the synthesis network; return its architecture, which its variables tell."""
    _put_const(state, variables["4x4/Const/const"])
    places = {name.partition("/")[0] for name in variables if re.match(r"\d+x\d+/", name)}
    largest = max(int(place.partition("x")[0]) for place in places)
    places = [f"{4 * 2**i}x{4 * 2**i}" for i in range(largest.bit_length() - 2)]
    residual = any(f"{place}/Skip/weight" in variables for place in places)
    skip = not residual and f"{places[0]}/ToRGB/weight" in variables
    _tensorflow_conv(state, "blocks.0.conv1", variables, "4x4/Conv", variables["noise0"])
    for i, place in enumerate(places):
        for k, part in enumerate(("Conv0_up", "Conv1") if i else ()):
            noise = variables[f"noise{2 * i - 1 + k}"]
            _tensorflow_conv(state, f"blocks.{i}.conv{k}", variables, f"{place}/{part}", noise)
        if residual and i:
            weight = variables[f"{place}/Skip/weight"].permute(3, 2, 0, 1)
            state[f"blocks.{i}.skip.weight"] = weight * (1 / math.sqrt(weight.shape[1]))
        if skip or place == places[-1]:
            _tensorflow_head(state, f"blocks.{i}.to_rgb", variables, f"{place}/ToRGB")
    return "skip" if skip else "resnet" if residual else "orig"


def _tensorflow_style(state, name, variables, source):
    weight = variables[f"{source}/mod_weight"].T
    state[f"{name}.style.weight"] = weight * (1 / math.sqrt(weight.shape[1]))
    state[f"{name}.style.bias"] = variables[f"{source}/mod_bias"] + 1


def _tensorflow_conv(state, name, variables, source, noise):
    up = source.endswith("_up")
    weight = variables[f"{source}/weight"]  # (3, 3, c_in, c_out)
    weight = (weight.flip(0, 1) if up else weight).permute(3, 2, 0, 1)
    _tensorflow_style(state, name, variables, source)
    strength = variables[f"{source}/noise_strength"]
    _put_conv(
        state, name, weight, variables[f"{source}/bias"], up=up, strength=strength, noise=noise
    )


def _tensorflow_head(state, name, variables, source):
    _tensorflow_style(state, name, variables, source)
    weight = variables[f"{source}/weight"].permute(3, 2, 0, 1)  # (3, C, 1, 1)
    weight = weight * (1 / math.sqrt(weight.shape[1]))
    _put_head(state, name, weight, variables[f"{source}/bias"])


# --- rosinality's stylegan2-pytorch, and the decoders of e4e and pSp ------------------------------


def from_rosinality(
    weights: Mapping[str, torch.Tensor], latent_avg: torch.Tensor | None = None
) -> Found:
    """Read a state dict of rosinality's code; `latent_avg` (w_dim,) where it is known."""
    if "conv1.conv.modulation.weight" not in weights or "style.1.weight" not in weights:
        raise ValueError("the state is no StyleGAN2 generator in rosinality's names")
    weights = _Named({name: _as_float(name, value) for name, value in weights.items()})
    state = {} if latent_avg is None else {"w_avg": latent_avg.float().flatten()}
    i = 0
    while f"style.{i + 1}.weight" in weights:
        weight = weights[f"style.{i + 1}.weight"]
        state[f"mapping_network.fc.{i}.weight"] = weight * (
            MAPPING_RATE / math.sqrt(weight.shape[1])
        )
        state[f"mapping_network.fc.{i}.bias"] = weights[f"style.{i + 1}.bias"] * MAPPING_RATE
        i += 1
    _put_const(state, weights["input.input"])
    convs = {int(name.split(".")[1]) for name in weights if re.match(r"convs\.\d+\.", name)}
    blocks = 1 + (len(convs) + 1) // 2
    layers = {"conv1": "blocks.0.conv1"} | {
        f"convs.{2 * i + k}": f"blocks.{i + 1}.conv{k}" for i in range(blocks - 1) for k in (0, 1)
    }
    for number, (source, name) in enumerate(layers.items()):
        _rosinality_conv(state, name, weights, source, number)
    heads = ["to_rgb1", *(f"to_rgbs.{i}" for i in range(blocks - 1))]
    for i, source in enumerate(heads):
        _rosinality_style(state, f"blocks.{i}.to_rgb", weights, source)
        weight = weights[f"{source}.conv.weight"][0]  # (3, C, 1, 1)
        weight = weight * (1 / math.sqrt(weight.shape[1]))
        _put_head(state, f"blocks.{i}.to_rgb", weight, weights[f"{source}.bias"])
    return dict(architecture="skip") | _widths(state, 0), state


def _rosinality_style(state, name, weights, source):
    weight = weights[f"{source}.conv.modulation.weight"]
    state[f"{name}.style.weight"] = weight * (1 / math.sqrt(weight.shape[1]))
    state[f"{name}.style.bias"] = weights[f"{source}.conv.modulation.bias"]


def _rosinality_conv(state, name, weights, source, number):
    up = name.endswith("conv0")
    if up:
        _check_blur(weights[f"{source}.conv.blur.kernel"])
    weight = weights[f"{source}.conv.weight"][0]  # (c_out, c_in, 3, 3)
    weight = weight * (1 / math.sqrt(weight[0].numel()))
    _rosinality_style(state, name, weights, source)
    size = 4 * 2 ** ((number + 1) // 2)
    noise = weights.get(f"noises.noise_{number}")
    if noise is None:  # files of the code's first weeks have none: drawn, the same ones always
        noise = torch.randn(size, size, generator=torch.Generator().manual_seed(number))
    _put_conv(
        state,
        name,
        weight,
        weights[f"{source}.activate.bias"],
        up=up,
        strength=weights[f"{source}.noise.weight"],
        noise=noise,
    )

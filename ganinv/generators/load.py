"""Generators: latent -> image. `load_generator` finds them by name or path."""

from ganinv.errors import WeightsError
from ganinv.generators.base import freeze, measure_w
from ganinv.generators.dcgan import DCGAN
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from ganinv.generators.stylegan2 import StyleGAN2
from ganinv.weights.locate import locate
from ganinv.weights.store import read_weights

ARCHITECTURES = {"dcgan": DCGAN, "mobile_stylegan": MobileStyleGAN, "stylegan2": StyleGAN2}


def load_generator(name, device="cpu"):
    """Load a generator by its name in the manifest or by the path of a file.

    A file is one of ours (.safetensors) or a StyleGAN2 checkpoint of NVIDIA's or rosinality's
    code, e4e's and pSp's included, which is converted once and kept. It comes frozen, in eval
    mode, float32. Nothing is downloaded: weights that are not here raise WeightsError with the
    command that brings them, as does a file that is no generator.
    """
    path, label, sha256 = locate(name, "generator")
    generator = read_generator(path)
    generator.name, generator.sha256 = label, sha256
    return generator.to(device)


def read_generator(path):
    """Build the generator that a safetensors file describes; raise WeightsError where it cannot."""
    description, state = read_weights(path)
    architecture = description.get("architecture")
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise WeightsError(f"{path} holds no generator (its architecture is {architecture!r})")
    try:
        generator = ARCHITECTURES[architecture](**description["config"])
        _load_state(generator, state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"{path} does not fit its own description: {reason}") from None
    return generator


def _load_state(generator, state):
    """Load weights; W's mean and spread are measured where the file does not bring them."""
    missing, unexpected = generator.load_state_dict(state, strict=False)
    if unexpected or not set(missing) <= {"w_avg", "w_std"}:
        raise RuntimeError(f"missing {missing[:3]}, unexpected {unexpected[:3]}")
    freeze(generator)
    if missing:
        measure_w(generator, w_avg=state.get("w_avg"))

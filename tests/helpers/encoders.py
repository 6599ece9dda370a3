"""A training of an encoder, and its held-out images."""

from ganinv.generators.load import load_generator
from ganinv.seeds import image_rng
from ganinv.training.encoder import draws
from ganinv.training.encoder.networks import Networks
from ganinv.training.encoder.settings import EncoderParams
from helpers.tensors import eight_bits, quiet

TRAINED = dict(
    device="cpu",
    precision="float32",
    compile="off",
    log_every=0,
    held_out=16,
    seed=1,
    fit_samples=300,
    fit_ridge=50.0,
    steps=45,
    batch=4,
    lr=0.3,
    change=0.1,
    clean=0.5,
    save_every=20,
    r1_every=4,
    adversarial=0.03,
)


def held_out(toy, count=16, seed=1):
    """The held-out images, drawn anew: w at truncation 0.8, on the 8-bit grid."""
    rng = image_rng(seed, "held out")
    ws, _ = draws.draw_ws(toy, count, rng, truncation=(0.8, 0.8), mixing=0)
    return eight_bits(toy.synthesis(ws)), ws


def build(params, generator=None):
    """The networks of a training."""
    return Networks(params, generator or load_generator(params.generator), quiet)


def quick_params(generator, out, /, **changes):
    """The parameters of a training of two steps for the toy."""
    settings = dict(
        generator=str(generator),
        out=str(out),
        device="cpu",
        precision="float32",
        compile="off",
        fit_samples=0,
        steps=2,
        batch=2,
        held_out=2,
        lr=0.02,
        log_every=0,
    )
    return EncoderParams.make(settings | changes)

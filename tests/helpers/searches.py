"""Quick searches."""

import ganinv
from ganinv.runs.params import Params

QUICK = dict(
    space="w",
    coordinates="w",
    loss="l2",
    steps=6,
    lr=0.1,
    precision="float32",
    compile="off",
    log_every=0,
    snapshot_every=0,
)


def search(generator, target, **changes):
    """Invert one image in a few steps of Adam in W under L2, or as `changes` say."""
    return ganinv.invert(generator, target, **QUICK | changes)


def quick_params(generator, images, out, /, **changes):
    """`Params` of such searches, of images taken as they are, on a CPU."""
    run = dict(generator=str(generator), images=[str(path) for path in images], out=str(out))
    return Params.make(QUICK | run | dict(align=False, device="cpu") | changes)

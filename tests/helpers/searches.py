"""Quick searches."""

import ganinv

QUICK = dict(
    space="w",
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

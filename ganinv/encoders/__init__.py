"""Encoders: image -> latent. An encoder is a callable with a `resolution` that maps images
(N, 3, H, W) in [-1, 1] of that resolution or larger to codes (N, num_ws, w_dim), its latent
average added."""

from ganinv.weights import WeightsError, ensure, load_manifest


def load_encoder(name, device="cpu"):
    """Load an encoder by its name in the manifest or the path of its file.

    Raises WeightsError for one that is not known; in this version the package brings no encoder
    of its own, and `ganinv.invert` takes any callable.
    """
    known = [key for key, entry in load_manifest().items() if entry.kind in LOADERS]
    if name not in known:
        have = ", ".join(known) if known else "no encoder yet; pass a callable to ganinv.invert"
        raise WeightsError(f"no encoder named {name!r}; the manifest has {have}")
    return LOADERS[load_manifest()[name].kind](ensure(name), device)


LOADERS = {}  # kind in the manifest -> function of a path and a device
